/** discovery.k8s.io/v1 EndpointSlice. */
import { type Address, type Family, familyOf } from '../model/address.ts';
import { type NodeName, objectName, PROTOCOLS } from '../model/names.ts';
import type { EndpointSliceObject, SliceEndpoint } from '../model/objects.ts';
import {
  childField,
  type Field,
  fieldAt,
  isPresent,
  readAddress,
  readBoolean,
  readChoice,
  readItems,
  readPort,
  readText,
  refuse,
} from './field.ts';
import { readMeta } from './meta.ts';
import { readDnsLabel } from './name-syntax.ts';
import { readNodeName, readPodReference } from './pod.ts';
import { readAppProtocol } from './service-ports.ts';
import { sharedText } from './shared-text.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';
const NO_HINTS: readonly string[] = [];

/** Findings say what is wrong; the result holds only where none is an error. */
export function readEndpointSliceObject(root: Field): EndpointSliceObject {
  const meta = readMeta(root, 'namespaced', 'subdomain');
  const typeField = childField(root, 'addressType');
  const addressType = readChoice(typeField, ['IPv4', 'IPv6', 'FQDN'] as const);
  if (addressType === undefined)
    refuse(typeField, 'MissingValue', 'no address type is given', 'set addressType to IPv4, IPv6 or FQDN');
  const service = meta.labels[SERVICE_LABEL];
  return {
    kind: 'EndpointSlice',
    ...meta,
    service: service === undefined || service === '' ? null : objectName(meta.namespace, service),
    addressType: addressType ?? 'FQDN',
    ports: readSlicePorts(childField(root, 'ports')),
    endpoints:
      addressType === undefined || addressType === 'FQDN'
        ? []
        : readItems(childField(root, 'endpoints')).map((item) =>
            readEndpoint(item, addressType, meta.namespace),
          ),
  };
}

function readSlicePorts(field: Field): EndpointSliceObject['ports'] {
  const names = new Set<string>();
  return readItems(field).map((item) => {
    const nameField = childField(item, 'name');
    const name = nameField.value === '' ? '' : (readDnsLabel(nameField) ?? '');
    if (names.has(name)) {
      const remedy = 'give each port of the slice its own name';
      refuse(nameField, 'DuplicatePortName', `another port of the slice is named "${name}" too`, remedy);
    }
    names.add(name);
    return {
      name,
      protocol: readChoice(childField(item, 'protocol'), PROTOCOLS) ?? 'TCP',
      ...readAppProtocol(item),
      port: readPort(childField(item, 'port')) ?? null,
    };
  });
}

function readEndpoint(item: Field, family: Family, namespace: string): SliceEndpoint {
  const conditions = childField(item, 'conditions');
  const ready = readBoolean(childField(conditions, 'ready'), true);
  const pod = readPodReference(childField(item, 'targetRef'));
  return {
    addresses: readEndpointAddresses(childField(item, 'addresses'), family),
    ready,
    serving: readBoolean(childField(conditions, 'serving'), ready),
    terminating: readBoolean(childField(conditions, 'terminating'), false),
    nodeName: readNodeName(childField(item, 'nodeName')),
    zone: readZone(childField(item, 'zone')),
    hintZones: readHints(fieldAt(item, 'hints', 'forZones')),
    hintNodes: readHints(fieldAt(item, 'hints', 'forNodes')) as readonly NodeName[],
    targetPod: pod === null ? null : objectName(pod.namespace === '' ? namespace : pod.namespace, pod.name),
    hostname: readDnsLabel(childField(item, 'hostname')) ?? null,
  };
}

function readZone(field: Field): string | null {
  const zone = readText(field);
  return zone === undefined ? null : sharedText(zone);
}

function readEndpointAddresses(field: Field, family: Family): readonly Address[] {
  const items = readItems(field);
  if (items.length === 0 && !(isPresent(field) && !Array.isArray(field.value))) {
    refuse(field, 'MissingValue', 'the endpoint has no address', 'give it one address');
  }
  const addresses = items.flatMap((item) => {
    const address = readAddress(item);
    if (address === undefined)
      return refuse(item, 'MissingValue', 'the address is empty', 'give an IP address') ?? [];
    if (familyOf(address) === family) return address;
    const remedy = `use ${family} addresses, or another slice with addressType ${familyOf(address)}`;
    refuse(
      item,
      'AddressFamilyMismatch',
      `${address} is not an ${family} address as addressType says`,
      remedy,
    );
    return [];
  });
  // flatMap leaves room for 16 more: a copy without saves 13 MB with a hundred thousand endpoints.
  return addresses.slice();
}

function readHints(field: Field): readonly string[] {
  const items = readItems(field);
  // Most endpoints have none: a hundred thousand of them share one empty list.
  if (items.length === 0) return NO_HINTS;
  return items.flatMap((item) => {
    const nameField = childField(item, 'name');
    const name = readText(nameField);
    if (name !== undefined && name !== '') return sharedText(name);
    return refuse(nameField, 'MissingValue', 'the hint names nothing', 'set its name') ?? [];
  });
}
