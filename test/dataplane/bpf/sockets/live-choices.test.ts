import { execFileSync } from 'node:child_process';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { unmappedAddress } from '../../../../src/dataplane/bpf/mapped-address.ts';
import { openServiceTables } from '../../../../src/dataplane/bpf/services/tables.ts';
import {
  type LiveChoice,
  type LiveQuestion,
  openLiveChoices,
} from '../../../../src/dataplane/bpf/sockets/live-choices.ts';
import type { Address } from '../../../../src/model/address.ts';
import { DEFAULT_BALANCING, type Scheduler, type ServiceRows } from '../../../../src/model/rows.ts';
import type { TestSocket } from './dialler.ts';
import { connected, serverOf } from './questions.ts';
import { frontend, SERVERS, serviceOf } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

/** Of each family: the Service's address, its servers and an address that only the pod has. */
const FAMILIES = [
  ['tcp4', '10.96.0.10', SERVERS.slice(0, 3), '192.0.2.77'],
  ['tcp6', 'fd96::10', SERVERS.slice(3), '2001:db8::77'],
] as const;

const scene = useSocketScene();
let open: TestSocket[] = [];

beforeAll(async () => {
  for (const [, , , address] of FAMILIES) {
    const prefix = `${address}/${address.includes(':') ? 128 : 32}`;
    const argv = [`--net=${scene.podNamespace}`, 'ip', 'address', 'add', prefix, 'dev', 'lo'];
    execFileSync('nsenter', argv);
  }
});
afterEach(async () => {
  for (const socket of open) await socket.close();
  open = [];
});

function balanced(
  address: string,
  servers: readonly string[],
  scheduler: Scheduler,
  more: Partial<ServiceRows> = {},
): ServiceRows {
  const balancing = { ...DEFAULT_BALANCING, scheduler };
  return serviceOf('web', [frontend({ address, port: 80 })], servers, { balancing, ...more });
}

async function ask(question: Partial<LiveQuestion> & Pick<LiveQuestion, 'service'>) {
  const choices = await openLiveChoices(scene.directory, scene.cgroup);
  try {
    return await choices.ask({
      list: 'cluster',
      source: FAMILIES[0][3] as Address,
      dialled: '10.96.0.10' as Address,
      protocol: 'TCP',
      ...question,
    });
  } finally {
    choices.close();
  }
}

/** The answer for the pod's next connection to the Service. */
async function predict(service: ServiceRows): Promise<LiveChoice> {
  const [, dialled, , source] = FAMILIES[service.family === 'IPv4' ? 0 : 1];
  const question = { dialled: dialled as Address, source: source as Address };
  const answer = await ask({ service: service.id, ...question });
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
}

/** The only one it may go to. */
function certain({ backends }: LiveChoice): string {
  const [only, ...others] = backends.filter(({ chance }) => chance > 0);
  expect(others).toEqual([]);
  expect(only?.chance).toBeCloseTo(1, 9);
  return only?.address ?? '';
}

/** The server of a connection of the pod's, which stays open. */
async function connect(service: ServiceRows): Promise<string> {
  const [kind, address] = FAMILIES[service.family === 'IPv4' ? 0 : 1];
  const socket = await connected(scene.pod, kind, address);
  open.push(socket);
  return serverOf(await socket.receive());
}

const ROUNDS = 7;

describe.each(FAMILIES)('a socket’s next connection (%s)', (_, address, servers) => {
  it.each(['rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'sh', 'dh', 'maglev'] as const)(
    '[A57] goes where the tables say that %s leads it, again and again',
    async (scheduler) => {
      const service = balanced(address, servers, scheduler);
      const weights = [3, 1, 2];
      const weighted = service.cluster.map((row, index) => ({ ...row, weight: weights[index] ?? 1 }));
      const rows = { ...service, cluster: weighted, local: weighted };
      await scene.sync(rows);
      for (let round = 0; round < ROUNDS; round++) {
        const expected = certain(await predict(rows));
        // Asked twice, since asking takes no turn.
        expect(certain(await predict(rows))).toBe(expected);
        expect(await connect(rows)).toBe(expected);
        // Of three connections one ends.
        if (round % 3 === 2) await open.shift()?.close();
      }
    },
  );

  it('[A57] goes anywhere at random, by weight', async () => {
    const service = balanced(address, servers, 'random');
    const weighted = service.cluster.map((row, index) => ({ ...row, weight: index + 1 }));
    await scene.sync({ ...service, cluster: weighted, local: weighted });
    const { backends, firstSlot, slots } = await predict(service);
    expect([firstSlot, slots]).toEqual([null, 6]);
    const chances = new Map(backends.map((backend) => [backend.address as string, backend.chance]));
    for (const [index, server] of servers.entries())
      expect(chances.get(server)).toBeCloseTo((index + 1) / 6, 9);
  });

  it('[A35] goes where the client’s last one went, as long as affinity lasts', async () => {
    const service = balanced(address, servers, 'rr', { affinitySeconds: 600 });
    await scene.sync(service);
    expect((await predict(service)).remembered).toBeNull();
    const first = await connect(service);
    const answer = await predict(service);
    expect(answer.remembered).toMatchObject({ address: first });
    expect(answer.remembered?.seconds).toBeGreaterThan(500);
    expect(certain(answer)).toBe(first);
    expect(await connect(service)).toBe(first);
  });

  it('[F3] passes over ejected backends, and tries one when its time is over', async () => {
    const service = balanced(address, servers, 'rr');
    await scene.sync(service);
    for (const _ of servers) await connect(service);
    const next = certain(await predict(service));
    await noteEjection(next, 30_000);
    const answer = await predict(service);
    const standing = ({ backends }: LiveChoice) => backends.find((each) => each.address === next)?.standing;
    expect(standing(answer)).toBe('out');
    const other = certain(answer);
    expect(other).not.toBe(next);
    expect(await connect(service)).toBe(other);
    // One of its next turns is one of those that try it.
    await noteEjection(next, -1);
    for (let turn = 0; certain(await predict(service)) !== next; turn++) {
      expect(turn).toBeLessThan(servers.length);
      await connect(service);
    }
    expect(standing(await predict(service))).toBe('probed');
    expect(await connect(service)).toBe(next);
    expect(standing(await predict(service))).toBe('in');
  });

  it('[F8] is less likely to go to one that is new, which takes what its share is by now', async () => {
    const service = balanced(address, servers, 'random');
    const slow = { ...service, balancing: { ...service.balancing, slowStartSeconds: 100 } };
    await scene.sync(slow);
    const tables = openServiceTables(scene.sockets.maps);
    const [number, row] = await backendAt(servers[0] ?? '');
    const nowSeconds = Math.floor(Number(process.hrtime.bigint()) / 1e9);
    await tables.backends.set([[number, { ...row, since: nowSeconds - 50 }]]);
    const { backends } = await predict(slow);
    const fresh = backends.find((backend) => backend.address === servers[0]);
    expect([50, 51]).toContain(fresh?.share);
    // Of three draws one meets it, and every other time it is drawn it takes it: 1/6 at the first try, 1/6 of that at the next …
    expect(fresh?.chance).toBeGreaterThan(0.19);
    expect(fresh?.chance).toBeLessThan(0.21);
  });
});

describe('asking for the next connection', () => {
  const [, address, servers] = FAMILIES[0];

  it('says that packets decide where nobody in the cgroup has the address', async () => {
    const service = balanced(address, servers, 'rr');
    await scene.sync(service);
    expect(await ask({ service: service.id, source: '192.0.2.99' as Address })).toBe('no-socket');
  });

  it('says so where the Service is not in the tables', async () => {
    await scene.sync(balanced(address, servers, 'rr'));
    expect(await ask({ service: 'test/none:/TCP/IPv4' as ServiceRows['id'] })).toBe('no-rows');
  });

  it('refuses where no agent serves sockets', async () => {
    await expect(openLiveChoices('/sys/fs/bpf/weir/none', scene.cgroup)).rejects.toThrow(
      'no rows of Services are pinned at /sys/fs/bpf/weir/none/maps/frontends',
    );
  });
});

async function backendAt(address: string) {
  const found = (await openServiceTables(scene.sockets.maps).backends.entries()).find(
    ([, row]) => row.lists !== 0 && unmappedAddress(row.address) === address,
  );
  if (found === undefined) throw new Error(`no backend at ${address}`);
  return found;
}

/** As the programs note it: until so many milliseconds from now. */
async function noteEjection(address: string, untilMs: number): Promise<void> {
  const { backendStates } = openServiceTables(scene.sockets.maps);
  const [number] = await backendAt(address);
  const state = await backendStates.get(number);
  if (state === undefined) throw new Error(`nobody connected to ${address}`);
  const ejectedUntil = Number(process.hrtime.bigint()) + untilMs * 1e6;
  await backendStates.set([[number, { ...state, failures: 3, ejections: 1, ejectedUntil }]]);
}
