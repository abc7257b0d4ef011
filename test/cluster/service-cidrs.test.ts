import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { kubernetesJson } from '../../src/cluster/kubernetes-json.ts';
import { keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { Prefix } from '../../src/model/address.ts';
import type { ObjectChange, WeirObject } from '../../src/model/objects.ts';
import { serviceCidrObject } from '../objects.ts';
import { follow, ordered } from './clusters.ts';
import { completedOf, objectsOf, service } from './completion.ts';

const TINY = { ...DEFAULT_CLUSTER_OPTIONS, serviceCidrs: ['10.96.0.0/30' as Prefix] };
const PORT = 'ports: [{port: 80}]';
const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });
const more = (cidr: string, name = 'more', deleting = false) =>
  serviceCidrObject({ name, cidrs: [cidr as Prefix], deleting });

function cluster(memory?: ReturnType<ReturnType<typeof keepLastGood>['memory']>) {
  const plane = keepLastGood(createControlPlane(TINY, memory?.allocations), memory?.given);
  const objects = new Map<string, WeirObject>();
  const apply = (changes: readonly ObjectChange[]) => {
    const { changes: done, problems } = plane.apply(changes);
    return completedOf({ objects: ordered(follow(objects, done).values()), problems });
  };
  return {
    set: (...given: readonly (string | WeirObject)[]) =>
      apply(given.flatMap((each) => (typeof each === 'string' ? objectsOf(each) : [each])).map(set)),
    remove: (kind: 'Service' | 'ServiceCIDR', name: string) =>
      apply([{ type: 'delete', kind, namespace: kind === 'Service' ? 'default' : '', name }]),
    memory: () => plane.memory(),
  };
}

const ipsOf = ({ objects }: { readonly objects: readonly WeirObject[] }): readonly string[] =>
  objects.flatMap((object) => (object.kind === 'Service' ? [...object.clusterIps] : []));

describe('ServiceCIDRs', () => {
  it('[A65] give cluster IPs when the configured networks are full, to Services that went without too', () => {
    const { set: put } = cluster();
    const full = put(service('a', PORT), service('b', PORT), service('c', PORT));
    expect(full.findings()).toEqual(['error AddressesExhausted Service c spec.clusterIPs']);
    const done = put(more('10.112.0.0/24'));
    expect(done.findings()).toEqual([]);
    expect(done.service('c')?.clusterIps[0]).toMatch(/^10\.112\.0\./);
  });

  it('[A65] count once where they say what is configured', () => {
    const { problems } = cluster().set(
      more('10.96.0.0/30', 'kubernetes'),
      ...['a', 'b', 'c'].map((name) => service(name, PORT)),
    );
    expect(problems.map(({ message }) => message)).toEqual(['no IPv4 cluster IP is free in 10.96.0.0/30']);
  });

  it('[A65] have a static band of their own', () => {
    const done = cluster().set(
      more('10.112.0.0/24'),
      ...Array.from({ length: 200 }, (_, index) => service(`s${index}`, PORT)),
    );
    const numbers = ipsOf(done)
      .filter((ip) => ip.startsWith('10.112.'))
      .map((ip) => Number(ip.split('.')[3]));
    expect(numbers).toHaveLength(198);
    expect(Math.min(...numbers)).toBeGreaterThan(16);
  });

  it('[A65] named kubernetes come before the configured ones, and decide the first family', () => {
    const done = cluster().set(more('fd97::/120', 'kubernetes'), service('a', PORT));
    expect(done.service('a')).toMatchObject({
      ipFamilies: ['IPv6'],
      clusterIps: [expect.stringMatching(/^fd97::/)],
    });
    const dual = cluster().set(more('fd97::/120'), service('a', `${PORT}, ipFamilyPolicy: PreferDualStack`));
    expect(dual.service('a')?.ipFamilies).toEqual(['IPv4', 'IPv6']);
  });

  it('[A63] [A64] leave the families of those who have cluster IPs as they are', () => {
    const { set: put } = cluster();
    const before = put(service('a', PORT)).service('a');
    put(more('fd97::/120', 'kubernetes'));
    expect(put(service('a', `${PORT}, sessionAffinity: ClientIP`)).service('a')?.clusterIps).toEqual(
      before?.clusterIps,
    );
    const dual = put(service('a', `${PORT}, ipFamilyPolicy: PreferDualStack`)).service('a');
    expect(dual?.ipFamilies).toEqual(['IPv4', 'IPv6']);
    expect(dual?.clusterIps[0]).toBe(before?.clusterIps[0]);
  });

  it('[A65] make explicit addresses in them ordinary', () => {
    const explicit = service('a', `${PORT}, clusterIP: 10.112.0.7`);
    expect(cluster().set(explicit).findings()).toEqual([
      'warning ClusterIPOutsideRange Service a spec.clusterIP',
    ]);
    expect(cluster().set(explicit, more('10.112.0.0/24')).findings()).toEqual([]);
  });

  it('[A65] stay while cluster IPs are in them, give no new ones, and go with the last', () => {
    const { set: put, remove } = cluster();
    put(more('10.112.0.0/30'), service('a', PORT), service('b', PORT), service('c', PORT));
    const ip = (done: ReturnType<typeof put>) => done.service('c')?.clusterIps;
    const leaving = remove('ServiceCIDR', 'more');
    expect(ip(leaving)).toEqual([expect.stringMatching(/^10\.112\./)]);
    const object = leaving.objects.find(({ kind }) => kind === 'ServiceCIDR');
    expect(object?.deleting).toBe(true);
    expect(kubernetesJson(object as WeirObject, null, new Map())).toMatchObject({
      spec: { cidrs: ['10.112.0.0/30'] },
      status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Terminating' }] },
    });
    const late = put(service('d', PORT));
    expect(late.findings()).toEqual(['error AddressesExhausted Service d spec.clusterIPs']);
    const gone = remove('Service', 'c');
    expect(gone.objects.filter(({ kind }) => kind === 'ServiceCIDR')).toEqual([]);
  });

  it('[A65] that are leaving survive a restart, and come back as they were', () => {
    const before = cluster();
    before.set(more('10.112.0.0/30'), service('a', PORT), service('b', PORT), service('c', PORT));
    const { objects } = before.remove('ServiceCIDR', 'more');
    const after = cluster(before.memory());
    const again = after.set(service('a', PORT), service('b', PORT), service('c', PORT));
    expect(again.objects).toEqual(objects);
    const back = after.set(more('10.112.0.0/30'), service('d', PORT));
    expect(back.findings()).toEqual([]);
    expect(back.objects.find(({ kind }) => kind === 'ServiceCIDR')?.deleting).toBe(false);
  });

  it('[A65] go at once where another one holds their addresses', () => {
    const { set: put, remove } = cluster();
    put(more('10.112.0.0/30'), more('10.112.0.0/24', 'wide'), service('c', `${PORT}, clusterIP: 10.112.0.1`));
    const done = remove('ServiceCIDR', 'more');
    expect(done.objects.filter(({ kind }) => kind === 'ServiceCIDR').map(({ name }) => name)).toEqual([
      'wide',
    ]);
  });

  it('[A63] that are being deleted count as missing to Services that do without', () => {
    const deleting = more('fd97::/120', 'more', true);
    const done = cluster().set(deleting, service('a', `${PORT}, ipFamilyPolicy: PreferDualStack`));
    expect(done.findings()).toEqual([]);
    expect(done.service('a')?.ipFamilies).toEqual(['IPv4']);
  });
});
