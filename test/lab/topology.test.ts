import { describe, expect, it } from 'vitest';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { changeOf, EMPTY_PLAN, type LabPlan } from '../../src/lab/plan.ts';
import { planLab } from '../../src/lab/topology.ts';
import { parseObject } from '../../src/source/parse-object.ts';
import { nodeManifest, podManifest, TWO_NODES } from './manifests.ts';

function planOf(manifests: readonly unknown[]): LabPlan {
  const objects = manifests.flatMap((raw) => {
    const parsed = parseObject(raw, null);
    return parsed.type === 'object' ? [parsed.object] : [];
  });
  const completed = completeObjects(objects, DEFAULT_CLUSTER_OPTIONS);
  return planLab(completed.objects, { lab: 'x', cgroups: true, agents: true });
}

function settingsOf(plan: LabPlan, namespace: string): readonly string[] {
  const found = plan.namespaces.find(({ name }) => name === namespace);
  return (found?.settings ?? []).map(({ object, text }) => `${object} ${text}`);
}

describe('plan of a lab', () => {
  const plan = planOf(TWO_NODES);

  it('has a namespace for each node and pod, not for pods of the host network', () => {
    expect(plan.namespaces.map(({ name }) => name).sort()).toEqual([
      'weir-x-external',
      'weir-x-n-north',
      'weir-x-n-south',
      'weir-x-p-shop-cart',
      'weir-x-p-shop-stock',
      'weir-x-p-shop-web',
      'weir-x-underlay',
    ]);
    const exporter = plan.processes.find(({ id }) => id === 'shop/exporter');
    expect(exporter?.namespace).toBe('weir-x-n-south');
  });

  it('gives nodes their own addresses, whatever network these are of', () => {
    expect(settingsOf(plan, 'weir-x-n-south')).toContain('address 192.168.7.9/32 dev eth0');
    expect(settingsOf(plan, 'weir-x-n-south')).toContain('address fd99::9/128 dev eth0 nodad');
  });

  it('routes a pod outside the pod networks by its node', () => {
    expect(settingsOf(plan, 'weir-x-n-north')).toContainEqual(
      expect.stringMatching(
        /^route 10\.250\.0\.7\/32 via 192\.168\.7\.9 dev eth0 onlink src 172\.31\.0\.\d+$/,
      ),
    );
    expect(settingsOf(plan, 'weir-x-external')).toContain(
      'route fd55::7/128 via fd99::9 dev eth0 onlink src 2001:db8:ffff::10',
    );
  });

  it('reaches IPv4 pods by link-local next hop where the node has no IPv4 address', () => {
    const settings = settingsOf(
      planOf([
        nodeManifest('four', ['10.1.0.1']),
        nodeManifest('six', ['fd99::6']),
        podManifest('far', { node: 'six', ips: ['10.250.0.9'] }),
      ]),
      'weir-x-n-four',
    );
    expect(settings).toContainEqual(
      expect.stringMatching(/^route 10\.250\.0\.9\/32 via inet6 fe80::\S+ dev eth0 onlink src 10\.1\.0\.1$/),
    );
  });

  it('says what it leaves out', () => {
    const { notes } = planOf([nodeManifest('a', ['10.1.0.1']), nodeManifest('b', ['10.1.0.1'])]);
    expect(notes).toEqual(["Node b: status.addresses: 10.1.0.1 is Node a's: it is left out"]);
  });

  it('starts no pod on a node that does not exist', () => {
    const { processes } = planOf([...TWO_NODES, podManifest('lost', { node: 'nowhere' })]);
    expect(processes.map(({ id }) => id)).not.toContain('shop/lost');
  });

  it('starts no process for a pod that has ended', () => {
    const ended = { ...podManifest('job', { node: 'north' }), status: { phase: 'Succeeded' } };
    expect(planOf([...TWO_NODES, ended]).processes.some(({ id }) => id === 'shop/job')).toBe(false);
  });

  it('lets the external client play endpoints outside the cluster', () => {
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'db', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'db' } },
      addressType: 'IPv4',
      ports: [{ port: 3306, protocol: 'TCP' }],
      endpoints: [{ addresses: ['10.0.0.5'] }, { addresses: ['10.250.0.7'] }, { addresses: ['127.0.0.1'] }],
    };
    const withSlice = planOf([...TWO_NODES, slice]);
    const addresses = settingsOf(withSlice, 'weir-x-external').filter((line) => line.endsWith('dev lo'));
    expect(addresses).toEqual(['address 203.0.113.10/32 dev lo', 'address 10.0.0.5/32 dev lo']);
    const external = withSlice.processes.find(({ id }) => id === 'external');
    expect(external?.servers).toContainEqual({ protocol: 'TCP', port: 3306 });
  });

  it('routes an address that two pods share to the one that is not terminating', () => {
    const terminating = podManifest('old', { node: 'north', ips: ['10.250.0.7', 'fd55::7'] });
    const metadata = {
      name: 'old',
      namespace: 'shop',
      deletionTimestamp: '2026-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 30,
    };
    const routes = settingsOf(planOf([{ ...terminating, metadata }, ...TWO_NODES]), 'weir-x-n-north');
    expect(routes.filter((line) => line.startsWith('route 10.250.0.7/32'))).toEqual([
      expect.stringContaining('via 192.168.7.9'),
    ]);
  });
});

describe('change of a plan', () => {
  const before = planOf(TWO_NODES);

  it('is empty when nothing changed', () => {
    const { settings, namespaces, links, processes, serving, agents, cgroups } = changeOf(before, before);
    expect([settings, serving]).toEqual([[], []]);
    for (const each of [namespaces, links, processes, agents, cgroups])
      expect(each).toEqual({ gone: [], come: [] });
  });

  it('makes everything of a new lab', () => {
    const change = changeOf(EMPTY_PLAN, before);
    expect(change.namespaces.come).toHaveLength(7);
    expect(change.processes.come).toHaveLength(7);
  });

  it('tells a pod its new ports and starts nothing', () => {
    const after = planOf(
      TWO_NODES.map((raw) =>
        raw === TWO_NODES[2] ? podManifest('web', { node: 'north', ports: [[81]] }) : raw,
      ),
    );
    const change = changeOf(before, after);
    expect(change.serving.map(({ id }) => id)).toEqual(['shop/web']);
    expect(change.processes).toEqual({ gone: [], come: [] });
  });

  it('makes a pod anew that moves to another node', () => {
    const after = planOf(
      TWO_NODES.map((raw) => (raw === TWO_NODES[2] ? podManifest('web', { node: 'south' }) : raw)),
    );
    const change = changeOf(before, after);
    for (const each of [change.namespaces, change.processes]) {
      expect(each.gone).toHaveLength(1);
      expect(each.come).toHaveLength(1);
    }
    expect(change.links.come.map(({ namespace }) => namespace)).toEqual(['weir-x-n-south']);
    const own = change.settings.find(({ namespace }) => namespace === 'weir-x-p-shop-web');
    expect(own?.come.length).toBeGreaterThan(0);
    expect(own?.gone).toEqual([]);
  });

  it('never removes a setting that it replaces', () => {
    const after = planOf(
      TWO_NODES.map((raw) =>
        raw === TWO_NODES[1] ? nodeManifest('south', ['192.168.7.10', 'fd99::9']) : raw,
      ),
    );
    const north = changeOf(before, after).settings.find(({ namespace }) => namespace === 'weir-x-n-north');
    const gone = north?.gone.map(({ object, text }) => `${object} ${text.split(' ')[0]}`) ?? [];
    expect(gone).toEqual(['neighbour 192.168.7.9', 'route 192.168.7.9/32']);
    expect(north?.come.map(({ text }) => text.split(' ')[0])).toContain('10.250.0.7/32');
  });
});
