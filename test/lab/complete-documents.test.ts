import { describe, expect, it } from 'vitest';
import { parsePools } from '../../src/cluster/address-pool.ts';
import { completeKeepingGood, type LabPools } from '../../src/lab/complete-documents.ts';
import {
  applyDocuments,
  deleteDocuments,
  type LabDocument,
  manifestText,
  resolveDocuments,
} from '../../src/lab/documents.ts';
import { nodeManifest } from './manifests.ts';

type Raw = Readonly<Record<string, unknown>>;

function service(name: string, spec: Raw = {}): Raw {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ port: 80 }], ...spec },
  };
}

/** A lab's documents through changes, as `lab up`, `apply` and `delete` make them. */
function lab(pools = '') {
  const parsed = parsePools(pools);
  let state: LabPools = { loadBalancerPools: 'value' in parsed ? parsed.value : [], balancerAddresses: {} };
  let documents: readonly LabDocument[] = [];
  const change = (next: readonly LabDocument[]) => {
    const completed = completeKeepingGood(documents, next, state);
    documents = resolveDocuments(completed.documents, completed.objects);
    state = { ...state, balancerAddresses: completed.balancerAddresses };
    const shown = JSON.parse(manifestText(documents, completed.objects)) as {
      readonly items: readonly Raw[];
    };
    const find = (name: string) => completed.objects.find((object) => object.name === name);
    return { ...completed, documents, shown: shown.items, find };
  };
  return {
    apply: (time: string, ...manifests: readonly Raw[]) =>
      change(applyDocuments(documents, manifests, `2026-01-01T00:00:${time}Z`)),
    remove: (...manifests: readonly Raw[]) => change(deleteDocuments(documents, manifests)),
  };
}

const reasons = ({ problems }: ReturnType<ReturnType<typeof lab>['apply']>) =>
  problems.map(({ reason, object }) => `${reason} ${object.name}`);

describe('completeKeepingGood', () => {
  it('[E24] shows agents the addresses of a pool, and chooses anew what a later change takes away', () => {
    const { apply, remove } = lab('203.0.113.1/32');
    const balancer = (name: string, more: Raw = {}) => service(name, { type: 'LoadBalancer', ...more });
    const first = apply('01', nodeManifest('n'), balancer('a'), balancer('b'));
    expect(reasons(first)).toEqual(['LoadBalancerAddressesExhausted b']);
    const ingress = ({ shown }: typeof first, name: string) => {
      const item = shown.find(({ metadata }) => (metadata as Raw).name === name) as Raw;
      return (item.status as { readonly loadBalancer?: unknown } | undefined)?.loadBalancer;
    };
    const given = { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] };
    expect([ingress(first, 'a'), ingress(first, 'b')]).toEqual([given, undefined]);
    // As long as it may, it stays with a, though b is the one that changes.
    const again = apply('02', balancer('b', { sessionAffinity: 'ClientIP' }));
    expect([ingress(again, 'a'), ingress(again, 'b')]).toEqual([given, undefined]);
    const plain = apply('03', service('a'));
    expect([ingress(plain, 'a'), ingress(plain, 'b')]).toEqual([undefined, given]);
    apply('04', balancer('a'));
    expect(ingress(remove(balancer('b')), 'a')).toEqual(given);
  });

  it('[A65] [A22] lets no elder Service take what a younger one has', () => {
    const { apply } = lab();
    const exposed = (nodePort: number) => ({ type: 'NodePort', ports: [{ port: 80, nodePort }] });
    apply('01', nodeManifest('n'), service('elder', exposed(30007)));
    apply('02', service('younger', exposed(30008)));
    const refused = apply('03', service('elder', exposed(30008)));
    expect(reasons(refused)).toEqual(['DuplicateNodePort elder']);
    expect(refused.find('younger')).toMatchObject({ ports: [{ nodePort: 30008 }] });
    expect(refused.find('elder')).toMatchObject({ ports: [{ nodePort: 30007 }] });
    // The agents see what was asked for, and refuse it as well.
    const { documents } = refused;
    expect(documents.find(({ key }) => key === 'Service shop/elder')?.refused).toMatchObject({
      spec: exposed(30008),
    });
  });

  it('[A64] keeps the cluster IP through a change of type and of families', () => {
    const { apply } = lab();
    const ips = (done: ReturnType<typeof apply>) =>
      (done.find('web') as unknown as Raw).clusterIps as string[];
    const [first] = ips(apply('01', nodeManifest('n'), service('web', { clusterIP: '10.96.0.7' })));
    expect(ips(apply('02', service('web', { type: 'NodePort' })))).toEqual([first]);
    const dual = ips(apply('03', service('web', { ipFamilyPolicy: 'PreferDualStack' })));
    expect(dual).toEqual([first, expect.stringMatching(/^fd96::/)]);
    expect(reasons(apply('04', service('web', { clusterIP: '10.96.0.8' })))).toEqual(['ImmutableField web']);
  });

  it('[A64] keeps the second address of a Service whose manifest drops it, through every later change', () => {
    const { apply } = lab();
    const named = (...clusterIPs: readonly string[]) =>
      service('a', { ipFamilyPolicy: 'PreferDualStack', clusterIP: clusterIPs[0], clusterIPs });
    const both = ['10.96.0.7', 'fd96::7'];
    apply('01', nodeManifest('n'), named(...both));
    for (const [time, ...changed] of [['02', named('10.96.0.7')], ['03', service('b')], ['04']] as const) {
      const { find, shown } = apply(time, ...changed);
      expect(find('a')).toMatchObject({ clusterIps: both });
      const { spec } = shown.find(({ metadata }) => (metadata as Raw).name === 'a') ?? {};
      expect(spec).toMatchObject({ clusterIP: '10.96.0.7', clusterIPs: both });
    }
  });

  it('[A64] keeps the second family of a Service whose manifest drops its policy, through every later change', () => {
    const { apply } = lab();
    const dual = apply('01', nodeManifest('n'), service('a', { ipFamilyPolicy: 'PreferDualStack' })).find(
      'a',
    );
    expect(dual).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'] });
    for (const [time, ...others] of [['02'], ['03', service('b')], ['04']] as const) {
      const { find, shown, problems } = apply(time, service('a'), ...others);
      expect(problems).toEqual([]);
      expect(find('a')).toMatchObject({ clusterIps: (dual as { readonly clusterIps: unknown }).clusterIps });
      const { spec } = shown.find(({ metadata }) => (metadata as Raw).name === 'a') ?? {};
      expect(spec).toMatchObject({ ipFamilyPolicy: 'PreferDualStack' });
    }
    expect(apply('05', service('a', { ipFamilyPolicy: 'SingleStack' })).find('a')).toMatchObject({
      ipFamilies: ['IPv4'],
    });
  });
});
