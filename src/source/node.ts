/** core/v1 Node. */
import { familyOf, type Prefix } from '../model/address.ts';
import type { NodeObject } from '../model/objects.ts';
import { unroutableReason } from '../model/unroutable-address.ts';
import {
  childField,
  type Field,
  fieldAt,
  isPresent,
  readAddress,
  readBoolean,
  readItems,
  readPrefix,
  readText,
  refuse,
  shown,
  UNREACHABLE_REMEDY,
  warn,
} from './field.ts';
import { readMeta } from './meta.ts';
import { millisOf } from './quantity.ts';

/** Set by the cluster autoscaler before it deletes a node (KEP-3836). */
const AUTOSCALER_TAINT = 'ToBeDeletedByClusterAutoscaler';

/** Findings say what is wrong; the result holds only where none is an error. */
export function readNodeObject(root: Field): NodeObject {
  const unschedulable = readBoolean(fieldAt(root, 'spec', 'unschedulable'), false);
  const cpuMillis = readCpu(childField(root, 'status'));
  return {
    kind: 'Node',
    ...readMeta(root, 'cluster', 'subdomain'),
    podCidrs: readPodCidrs(childField(root, 'spec')),
    ...(unschedulable ? { unschedulable } : {}),
    ...(isLeaving(fieldAt(root, 'spec', 'taints')) ? { leaving: true as const } : {}),
    ...(cpuMillis === undefined ? {} : { cpuMillis }),
    ...(isNotReady(fieldAt(root, 'status', 'conditions')) ? { notReady: true as const } : {}),
    addresses: readNodeAddresses(fieldAt(root, 'status', 'addresses')),
  };
}

/** A node without a quantity that can be read still runs pods: it only counts for nothing in topology hints. */
function readCpu(status: Field): number | undefined {
  const [allocatable, capacity] = [fieldAt(status, 'allocatable', 'cpu'), fieldAt(status, 'capacity', 'cpu')];
  const field = isPresent(allocatable) ? allocatable : capacity;
  if (!isPresent(field)) return undefined;
  const millis = millisOf(field.value);
  if (millis === undefined)
    warn(field, 'InvalidQuantity', `${shown(field.value)} is no CPU quantity`, 'use 4, 0.5 or 3920m');
  return millis;
}

function isLeaving(taints: Field): boolean {
  return readItems(taints).some((taint) => childField(taint, 'key').value === AUTOSCALER_TAINT);
}

function isNotReady(conditions: Field): boolean {
  const ready = readItems(conditions).find((item) => childField(item, 'type').value === 'Ready');
  return ready !== undefined && childField(ready, 'status').value !== 'True';
}

function readPodCidrs(spec: Field): readonly Prefix[] {
  const [list, single] = [childField(spec, 'podCIDRs'), childField(spec, 'podCIDR')];
  const fields = isPresent(list) ? readItems(list) : single.value === '' ? [] : [single];
  const prefixes: Prefix[] = [];
  for (const field of fields) {
    const prefix = readPrefix(field);
    if (prefix === undefined) continue;
    if (prefixes.some((other) => familyOf(other) === familyOf(prefix))) {
      const remedy = 'keep at most one IPv4 and one IPv6 CIDR';
      refuse(field, 'DuplicateFamily', `${prefix} is the second ${familyOf(prefix)} CIDR`, remedy);
    }
    prefixes.push(prefix);
  }
  return prefixes;
}

function readNodeAddresses(field: Field): NodeObject['addresses'] {
  const addresses: NodeObject['addresses'][number][] = [];
  for (const item of readItems(field)) {
    const type = readText(childField(item, 'type'));
    // Hostname, InternalDNS and ExternalDNS are names: nothing a dataplane could match.
    if (type !== 'InternalIP' && type !== 'ExternalIP') continue;
    const addressField = childField(item, 'address');
    const address = readAddress(addressField);
    const reason = address === undefined ? null : unroutableReason(address);
    if (address !== undefined && reason === null) addresses.push({ type, address });
    // A node without one of its addresses still runs pods.
    if (reason !== null)
      warn(addressField, 'InvalidAddress', `${address} is ${reason} and left out`, UNREACHABLE_REMEDY);
  }
  return addresses;
}
