/** discovery.k8s.io/v1 EndpointSlice. */
import { type Address, type Family, familyOf } from '../model/address.ts';
import { type NodeName, objectName, PROTOCOLS } from '../model/names.ts';
import type { EndpointSliceObject, SliceEndpoint } from '../model/objects.ts';
import {
  childField,
  type Field,
  isPresent,
  readAddress,
  readBoolean,
  readChoice,
  readItems,
  readPort,
  readText,
  refuse,
  reject,
  shown,
} from './field.ts';
import { readMeta } from './meta.ts';
import { isDnsSubdomain, isLabelValue, readDnsLabel } from './name-syntax.ts';
import { readNodeName, readPodReference } from './pod.ts';
import { readAppProtocol } from './service-ports.ts';
import { sharedData, sharedText } from './shared-values.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';
/** The API server's limits, of a slice, of an endpoint and of one kind of hint. */
const [MOST_ENDPOINTS, MOST_PORTS, MOST_ADDRESSES, MOST_HINTS] = [1000, 20_000, 100, 8];
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
    endpoints: readEndpoints(childField(root, 'endpoints'), addressType, meta.namespace),
  };
}

/** None of host names, which nothing here can use; these are checked all the same. */
function readEndpoints(
  field: Field,
  addressType: EndpointSliceObject['addressType'] | undefined,
  namespace: string,
): readonly SliceEndpoint[] {
  const items = readLimited(field, MOST_ENDPOINTS, 'endpoints');
  if (addressType === undefined) return [];
  if (addressType !== 'FQDN') return items.map((item) => readEndpoint(item, addressType, namespace));
  for (const name of items.flatMap((item) => readItems(childField(item, 'addresses')))) checkHostName(name);
  return [];
}

/** The items of a list, of which there may be `most`. */
function readLimited(field: Field, most: number, what: string): readonly Field[] {
  const items = readItems(field);
  if (items.length > most) {
    const message = `${items.length} ${what} are more than the ${most} allowed`;
    reject(field, 'TooMany', message, `keep at most ${most}, the others elsewhere`);
  }
  return items;
}

function checkHostName(field: Field): void {
  const text = (readText(field) ?? '').replace(/\.$/, '');
  if (isDnsSubdomain(text) && text.includes('.')) return;
  const remedy = 'use a fully qualified name such as db.example.com';
  reject(field, 'InvalidName', `${shown(text)} is no fully qualified DNS name`, remedy);
}

function readSlicePorts(field: Field): EndpointSliceObject['ports'] {
  const names = new Set<string>();
  return readLimited(field, MOST_PORTS, 'ports').map((item) => {
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
  const hints = childField(item, 'hints');
  return {
    addresses: readEndpointAddresses(childField(item, 'addresses'), family),
    ready,
    serving: readBoolean(childField(conditions, 'serving'), ready),
    terminating: readBoolean(childField(conditions, 'terminating'), false),
    nodeName: readNodeName(childField(item, 'nodeName')),
    zone: readZone(childField(item, 'zone')),
    hintZones: readHints(childField(hints, 'forZones'), isLabelValue),
    hintNodes: readHints(childField(hints, 'forNodes'), isDnsSubdomain) as readonly NodeName[],
    targetPod: pod === null ? null : objectName(pod.namespace === '' ? namespace : pod.namespace, pod.name),
    hostname: readDnsLabel(childField(item, 'hostname')) ?? null,
  };
}

function readZone(field: Field): string | null {
  const zone = readText(field);
  return zone === undefined ? null : sharedText(zone);
}

function readEndpointAddresses(field: Field, family: Family): readonly Address[] {
  const items = readLimited(field, MOST_ADDRESSES, 'addresses');
  if (items.length === 0 && !(isPresent(field) && !Array.isArray(field.value))) {
    refuse(field, 'MissingValue', 'the endpoint has no address', 'give it one address');
  }
  const [only] = items;
  // Most endpoints have one: of a hundred thousand lists none has room for more.
  if (only !== undefined && items.length === 1) {
    const address = readAddressOf(family, only);
    return address === undefined ? [] : [address];
  }
  return items.flatMap((item) => readAddressOf(family, item) ?? []);
}

function readAddressOf(family: Family, item: Field): Address | undefined {
  const address = readAddress(item);
  if (address === undefined)
    return refuse(item, 'MissingValue', 'the address is empty', 'give an IP address');
  if (familyOf(address) === family) return address;
  const message = `${address} is not an ${family} address as addressType says`;
  const remedy = `use ${family} addresses, or another slice with addressType ${familyOf(address)}`;
  return refuse(item, 'AddressFamilyMismatch', message, remedy);
}

function readHints(field: Field, isValid: (name: string) => boolean): readonly string[] {
  const items = readLimited(field, MOST_HINTS, 'hints');
  // Most endpoints have none: a hundred thousand of them share one empty list.
  if (items.length === 0) return NO_HINTS;
  const names: string[] = [];
  for (const item of items) {
    const nameField = childField(item, 'name');
    const name = readText(nameField) ?? '';
    if (name === '') refuse(nameField, 'MissingValue', 'the hint names nothing', 'set its name');
    else if (!isValid(name)) {
      reject(nameField, 'InvalidName', `${shown(name)} can be no such name`, 'name it as its nodes do');
    } else if (names.includes(name))
      reject(nameField, 'DuplicateValue', `${name} is listed twice`, 'list it once');
    names.push(name);
  }
  return sharedData(names);
}
