import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createServiceCompiler } from '../../../src/compile/services/compiler.ts';
import { prefixesWithout } from '../../../src/compile/services/prefix-holes.ts';
import { type Address, addressFromBytes, prefixContains } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';
import { compile, viewOf } from './sample-cluster.ts';
import { cidr, defaultOptions, ip, service } from './sample-objects.ts';

const OTHER_PROXY = { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } };

function isReserved(prefixes: readonly ReturnType<typeof cidr>[], address: string): boolean {
  return prefixes.some((prefix) => prefixContains(prefix, ip(address)));
}

it('[A62] cluster IPs of another proxy’s Services are not dropped as unallocated', () => {
  const { rows } = compile([
    service('theirs', ['10.96.0.7', 'fd96::7'], OTHER_PROXY),
    service('ours', ['10.96.0.8']),
  ]);
  const { serviceCidrs } = rows.node;
  expect(['10.96.0.7', 'fd96::7'].map((each) => isReserved(serviceCidrs, each))).toEqual([false, false]);
  expect(
    ['10.96.0.6', '10.96.0.8', '10.96.255.255', 'fd96::6'].every((each) => isReserved(serviceCidrs, each)),
  ).toBe(true);
  expect(rows.addresses.has(ip('10.96.0.7'))).toBe(false);
});

it('[A62] a Service that changes its proxy is let pass, or taken back', () => {
  const compiler = createServiceCompiler(defaultOptions());
  const touched = {
    services: new Set(['shop/a' as ObjectName]),
    pods: new Set<ObjectName>(),
    nodes: new Set<never>(),
    namespaces: new Set<string>(),
    serviceCidrs: new Set<string>(),
    policies: new Set<never>(),
  };
  const reservedAfter = (changes: Parameters<typeof service>[2]) => {
    compiler.update(viewOf([service('a', ['10.96.0.7'], changes)]), touched);
    return isReserved(compiler.rows().node.serviceCidrs, '10.96.0.7');
  };
  expect(reservedAfter({})).toBe(true);
  expect(reservedAfter(OTHER_PROXY)).toBe(false);
  expect(reservedAfter({})).toBe(true);
});

it('[A62] prefixes lose the addresses taken out, and nothing else', () => {
  const addresses = fc
    .tuple(fc.nat(3), fc.nat(255))
    .map(([high, low]): Address => addressFromBytes(Uint8Array.of(10, 96, high, low)));
  const within = cidr('10.96.0.0/23');
  fc.assert(
    fc.property(fc.array(addresses, { maxLength: 5 }), addresses, (holes, asked) => {
      const left = prefixesWithout([within], holes);
      const found = left.filter((prefix) => prefixContains(prefix, asked)).length;
      expect(found).toBe(prefixContains(within, asked) && !holes.includes(asked) ? 1 : 0);
    }),
  );
});
