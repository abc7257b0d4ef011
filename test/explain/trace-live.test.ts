import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../src/compile/policies/compiler.ts';
import type {
  LiveBackend,
  LiveChoice,
  LiveChoices,
  LiveQuestion,
} from '../../src/dataplane/bpf/sockets/live-choices.ts';
import { type LiveAnswer, type LiveSockets, traceLive } from '../../src/explain/trace-live.ts';
import type { Address } from '../../src/model/address.ts';
import type { NodeName, ObjectName, Port } from '../../src/model/names.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { DEFAULT_BALANCING, type Scheduler, type ServiceRows } from '../../src/model/rows.ts';
import { createWorld } from '../../src/world/world.ts';
import { COMPILE_DEFAULTS } from '../compile-options.ts';
import { namespaceObject, nodeObject, podObject } from '../objects.ts';
import { frontend, rows, service } from './example-rows.ts';

const NODE = 'n0' as NodeName;
const POD = { namespace: 'a', nodeName: NODE };
const OBJECTS = [
  nodeObject({ name: NODE, addresses: [{ type: 'InternalIP', address: '172.31.0.1' as Address }] }),
  nodeObject({ name: 'n1' }),
  namespaceObject({ name: 'a' }),
  podObject({ ...POD, name: 'near', addresses: ['10.244.0.5' as Address] }),
  podObject({ ...POD, name: 'host', hostNetwork: true, addresses: ['172.31.0.1' as Address] }),
  podObject({ ...POD, nodeName: 'n1' as NodeName, name: 'far', addresses: ['10.244.1.5' as Address] }),
];
const FRONTENDS = [frontend('clusterIP', '10.96.0.1', 80)];

function backend(address: string, fields: Partial<LiveBackend> = {}): LiveBackend {
  const place = { address: address as Address, port: 8080 as Port };
  return { ...place, chance: 0, weight: 1, open: 0, standing: 'in', ejectedMs: 0, share: 100, ...fields };
}

const CHOICE: LiveChoice = {
  scheduler: 'turns',
  remembered: null,
  slots: 2,
  firstSlot: 1,
  turn: 17,
  backends: [backend('10.244.0.10'), backend('10.244.1.11', { chance: 1 })],
};

function socketsThat(answer: Awaited<ReturnType<LiveChoices['ask']>>, more: Partial<LiveSockets> = {}) {
  const asked: LiveQuestion[] = [];
  const ask = async (question: LiveQuestion) => {
    asked.push(question);
    return answer;
  };
  return { asked, sockets: { choices: { ask }, nodeOnly: false, exempt: new Set<ObjectName>(), ...more } };
}

async function live(
  sockets: LiveSockets | null,
  { from = 'a/near', row = {}, more = {} }: { from?: string; row?: Partial<ServiceRows>; more?: object } = {},
): Promise<LiveAnswer | null> {
  const [line] = await traceLive({
    objects: OBJECTS,
    requests: [parseProbeRequest({ from, to: '10.96.0.1', port: 80, ...more })],
    options: { compile: COMPILE_DEFAULTS, node: null },
    installed: {
      node: NODE,
      rows: rows([service('web', { frontends: FRONTENDS, ...row })]),
      policyRows: compilePolicies(createWorld().view, NODE).rows,
    },
    sockets,
  });
  if (line === undefined || 'error' in line) throw new Error(line?.error ?? 'no line');
  return line.live;
}

const why = async (choice: Partial<LiveChoice>) =>
  (await live(socketsThat({ ...CHOICE, ...choice }).sockets))?.why;
const scheduled = (scheduler: Scheduler) => ({ balancing: { ...DEFAULT_BALANCING, scheduler } });

describe('[A57] a trace of what comes next', () => {
  it('asks about the Service, the list and who dials what', async () => {
    const { sockets, asked } = socketsThat(CHOICE);
    expect(await live(sockets)).toEqual({
      by: 'sockets',
      chances: [{ endpoint: '10.244.1.11:8080', chance: 1 }],
      passedOver: [],
      why: '10.244.1.11:8080: turn 17, slot 1 of 2',
    });
    expect(asked).toEqual([
      {
        service: 'a/web:http/TCP/IPv4',
        list: 'cluster',
        source: '10.244.0.5',
        dialled: '10.96.0.1',
        protocol: 'TCP',
      },
    ]);
  });

  it('says nothing where no Service is met, or on another node', async () => {
    const { sockets } = socketsThat(CHOICE);
    expect(await live(sockets, { more: { to: '10.244.1.5' } })).toBeNull();
    expect(await live(sockets, { from: 'a/far' })).toBeNull();
    expect(
      await live(sockets, { row: { frontends: [{ ...FRONTENDS[0], inside: 'reject' }] as never } }),
    ).toBeNull();
  });

  it('says by what each scheduler chooses', async () => {
    expect(await why({ scheduler: 'client-hash' })).toMatch(/: by a hash of the client, slot 1 of 2$/);
    expect(await why({ scheduler: 'destination-hash' })).toMatch(
      /: by a hash of the dialled address, slot 1 of 2$/,
    );
    const backends = [backend('10.244.0.10', { open: 3, weight: 2 }), backend('10.244.1.11', { chance: 1 })];
    const loads = '(10.244.0.10:8080 3/2, 10.244.1.11:8080 0/1)';
    expect(await why({ scheduler: 'least-connections', backends })).toBe(
      '10.244.1.11:8080: fewest open connections (10.244.0.10:8080 3, 10.244.1.11:8080 0)',
    );
    for (const scheduler of ['weighted-least-connections', 'shortest-delay', 'never-queue'] as const)
      expect(await why({ scheduler, backends })).toContain(loads);
  });

  it('names chances where none is certain', async () => {
    const backends = [backend('10.244.0.10', { chance: 0.25 }), backend('10.244.1.11', { chance: 0.75 })];
    const answer = await live(
      socketsThat({ ...CHOICE, scheduler: 'random', firstSlot: null, slots: 4, backends }).sockets,
    );
    expect(answer?.chances.map(({ endpoint }) => endpoint)).toEqual(['10.244.1.11:8080', '10.244.0.10:8080']);
    expect(answer?.why).toBe('10.244.1.11:8080 75 %, 10.244.0.10:8080 25 %: at random, any of 4 slots');
  });

  it('[A35] says for how long affinity keeps a backend', async () => {
    const remembered = { address: '10.244.1.11' as Address, port: 8080 as Port, seconds: 41.2 };
    expect(await why({ remembered })).toBe('10.244.1.11:8080: the client keeps it for 42 s more');
  });

  it('[F3] names those that are passed over, and the one that is tried', async () => {
    const backends = [
      backend('10.244.0.10', { standing: 'out', ejectedMs: 7100 }),
      backend('10.244.0.12', { standing: 'out' }),
      backend('10.244.1.11', { chance: 1 }),
    ];
    const { sockets } = socketsThat({ ...CHOICE, backends });
    expect(await live(sockets)).toMatchObject({
      passedOver: [
        { endpoint: '10.244.0.10:8080', why: 'ejected for 8 s' },
        { endpoint: '10.244.0.12:8080', why: 'ejected, another connection tries it' },
      ],
      why: expect.stringMatching(/; passed over: 10\.244\.0\.10:8080 \(ejected for 8 s\), /),
    });
    expect(await why({ backends: [backend('10.244.1.11', { standing: 'probed', chance: 1 })] })).toBe(
      '10.244.1.11:8080: it was ejected, and this connection tries it',
    );
  });

  it('[F8] names those that are new', async () => {
    const backends = [backend('10.244.1.11', { chance: 1, share: 30 })];
    expect(await why({ backends })).toMatch(/; slow start: 10\.244\.1\.11:8080 at 30 %$/);
  });

  it('says so where the rows are not in the kernel', async () => {
    expect(await live(socketsThat('no-rows').sockets)).toMatchObject({
      by: 'packets',
      why: expect.stringMatching(/no rows of it/),
    });
  });
});

describe('[E2] where packets decide', () => {
  it.each([
    ['sockets are not served', null, {}],
    ['no process of the cgroup has the address', socketsThat('no-socket').sockets, {}],
    ['only the node’s sockets are served', socketsThat(CHOICE, { nodeOnly: true }).sockets, {}],
    ['the pod is exempt', socketsThat(CHOICE, { exempt: new Set(['a/near' as ObjectName]) }).sockets, {}],
    ['the client is outside', socketsThat(CHOICE).sockets, { from: 'external' }],
    ['the client chose its port', socketsThat(CHOICE).sockets, { more: { sourcePort: 4000 } }],
    [
      'sockets know no such protocol',
      socketsThat(CHOICE).sockets,
      { row: { protocol: 'SCTP' }, more: { protocol: 'sctp' } },
    ],
  ] as const)('since %s, the share of each is told', async (_, sockets, asked) => {
    expect(await live(sockets, asked)).toEqual({
      by: 'packets',
      chances: [
        { endpoint: '10.244.0.10:8080', chance: 0.5 },
        { endpoint: '10.244.1.11:8080', chance: 0.5 },
      ],
      passedOver: [],
      why: '10.244.0.10:8080 50 %, 10.244.1.11:8080 50 %: at random',
    });
  });

  it('a pod in the host’s network is asked for as the node is', async () => {
    const { sockets } = socketsThat(CHOICE, { nodeOnly: true });
    expect(await live(sockets, { from: 'a/host' })).toMatchObject({ by: 'sockets' });
  });

  it('turns and hashes of nft are not told', async () => {
    expect((await live(null, { row: scheduled('rr') }))?.why).toMatch(/in turns that nft does not tell$/);
    expect(await live(null, { row: scheduled('maglev') })).toMatchObject({
      chances: [],
      why: 'maglev: by a hash that nft does not tell',
    });
    expect((await live(null, { row: { affinitySeconds: 600 } }))?.why).toMatch(
      /unless nft remembers the client$/,
    );
  });
});
