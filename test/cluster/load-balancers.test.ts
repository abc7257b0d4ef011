import { describe, expect, it } from 'vitest';
import { parsePools } from '../../src/cluster/address-pool.ts';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { type ControlPlaneMemory, keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { ObjectChange, WeirObject } from '../../src/model/objects.ts';
import { follow, ordered } from './clusters.ts';
import { type Completed, complete, completedOf, objectsOf, service } from './completion.ts';

const PORT = 'ports: [{port: 80}]';
const IPS = 'weir.dev/load-balancer-ips';
const SHARED = 'weir.dev/allow-shared-ip';
const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });

function optionsOf(pools: string) {
  const parsed = parsePools(pools);
  if ('error' in parsed) throw new Error(parsed.error);
  return { ...DEFAULT_CLUSTER_OPTIONS, loadBalancerPools: parsed.value };
}

/** A load balancer; `metadata` and `spec` in YAML's flow form. */
function balancer(name: string, annotations: Readonly<Record<string, string>> = {}, spec = PORT): string {
  return service(name, `type: LoadBalancer, ${spec}`, `annotations: ${JSON.stringify(annotations)}`);
}

const aged = (text: string, year: number) =>
  text.replace('metadata: {', `metadata: {creationTimestamp: "${year}-01-01T00:00:00Z", `);

const done = (pools: string, ...manifests: readonly string[]) =>
  complete(manifests.join(''), optionsOf(pools));
const addresses = (completed: Completed, name: string) =>
  completed.service(name)?.loadBalancerIngress.map(({ address }) => address);

function cluster(pools: string, memory?: ControlPlaneMemory) {
  const plane = keepLastGood(createControlPlane(optionsOf(pools), memory?.allocations), memory?.given);
  const objects = new Map<string, WeirObject>();
  const apply = (changes: readonly ObjectChange[]) => {
    const step = plane.apply(changes);
    return completedOf({ objects: ordered(follow(objects, step.changes).values()), problems: step.problems });
  };
  return {
    set: (...manifests: readonly string[]) => apply(objectsOf(manifests.join('')).map(set)),
    remove: (name: string) => apply([{ type: 'delete', kind: 'Service', namespace: 'default', name }]),
    memory: () => plane.memory(),
  };
}

describe('load-balancer addresses of a pool', () => {
  const POOL = '203.0.113.0/24,2001:db8::/112';

  it('[A29] [E24] are one of each family of the Service, in its order', () => {
    const families = 'ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4]';
    const completed = done(POOL, balancer('a'), balancer('b', {}, `${PORT}, ${families}`));
    expect(addresses(completed, 'a')).toEqual([expect.stringMatching(/^203\.0\.113\.\d+$/)]);
    expect(addresses(completed, 'b')).toEqual([
      expect.stringMatching(/^2001:db8::/),
      expect.stringMatching(/^203\.0\.113\./),
    ]);
    expect(completed.findings()).toEqual([]);
  });

  it('[E24] follow from the name alone: more Services move none', () => {
    const alone = addresses(done(POOL, balancer('web')), 'web');
    const others = Array.from({ length: 60 }, (_, index) => balancer(`s${index}`));
    const among = done(POOL, ...others, balancer('web'));
    expect(addresses(among, 'web')).toEqual(alone);
    const all = among.objects.flatMap((object) => addresses(among, object.name) ?? []);
    expect(new Set(all).size).toBe(61);
  });

  it('[A29] are of the pools of the class; a class without pool is left alone', () => {
    const pools = JSON.stringify([
      { addresses: '203.0.113.0/24' },
      { name: 'inside', class: 'example.com/inside', addresses: '10.200.0.0/24' },
    ]);
    const of = (name: string) => balancer(name, {}, `${PORT}, loadBalancerClass: example.com/${name}`);
    const completed = done(pools, of('inside'), of('foreign'), balancer('plain'));
    expect(addresses(completed, 'inside')?.[0]).toMatch(/^10\.200\.0\./);
    expect(addresses(completed, 'foreign')).toEqual([]);
    expect(addresses(completed, 'plain')?.[0]).toMatch(/^203\.0\.113\./);
    expect(completed.findings()).toEqual([]);
  });

  it('[A63] [E24] of a family that no pool has are missed only by who requires it', () => {
    const dual = (policy: string) => `${PORT}, ipFamilyPolicy: ${policy}`;
    const completed = done(
      '203.0.113.0/24',
      balancer('a', {}, dual('PreferDualStack')),
      balancer('b', {}, dual('RequireDualStack')),
    );
    expect([addresses(completed, 'a')?.length, addresses(completed, 'b')?.length]).toEqual([1, 1]);
    expect(completed.problems.map(({ object, message }) => [object.name, message])).toEqual([
      ['b', 'no pool gives IPv6 addresses to Services that ask for none'],
    ]);
  });

  it('[E24] of a pool without autoAssign are only for those who ask', () => {
    const pools = JSON.stringify([{ addresses: '203.0.113.0/24', autoAssign: false }]);
    const completed = done(pools, balancer('asks', { [IPS]: '203.0.113.7' }), balancer('waits'));
    expect(addresses(completed, 'asks')).toEqual(['203.0.113.7']);
    expect(addresses(completed, 'waits')).toEqual([]);
    expect(completed.problems.map(({ message }) => message)).toEqual([
      'no pool gives IPv4 addresses to Services that ask for none',
    ]);
  });

  it('[A29] that are asked for are given, by annotation before spec.loadBalancerIP, the other family as usual', () => {
    const dual = `${PORT}, ipFamilyPolicy: RequireDualStack, loadBalancerIP: 203.0.113.9`;
    const completed = done(
      POOL,
      balancer('a', {}, `${PORT}, loadBalancerIP: 203.0.113.7`),
      balancer('b', { [IPS]: '203.0.113.8' }, dual),
      balancer('c', { [IPS]: ' 203.0.113.10 , 2001:db8::a' }, dual),
    );
    expect(addresses(completed, 'a')).toEqual(['203.0.113.7']);
    expect(addresses(completed, 'b')).toEqual(['203.0.113.8', expect.stringMatching(/^2001:db8::/)]);
    expect(addresses(completed, 'c')).toEqual(['203.0.113.10', '2001:db8::a']);
  });

  it.each([
    ['203.0.114.1', 'error LoadBalancerAddressRefused', '203.0.114.1 is in no pool'],
    ['203.0.113.0', 'error LoadBalancerAddressRefused', '203.0.113.0 is in no pool'],
    ['203.0.113.255', 'error LoadBalancerAddressRefused', '203.0.113.255 is in no pool'],
    ['2001:db8::7', 'error LoadBalancerAddressRefused', '2001:db8::7 is of a family'],
  ])('[A29] that are asked for and can’t be had leave the Service without: %s', (ip, finding, message) => {
    const completed = done(POOL, balancer('a', { [IPS]: ip }));
    expect(completed.findings()).toEqual([`${finding} Service a metadata.annotations['${IPS}']`]);
    expect(completed.problems[0]?.message).toContain(message);
    expect(completed.service('a')?.clusterIps).toHaveLength(1);
  });

  it('[E24] are chosen as without annotation where its value makes no sense, with a warning', () => {
    for (const value of ['here', '203.0.113.7,203.0.113.8', '203.0.113.7,']) {
      const completed = done(POOL, balancer('a', { [IPS]: value }));
      expect(completed.findings()).toEqual([
        `warning UnknownAnnotationValue Service a metadata.annotations['${IPS}']`,
      ]);
      expect(addresses(completed, 'a')).toEqual(addresses(done(POOL, balancer('a')), 'a'));
    }
  });

  it('[A29] asked for by two are the elder’s, and stay with whoever has them', () => {
    const first = aged(balancer('a', { [IPS]: '203.0.113.7' }), 2026);
    const second = aged(balancer('b', { [IPS]: '203.0.113.7' }), 2025);
    const completed = done(POOL, first, second);
    expect([addresses(completed, 'a'), addresses(completed, 'b')]).toEqual([[], ['203.0.113.7']]);
    expect(completed.problems[0]).toMatchObject({
      reason: 'LoadBalancerAddressTaken',
      message: '203.0.113.7 is the load-balancer address of Service default/b already',
    });
    const { set: put } = cluster(POOL);
    put(first);
    const later = put(second);
    expect([addresses(later, 'a'), addresses(later, 'b')]).toEqual([['203.0.113.7'], []]);
  });

  it('[A29] that a status names stay, and are given to nobody else', () => {
    const status = (name: string, ip: string) =>
      `${balancer(name)}status: {loadBalancer: {ingress: [{ip: ${ip}}]}}\n`;
    const completed = done(
      '203.0.113.1-203.0.113.2',
      status('a', '203.0.113.1'),
      balancer('b'),
      balancer('c'),
    );
    expect(addresses(completed, 'a')).toEqual(['203.0.113.1']);
    expect(addresses(completed, 'b')).toEqual(['203.0.113.2']);
    expect(completed.findings()).toEqual([
      'error LoadBalancerAddressesExhausted Service c status.loadBalancer.ingress',
    ]);
    expect(addresses(done(POOL, status('a', '198.51.100.7')), 'a')).toEqual(['198.51.100.7']);
    const { set: put } = cluster(POOL);
    put(status('a', '203.0.113.7'));
    expect(addresses(put(balancer('a')), 'a')).toEqual(['203.0.113.7']);
  });

  it('[E24] run out by name of the pool, and go to who waits when the type changes or the Service goes', () => {
    const { set: put, remove } = cluster('203.0.113.1/32');
    const full = put(balancer('a'), balancer('b'));
    expect(full.problems.map(({ message }) => message)).toEqual(['no IPv4 address is free in pool default']);
    expect(addresses(full, 'b')).toEqual([]);
    const changed = put(service('a', PORT));
    expect([changed.service('a')?.loadBalancerIngress, addresses(changed, 'b')]).toEqual([
      [],
      ['203.0.113.1'],
    ]);
    expect(changed.findings()).toEqual([]);
    put(balancer('a'));
    const gone = remove('b');
    expect(addresses(gone, 'a')).toEqual(['203.0.113.1']);
  });

  it('[E24] stay across a restart, also with another pool as long as it holds them', () => {
    const before = cluster('203.0.113.1-203.0.113.2');
    before.set(balancer('a'));
    const moved = addresses(before.set(balancer('b')), 'b');
    const wide = cluster('203.0.113.0/24', before.memory()).set(
      balancer('first'),
      balancer('a'),
      balancer('b'),
    );
    expect(addresses(wide, 'b')).toEqual(moved);
    const other = cluster('198.51.100.0/24', before.memory()).set(balancer('a'), balancer('b'));
    expect(addresses(other, 'b')?.[0]).toMatch(/^198\.51\.100\./);
  });
});

describe('shared load-balancer addresses', () => {
  const POOL = '203.0.113.0/24';
  const key = { [SHARED]: 'door' };
  const port = (number: number, more = '') => `ports: [{port: ${number}}]${more}`;

  it('[A29] [E24] are one for Services of a key whose ports differ', () => {
    const udp = 'ports: [{port: 80, protocol: UDP}]';
    const completed = done(
      POOL,
      balancer('a', key, port(80)),
      balancer('b', key, port(81)),
      balancer('c', key, udp),
      balancer('d', key, port(80)),
      balancer('e', { [SHARED]: 'other' }, port(82)),
    );
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => addresses(completed, name)?.[0]);
    expect([b, c]).toEqual([a, a]);
    expect(new Set([a, d, e]).size).toBe(3);
    expect(completed.findings()).toEqual([]);
  });

  it('[E24] under policy Local are only for one selector', () => {
    const local = (app: string) => `, externalTrafficPolicy: Local, selector: {app: ${app}}`;
    const completed = done(
      POOL,
      balancer('a', key, port(80, local('web'))),
      balancer('b', key, port(81, local('web'))),
      balancer('c', key, port(82, local('db'))),
      balancer('d', key, port(83, ', selector: {app: web}')),
    );
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => addresses(completed, name)?.[0]);
    expect(b).toBe(a);
    expect(new Set([a, c, d]).size).toBe(3);
  });

  it('[E24] move to another one only who begins to clash', () => {
    const { set: put } = cluster(POOL);
    const before = put(balancer('a', key, port(80)), balancer('b', key, port(81)));
    const after = put(balancer('a', key, port(81)));
    expect(addresses(after, 'b')).toEqual(addresses(before, 'b'));
    expect(addresses(after, 'a')).not.toEqual(addresses(before, 'a'));
  });

  it('[E24] are refused where they were asked for and the ports clash', () => {
    const ask = { ...key, [IPS]: '203.0.113.7' };
    const completed = done(
      POOL,
      balancer('a', ask, port(80)),
      balancer('b', ask, port(81)),
      balancer('c', ask, port(81)),
    );
    expect([addresses(completed, 'a'), addresses(completed, 'b')]).toEqual([
      ['203.0.113.7'],
      ['203.0.113.7'],
    ]);
    expect(completed.findings()).toEqual([
      `error LoadBalancerAddressTaken Service c metadata.annotations['${IPS}']`,
    ]);
  });
});
