/** core/v1 Endpoints. */
import { objectName, PROTOCOLS } from '../model/names.ts';
import type { EndpointsAddress, EndpointsObject } from '../model/objects.ts';
import {
  childField,
  type Field,
  readAddress,
  readChoice,
  readItems,
  readPort,
  refuse,
  reject,
} from './field.ts';
import { readMeta } from './meta.ts';
import { readDnsLabel } from './name-syntax.ts';
import { readNodeName, readPodReference } from './pod.ts';
import { readAppProtocol } from './service-ports.ts';

/** Findings say what is wrong; the result holds only where none is an error. */
export function readEndpointsObject(root: Field): EndpointsObject {
  const meta = readMeta(root, 'namespaced', 'subdomain');
  return {
    kind: 'Endpoints',
    ...meta,
    subsets: readItems(childField(root, 'subsets')).map((subset) => readSubset(subset, meta.namespace)),
  };
}

function readSubset(subset: Field, namespace: string): EndpointsObject['subsets'][number] {
  const [readyField, unreadyField] = [
    childField(subset, 'addresses'),
    childField(subset, 'notReadyAddresses'),
  ];
  if (readItems(readyField).length + readItems(unreadyField).length === 0)
    reject(readyField, 'MissingValue', 'the subset has no address', 'add one or leave the subset out');
  return {
    addresses: readEndpointsAddresses(readyField, namespace),
    notReadyAddresses: readEndpointsAddresses(unreadyField, namespace),
    ports: readEndpointsPorts(childField(subset, 'ports')),
  };
}

function readEndpointsAddresses(field: Field, namespace: string): readonly EndpointsAddress[] {
  return readItems(field).flatMap((item) => {
    const addressField = childField(item, 'ip');
    const address = readAddress(addressField);
    if (address === undefined) {
      return refuse(addressField, 'MissingValue', 'the address is missing', 'set ip') ?? [];
    }
    const pod = readPodReference(childField(item, 'targetRef'));
    return {
      address,
      nodeName: readNodeName(childField(item, 'nodeName')),
      targetPod: pod === null ? null : objectName(pod.namespace === '' ? namespace : pod.namespace, pod.name),
      hostname: readDnsLabel(childField(item, 'hostname')) ?? null,
    };
  });
}

function readEndpointsPorts(field: Field): EndpointsObject['subsets'][number]['ports'] {
  const items = readItems(field);
  return items.flatMap((item) => {
    const [nameField, portField] = [childField(item, 'name'), childField(item, 'port')];
    const name = nameField.value === '' ? '' : (readDnsLabel(nameField) ?? '');
    if (name === '' && items.length > 1) {
      refuse(nameField, 'MissingName', 'one of several ports has no name', 'name every port');
    }
    const protocol = readChoice(childField(item, 'protocol'), PROTOCOLS) ?? 'TCP';
    const appProtocol = readAppProtocol(item);
    const port = readPort(portField);
    if (port !== undefined) return { name, protocol, ...appProtocol, port };
    return refuse(portField, 'MissingValue', 'the port has no number', 'set port') ?? [];
  });
}
