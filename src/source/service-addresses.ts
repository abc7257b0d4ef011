/** The fields of a Service that say which cluster IPs it has or wants: clusterIP(s), ipFamilies, ipFamilyPolicy. */
import { type Address, FAMILIES, type Family, familyOf } from '../model/address.ts';
import type { ServiceObject } from '../model/objects.ts';
import {
  childField,
  type Field,
  isPresent,
  readAddress,
  readChoice,
  readItems,
  readText,
  refuse,
  reject,
} from './field.ts';

type ClusterAddresses = Pick<ServiceObject, 'clusterIps' | 'ipFamilies' | 'ipFamilyPolicy'>;

const POLICIES = ['SingleStack', 'PreferDualStack', 'RequireDualStack'] as const;

/** Families follow from explicit cluster IPs where they are not given. */
export function readClusterAddresses(
  spec: Field,
  type: ServiceObject['type'],
  hasSelector: boolean,
): ClusterAddresses {
  const policyField = childField(spec, 'ipFamilyPolicy');
  const ipFamilyPolicy = readChoice(policyField, POLICIES) ?? null;
  const familiesField = childField(spec, 'ipFamilies');
  const ipFamilies = readFamilies(familiesField);
  const clusterIps = readClusterIps(spec, type);
  const isDual = new Set(ipFamilies).size > 1 || (clusterIps !== 'headless' && clusterIps.length > 1);
  // Without a policy the API server takes SingleStack, but for headless Services without selector.
  const isSingle =
    ipFamilyPolicy === null ? clusterIps !== 'headless' || hasSelector : ipFamilyPolicy === 'SingleStack';
  if (isDual && isSingle) {
    const remedy = 'set ipFamilyPolicy to PreferDualStack or RequireDualStack, or keep one family';
    reject(policyField, 'InvalidValue', 'SingleStack, the default, allows one family only', remedy);
  }
  if (clusterIps === 'headless') return { clusterIps, ipFamilies, ipFamilyPolicy };
  const found = clusterIps.map(familyOf);
  const mismatch = found.some((family, index) => (ipFamilies[index] ?? family) !== family);
  if (mismatch) {
    const remedy = 'put the families in the order of clusterIPs or leave ipFamilies out';
    refuse(familiesField, 'InvalidValue', `the cluster IPs are ${found.join(', ')}`, remedy);
  }
  return { clusterIps, ipFamilies: ipFamilies.length >= found.length ? ipFamilies : found, ipFamilyPolicy };
}

function readFamilies(field: Field): readonly Family[] {
  const families: Family[] = [];
  for (const item of readItems(field)) {
    const family = readChoice(item, FAMILIES);
    if (family === undefined) continue;
    if (families.includes(family))
      refuse(item, 'DuplicateValue', `${family} is listed twice`, 'list it once');
    families.push(family);
  }
  return families;
}

function readClusterIps(spec: Field, type: ServiceObject['type']): readonly Address[] | 'headless' {
  const [list, single] = [childField(spec, 'clusterIPs'), childField(spec, 'clusterIP')];
  const first = readText(single) ?? '';
  const fields = readItems(list).length > 0 ? readItems(list) : first === '' ? [] : [single];
  if (fields.length > 0 && type === 'ExternalName') {
    const remedy = 'leave it out: an ExternalName is a DNS name only';
    refuse(single, 'InvalidValue', 'a Service of type ExternalName has no cluster IP', remedy);
    return [];
  }
  if (first === '' && fields.length > 0) {
    const remedy = 'set clusterIP to the first of them';
    reject(single, 'MissingValue', 'clusterIPs is given without clusterIP', remedy);
  }
  if (first !== '' && isPresent(list) && fields[0]?.value !== first) {
    const remedy = 'make it the first of clusterIPs or leave it out';
    refuse(single, 'InvalidValue', 'clusterIP differs from the first of clusterIPs', remedy);
  }
  if (fields.some((field) => field.value === 'None')) return readHeadless(fields, type);
  return readDistinctFamilies(fields);
}

function readHeadless(fields: readonly Field[], type: ServiceObject['type']): 'headless' {
  const [field] = fields;
  if (field !== undefined && fields.length > 1) {
    refuse(field, 'InvalidValue', 'None stands beside other cluster IPs', 'use None alone');
  }
  if (field !== undefined && type !== 'ClusterIP') {
    const remedy = 'use type ClusterIP or leave the cluster IP out';
    refuse(field, 'InvalidValue', `a Service of type ${type} can't be headless`, remedy);
  }
  return 'headless';
}

function readDistinctFamilies(fields: readonly Field[]): readonly Address[] {
  const addresses: Address[] = [];
  for (const field of fields) {
    const address = readAddress(field);
    if (address === undefined) continue;
    if (addresses.some((other) => familyOf(other) === familyOf(address))) {
      const remedy = 'keep at most one cluster IP of each family';
      refuse(field, 'DuplicateFamily', `${address} is the second ${familyOf(address)} cluster IP`, remedy);
    }
    addresses.push(address);
  }
  return addresses;
}
