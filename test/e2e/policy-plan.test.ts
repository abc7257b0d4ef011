/**
 * Open flows that a plan says would be cut are those that the change cuts, and no others; held by connections between real
 * pods. WEIR_LAB_PLAN_SETS tries more random sets of policies, WEIR_LAB_POLICY_SEED other ones.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CutFlow } from '../../src/explain/cut-flows.ts';
import { compareText } from '../../src/model/names.ts';
import { weir } from '../cli/weir.ts';
import { policySets } from '../oracle/generated-policies.ts';
import { policyManifest } from './generated-policy-manifests.ts';
import { type Manifest, node, pod, service } from './manifests.ts';
import { type Destination, type OpenConversations, openConversations } from './open-conversations.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { namespace, networkPolicy } from './policy-manifests.ts';

const SETS = Number(process.env.WEIR_LAB_PLAN_SETS ?? 5);
const SEED = Number(process.env.WEIR_LAB_POLICY_SEED ?? 11);
const NODES = ['one', 'two'];
const LABELS: readonly Readonly<Record<string, string>>[] = [
  { app: 'web' },
  { app: 'db', tier: 'front' },
  { tier: '' },
];
const SERVICE = '10.96.7.7';

/** `of` is the namespace; at an address that the generator's blocks are about. */
const PODS = ['x', 'y', 'z'].flatMap((of, row) =>
  ['a', 'b'].map((name, column) => {
    const number = row * 2 + column + 1;
    return { of, name, number, addresses: [`10.1.${number % 3}.${number}`, `fd00:1::${number}`] };
  }),
);
const CLUSTER: readonly Manifest[] = [
  ...NODES.map((name) => node(name)),
  namespace('x', { app: 'web' }),
  namespace('y', { tier: 'front' }),
  namespace('z'),
  ...PODS.map(({ of, name, number, addresses }) => {
    const ports = [
      { containerPort: 80, name: 'http' },
      { containerPort: 53, protocol: 'UDP' as const, name: 'dns' },
    ];
    const labels = { ...LABELS[number % LABELS.length], pod: name };
    const manifest = pod(name, { namespace: of, node: String(NODES[number % 2]), labels, ports });
    return {
      ...manifest,
      status: { ...(manifest.status as object), podIPs: addresses.map((ip) => ({ ip })) },
    };
  }),
  service(
    'web',
    { selector: { pod: 'a' }, clusterIP: SERVICE, ports: [{ port: 8080, targetPort: 80 }] },
    { metadata: { namespace: 'x' } },
  ),
];

interface Plan {
  readonly flows: { readonly judged: number | null; readonly why: string | null };
  readonly cut: readonly CutFlow[];
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-plan-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(POLICY_BACKENDS)('planned policies on %s', { timeout: 300_000 }, (backend) => {
  const lab = usePolicyLab(backend, CLUSTER);
  const open: OpenConversations[] = [];
  const endAll = () => {
    for (const each of open.splice(0)) each.end();
  };
  afterAll(endAll);
  const from = (who: string, ...destinations: readonly Destination[]) => {
    const conversations = openConversations(lab, who, destinations);
    open.push(conversations);
    return conversations;
  };
  const talkAll = async () => new Set((await Promise.all(open.map((each) => each.talk()))).flat());
  /** What the agents of all nodes say that these policies would cut. */
  const planOf = async (policies: readonly Manifest[]): Promise<readonly CutFlow[]> => {
    const file = join(folder, 'planned.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...CLUSTER, ...policies] }));
    const plans = NODES.map(async (name) => {
      const argv = ['plan', '--manifests', file, '--instance', `lab-${lab.name}-${name}`, '--json'];
      const { code, stdout, stderr } = await weir(argv);
      const { flows, cut } = JSON.parse(stdout) as Plan;
      expect({ code, stderr: stderr.replace(/^(warning|error): .*\n/gm, ''), why: flows.why }).toEqual({
        code: 0,
        stderr: '',
        why: null,
      });
      return cut;
    });
    return (await Promise.all(plans)).flat();
  };

  /** Of what talks: connections of tests before may not have ended at both ends yet. */
  const plannedOf = async (policies: readonly Manifest[], talking: ReadonlySet<string>) =>
    (await planOf(policies)).filter((flow) => talking.has(clientOf(flow)));

  it('[F11] names the open flows that a policy would cut, the Service and both rules', async () => {
    const onlyFrom = (name: string) => {
      const peer = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
      const rule = { from: [peer], ports: [{ port: 80 }] };
      return networkPolicy(
        'shut',
        { podSelector: { matchLabels: { pod: 'a' } }, ingress: [rule] },
        { namespace: 'x' },
      );
    };
    const [server] = PODS;
    const direct = (server?.addresses ?? []).map(
      (address): Destination => ({ address, port: 80, protocol: 'tcp' }),
    );
    from('y/a', ...direct, { address: SERVICE, port: 8080, protocol: 'tcp' });
    from('z/a', ...direct);
    const talking = await talkAll();
    expect(talking.size).toBe(5);
    const none = { rule: null, isolatedBy: [] };
    const isolated = { rule: null, isolatedBy: ['NetworkPolicy x/shut'] };
    expect(summaryOf(await plannedOf([onlyFrom('y')], talking))).toEqual(
      ['z/a', 'z/a'].map((client) => ['x/a', 'ingress', client, null, 80, none, isolated]),
    );
    await lab.during([onlyFrom('y')], async () => {
      expect((await talkAll()).size).toBe(3);
      const rule = expect.objectContaining({
        policy: 'NetworkPolicy x/shut',
        path: 'spec.ingress[0].from[0].ports[0]',
      });
      const planned = await plannedOf([onlyFrom('z')], talking);
      expect(summaryOf(planned)).toEqual(
        [null, null, 'x/web'].map((by) => [
          'x/a',
          'ingress',
          'y/a',
          by,
          80,
          { rule, isolatedBy: [] },
          isolated,
        ]),
      );
      expect(new Set(planned.map(clientOf))).toEqual(await talkAll());
      await lab.apply(onlyFrom('z'));
      expect([...(await talkAll())].filter((flow) => planned.map(clientOf).includes(flow))).toEqual([]);
    });
    endAll();
  });

  it('[F11] [C15] judges a client’s flow to a Service by the server behind it', async () => {
    const outTo = (name: string) =>
      networkPolicy(
        'out',
        {
          podSelector: { matchLabels: { pod: 'a' } },
          policyTypes: ['Egress'],
          egress: [{ to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } }] }],
        },
        { namespace: 'y' },
      );
    await lab.during([outTo('x')], async () => {
      from('y/a', { address: SERVICE, port: 8080, protocol: 'tcp' });
      const talking = await talkAll();
      expect(talking.size).toBe(1);
      expect(await plannedOf([outTo('x')], talking)).toEqual([]);
      const planned = await plannedOf([outTo('z')], talking);
      expect(planned).toMatchObject([
        { pod: 'y/a', direction: 'egress', peerPod: 'x/a', port: 80, service: 'x/web', protocol: 'tcp' },
      ]);
      expect(new Set(planned.map(clientOf))).toEqual(talking);
      await lab.apply(outTo('z'));
      expect((await talkAll()).size).toBe(0);
    });
    endAll();
  });

  it('[C12] [F11] leaves a pod with itself behind a Service alone', async () => {
    const shut = networkPolicy(
      'alone',
      { podSelector: { matchLabels: { pod: 'a' } }, policyTypes: ['Ingress', 'Egress'] },
      { namespace: 'x' },
    );
    from('x/a', { address: SERVICE, port: 8080, protocol: 'tcp' });
    const talking = await talkAll();
    expect(talking.size).toBe(1);
    expect(await plannedOf([shut], talking)).toEqual([]);
    await lab.during([shut], async () => expect((await talkAll()).size).toBe(1));
    endAll();
  });

  it('[F11] the flows that a plan names are those that the change cuts, of any policies', async () => {
    const sets = fc
      .sample(policySets, { seed: SEED, numRuns: SETS })
      .map((policies) => policies.map(policyManifest));
    let [cutEver, keptEver] = [0, 0];
    let before: readonly Manifest[] = [];
    for (const after of [...sets, []]) {
      openBetweenAll(from);
      const talking = await talkAll();
      const planned = (await plannedOf(after, talking)).map(clientOf);
      await change(before, after);
      const still = await talkAll();
      const cut = [...talking].filter((flow) => !still.has(flow));
      expect({ after, cut: cut.sort() }).toEqual({
        after,
        cut: [...new Set(planned)].sort(),
      });
      cutEver += cut.length;
      keptEver += still.size;
      endAll();
      before = after;
    }
    expect(cutEver).toBeGreaterThan(10);
    expect(keptEver).toBeGreaterThan(10);
  });

  /** No packet meets what is between the two. */
  async function change(before: readonly Manifest[], after: readonly Manifest[]): Promise<void> {
    const left = before.filter((old) => !after.some((fresh) => nameOf(fresh) === nameOf(old)));
    if (after.length > 0) await lab.apply(...after);
    if (left.length > 0) await lab.remove(...left);
  }
});

/** Every pod with every other one, on both ports, and with the Service; the families take turns. */
function openBetweenAll(from: (who: string, ...destinations: readonly Destination[]) => unknown): void {
  for (const client of PODS) {
    const servers = PODS.filter((server) => server !== client);
    const destinations = servers.flatMap(({ addresses, number }): Destination[] => {
      const [address = '', other = ''] =
        (client.number + number) % 2 === 0 ? addresses : addresses.toReversed();
      return [
        { address, port: 80, protocol: 'tcp' },
        { address: other, port: 53, protocol: 'udp' },
      ];
    });
    const byService: Destination = { address: SERVICE, port: 8080, protocol: 'tcp' };
    from(`${client.of}/${client.name}`, ...destinations, byService);
  }
}

function summaryOf(cut: readonly CutFlow[]): readonly (readonly unknown[])[] {
  const byService = cut.toSorted((a, b) => compareText(a.service ?? '', b.service ?? ''));
  return byService.map((flow) => [
    flow.pod,
    flow.direction,
    flow.peerPod,
    flow.service,
    flow.port,
    flow.allowedBy,
    flow.deniedBy,
  ]);
}

/** As a conversation calls itself. */
function clientOf({ direction, protocol, local, localPort, peer, peerPort }: CutFlow): string {
  return direction === 'egress' ? `${protocol} ${local} ${localPort}` : `${protocol} ${peer} ${peerPort}`;
}

function nameOf({ kind, metadata }: Manifest): string {
  const { namespace: of = '', name } = metadata as { readonly namespace?: string; readonly name: string };
  return `${kind} ${of}/${name}`;
}
