import { pino } from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createPolicyCore } from '../../src/agent/policy-core.ts';
import { addPolicyMetrics } from '../../src/agent/policy-metrics.ts';
import { createPolicyPipeline } from '../../src/agent/policy-pipeline.ts';
import { createPolicyCompiler } from '../../src/compile/policies/compiler.ts';
import type { ServiceDataplane } from '../../src/dataplane/bpf/services/dataplane.ts';
import type { PodInterfaceState } from '../../src/dataplane/interfaces/pod-interface-state.ts';
import type { PodInterfaceWatch } from '../../src/dataplane/interfaces/watch-pod-interfaces.ts';
import type { PolicyBackend, PolicyInstallReport } from '../../src/dataplane/policy-backend.ts';
import type { PodInterface } from '../../src/dataplane/policy-change.ts';
import { TALLY_WORDS, type Tally } from '../../src/generated/policy.ts';
import { type Address, parseAddress } from '../../src/model/address.ts';
import type { NodeName, ObjectName } from '../../src/model/names.ts';
import type { WeirObject } from '../../src/model/objects.ts';
import { createWorld } from '../../src/world/world.ts';
import { networkPolicyObject, podObject } from '../objects.ts';
import { createManualClock } from './manual-clock.ts';
import { changeOf, rowsOf } from './rows-samples.ts';

const NODE = 'n1' as NodeName;
const WEB = 'shop/web' as ObjectName;
const CART = 'shop/cart' as ObjectName;
const CLOSED = networkPolicyObject({ namespace: 'shop', name: 'closed', ingress: [], egress: null });

const podAt = (name: string, address: string) =>
  podObject({ namespace: 'shop', name, nodeName: NODE, addresses: [parseAddress(address) as Address] });

const NO_FIGURES = {
  revision: 0,
  flows: 0,
  repairs: 0,
  upgrade: null,
  passages: null,
  capacities: { subjects: 0, peers: 0, verdicts: 0, flows: 0 },
  drops: [],
  tallies: Object.fromEntries(TALLY_WORDS.map((word) => [word, 0])) as Readonly<Record<Tally, number>>,
  rules: [],
};

/** What a backend was asked for, in order. */
type Call = 'services' | 'sync' | 'apply' | 'repair' | 'collect' | 'sweep' | 'close';

/** A node's policy loop with real rows; its kernel and its interfaces are the test's. */
function createNode(indexes: Readonly<Record<string, number>>) {
  const clock = createManualClock();
  const world = createWorld();
  const compiler = createPolicyCompiler(NODE);
  const kernel = {
    calls: [] as Call[],
    joined: new Map<ObjectName, PodInterface>(),
    report: {} as Partial<PolicyInstallReport>,
    refuseToOpen: 0,
    /** null: rows of Services are not wanted. */
    writeServices: null as (() => void) | null,
    failToCompile: false,
  };
  const pipeline = createPolicyPipeline({
    view: world.view,
    compiler: {
      ...compiler,
      update(view, touched) {
        if (kernel.failToCompile) throw new Error('no such class');
        return compiler.update(view, touched);
      },
    },
  });
  const lines: string[] = [];
  const core = createPolicyCore({
    pipeline,
    node: NODE,
    clock,
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
    serviceRows: { rows: () => rowsOf(), serviceAt: () => undefined, followRows: () => () => changeOf() },
    minSyncPeriodMs: 0,
    syncPeriodMs: 60_000,
    onProblems: () => {},
    choice: () => ({ backend: 'bpf', why: 'the test asks for it' }),
    enforcement: () => ({ backend: 'bpf' }),
    defaultClosed: () => false,
    async openBackend() {
      if (kernel.refuseToOpen-- > 0) throw new Error('EPERM');
      return recordingBackend(kernel);
    },
    watchPodInterfaces: () => interfacesAt(indexes),
  });
  return {
    clock,
    core,
    pipeline,
    kernel,
    lines,
    async tell(...objects: readonly WeirObject[]) {
      pipeline.touch(world.apply(objects.map((object) => ({ type: 'set', object }))));
      core.request();
      await clock.advance(50);
    },
    async forget(name: string) {
      pipeline.touch(world.apply([{ type: 'delete', kind: 'Pod', namespace: 'shop', name }]));
      core.request();
      await clock.advance(50);
    },
  };
}

/** Pods are at the interfaces given; the others are joined by macvlan. */
function interfacesAt(indexes: Readonly<Record<string, number>>): PodInterfaceWatch {
  const current = new Map<ObjectName, PodInterfaceState>();
  const changed: ObjectName[] = [];
  const stateOf = (pod: ObjectName, addresses: readonly Address[]): PodInterfaceState => {
    const interfaceIndex = indexes[pod];
    if (interfaceIndex === undefined) return { missing: 'macvlan', detail: 'eth0', addresses };
    return { interfaceIndex, interfaceName: 'veth', how: 'route', bridge: null, addresses };
  };
  return {
    current,
    takeChanged: () => new Set(changed.splice(0)),
    strangers: () => new Map(),
    ownAddresses: () => [],
    setPods(pods) {
      for (const [pod, addresses] of pods) {
        changed.push(pod);
        if (addresses === null) current.delete(pod);
        else current.set(pod, stateOf(pod, addresses));
      }
      return new Map();
    },
    settled: async () => {},
    close: () => {},
  };
}

interface RecordingKernel {
  readonly writeServices: (() => void) | null;
  readonly calls: Call[];
  readonly joined: Map<ObjectName, PodInterface>;
  readonly report: Partial<PolicyInstallReport>;
}

function recordingBackend(kernel: RecordingKernel): PolicyBackend {
  const done = async (call: Call): Promise<PolicyInstallReport> => {
    kernel.calls.push(call);
    return { written: 0, revision: 1, unprogrammed: [], unguarded: [], ...kernel.report };
  };
  return {
    name: 'bpf',
    services: kernel.writeServices === null ? null : serviceTables(kernel, kernel.writeServices),
    sync(_, interfaces) {
      for (const [pod, value] of interfaces) kernel.joined.set(pod, value);
      return done('sync');
    },
    apply({ interfaces = new Map() }) {
      for (const [pod, value] of interfaces) {
        if (value === null) kernel.joined.delete(pod);
        else kernel.joined.set(pod, value);
      }
      return done('apply');
    },
    repair: () => done('repair'),
    collect: async () => void (await done('collect')),
    sweep: async () => void (await done('sweep')),
    figures: async () => NO_FIGURES,
    close: async () => void (await done('close')),
  };
}

function serviceTables({ calls }: RecordingKernel, write: () => void): ServiceDataplane {
  const done = async () => {
    calls.push('services');
    write();
    return { written: 0, unprogrammed: [], unprogrammedAddresses: [], left: [] };
  };
  return {
    sync: done,
    apply: done,
    repair: done,
    collect: async () => 0,
    states: async () => [],
    figures: () => null,
  };
}

describe('the policies’ loop', () => {
  it('[H7] opens the backend again until that works, and then begins with a sync', async () => {
    const node = createNode({ [WEB]: 9001 });
    node.kernel.refuseToOpen = 2;
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    expect(node.kernel.calls).toEqual([]);
    expect(node.lines).toEqual(['policies failed, it is tried again: policies are not in the kernel: EPERM']);
    await node.clock.advance(1000);
    expect(node.kernel.calls[0]).toBe('sync');
    expect(node.kernel.joined.get(WEB)).toMatchObject({ interfaceIndex: 9001, held: false });
  });

  it('[C15] writes rows of Services before policies, which do not wait for a failure to be mended', async () => {
    const node = createNode({ [WEB]: 9001 });
    let failures = 3;
    node.kernel.writeServices = () => {
      if (failures-- > 0) throw new Error('E2BIG');
    };
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    expect(node.kernel.calls.slice(0, 2)).toEqual(['services', 'sync']);
    expect(node.kernel.joined.get(WEB)).toMatchObject({ held: false });
    await expect(node.core.status()).resolves.toMatchObject({
      lastError: null,
      services: { failures: 1, lastError: expect.stringContaining('E2BIG') },
    });
    await node.clock.advance(2000);
    await expect(node.core.status()).resolves.toMatchObject({ services: { failures: 3, lastError: null } });
    await node.core.stop();
  });

  it('[C17] holds pods that came while compiling fails, and leaves the others as they are', async () => {
    const node = createNode({ [WEB]: 9001, [CART]: 9002 });
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    node.kernel.failToCompile = true;
    await node.tell(podAt('cart', '10.0.0.2'));
    expect(node.kernel.joined.get(WEB)?.held).toBe(false);
    expect(node.kernel.joined.get(CART)?.held).toBe(true);
    node.kernel.failToCompile = false;
    await node.clock.advance(1000);
    expect(node.kernel.joined.get(CART)?.held).toBe(false);
  });

  it('[C17] [H6] tells of a policy that alone can’t be compiled: in problems, status and metric', async () => {
    const node = createNode({ [WEB]: 9001, [CART]: 9002 });
    const rule = { name: '', action: 'Accept', peers: 'everybody' } as const;
    const broken = Object.defineProperty({ ...rule, ports: [] }, 'ports', {
      get() {
        throw new Error('out of order');
      },
    });
    await node.tell(podAt('web', '10.0.0.1'), CLOSED, {
      ...CLOSED,
      name: 'broken',
      ingress: [broken],
    });
    await node.tell(podAt('cart', '10.0.0.2'));
    expect([...node.kernel.joined.values()].map(({ held }) => held)).toEqual([false, false]);
    const policy = { kind: 'NetworkPolicy', namespace: 'shop', name: 'broken' };
    const status = await node.core.status();
    expect(status.closed).toEqual([
      { policy, reason: 'NotCompiled', message: expect.stringContaining('out of order') },
    ]);
    expect(node.pipeline.policyProblems()).toEqual([
      expect.objectContaining({ severity: 'error', object: policy }),
    ]);
    const registry = new Registry();
    addPolicyMetrics(registry, () => status);
    expect(await registry.metrics()).toContain(
      'weir_policy_closed{policy="NetworkPolicy/shop/broken",reason="NotCompiled"} 1',
    );
  });

  it('touches nothing when the first compile fails: what an earlier agent left is better', async () => {
    const node = createNode({ [WEB]: 9001 });
    node.kernel.failToCompile = true;
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    expect(node.kernel.calls).toEqual([]);
    node.kernel.failToCompile = false;
    await node.clock.advance(1000);
    expect(node.kernel.calls[0]).toBe('sync');
  });

  it('[H6] closes the interface of a pod that went for as long as it stands', async () => {
    // The loopback interface stands everywhere, the other one nowhere.
    const node = createNode({ [WEB]: 1, [CART]: 999_999 });
    await node.tell(podAt('web', '10.0.0.1'), podAt('cart', '10.0.0.2'), CLOSED);
    await node.forget('web');
    await node.forget('cart');
    const left = [{ pod: 'interface 1', interfaceIndex: 1, addresses: [], held: true }];
    // Whether it stands is asked of the real kernel.
    const joined = () => node.clock.advance(50).then(() => [...node.kernel.joined.values()]);
    await expect.poll(joined).toEqual(left);
  });

  it('names selected pods where nothing can be enforced, and no others', async () => {
    const node = createNode({ [CART]: 9002 });
    await node.tell(podAt('web', '10.0.0.1'), podAt('cart', '10.0.0.2'));
    expect(node.core.problems()).toEqual([]);
    await node.tell(CLOSED);
    expect(node.core.problems()).toEqual([
      expect.objectContaining({
        severity: 'error',
        reason: 'NotEnforced',
        object: { kind: 'Pod', namespace: 'shop', name: 'web' },
        message: expect.stringContaining('macvlan: eth0'),
      }),
    ]);
  });

  it('tries again where the kernel refused programs, and says whom that leaves open', async () => {
    const node = createNode({ [WEB]: 9001 });
    node.kernel.report = { unguarded: [{ pod: WEB, interfaceIndex: 9001, why: 'ENODEV' }] };
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    expect(node.core.problems()).toEqual([
      expect.objectContaining({ reason: 'NotEnforced', message: expect.stringContaining('refused: ENODEV') }),
    ]);
    node.kernel.report = {};
    await node.clock.advance(1000);
    expect(node.core.problems()).toEqual([]);
  });

  it('names the policies whose rows found no room: their pods are closed', async () => {
    const node = createNode({ [WEB]: 9001 });
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    const compiler = createPolicyCompiler(NODE);
    const world = createWorld();
    world.apply([podAt('web', '10.0.0.1'), CLOSED].map((object) => ({ type: 'set', object })));
    compiler.update(world.view, 'everything');
    node.kernel.report = { unprogrammed: [...compiler.rows().classes.keys()] };
    await node.tell(podAt('cart', '10.0.0.2'));
    expect(node.core.problems()).toContainEqual(
      expect.objectContaining({
        reason: 'NotProgrammed',
        object: { kind: 'NetworkPolicy', namespace: 'shop', name: 'closed' },
      }),
    );
  });

  it('[H13] collects what a change left a moment later, sweeps now and then, and ends both', async () => {
    const node = createNode({ [WEB]: 9001 });
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    await node.clock.advance(1000);
    expect(node.kernel.calls).toEqual(['sync', 'collect']);
    await node.clock.advance(20_000);
    expect(node.kernel.calls).toEqual(['sync', 'collect', 'sweep', 'sweep']);
    await node.core.stop();
    expect(node.kernel.calls.at(-1)).toBe('close');
    expect(node.clock.timers()).toBe(0);
  });

  it('[H13] collects among changes that never pause', async () => {
    const node = createNode({ [WEB]: 9001 });
    await node.tell(podAt('web', '10.0.0.1'), CLOSED);
    for (let last = 2; last < 20; last++) await node.tell(podAt('web', `10.0.0.${last}`));
    expect(node.kernel.calls.filter((call) => call === 'collect').length).toBeGreaterThanOrEqual(3);
    await node.core.stop();
  });
});
