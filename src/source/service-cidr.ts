/** networking.k8s.io/v1 ServiceCIDR. */
import { familyOf, type Prefix } from '../model/address.ts';
import type { ServiceCidrObject } from '../model/objects.ts';
import { type Field, fieldAt, readItems, readPrefix, refuse } from './field.ts';
import { readMeta } from './meta.ts';

/** Findings say what is wrong; the result holds only where none is an error. */
export function readServiceCidrObject(root: Field): ServiceCidrObject {
  return {
    kind: 'ServiceCIDR',
    ...readMeta(root, 'cluster', 'subdomain'),
    cidrs: readCidrs(fieldAt(root, 'spec', 'cidrs')),
  };
}

function readCidrs(field: Field): readonly Prefix[] {
  const items = readItems(field);
  if (items.length === 0)
    refuse(field, 'MissingValue', 'the ServiceCIDR has no network', 'give one CIDR, or one of each family');
  const cidrs: Prefix[] = [];
  for (const item of items) {
    const cidr = readPrefix(item);
    if (cidr === undefined) {
      refuse(item, 'MissingValue', 'the network is empty', 'give a CIDR such as 10.112.0.0/16');
      continue;
    }
    if (cidrs.some((other) => familyOf(other) === familyOf(cidr))) {
      const remedy = 'keep one CIDR of each family; make another ServiceCIDR for more';
      refuse(item, 'DuplicateFamily', `${cidr} is the second ${familyOf(cidr)} CIDR`, remedy);
    }
    cidrs.push(cidr);
  }
  return cidrs;
}
