import { describe, expect, it } from 'vitest';
import { slotSequence } from '../../../../src/dataplane/schedule/slot-sequence.ts';
import type { Scheduler, ServiceRows } from '../../../../src/model/rows.ts';
import { ADDRESS, balanced } from './balanced.ts';
import type { TestSocket } from './dialler.ts';
import { answering, connected, serverOf } from './questions.ts';
import { frontend, SERVERS } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

const scene = useSocketScene();

const [A, B, C] = SERVERS;
const ALL: readonly string[] = [A, B, C];

function times(list: readonly string[], server: string): number {
  return list.filter((each) => each === server).length;
}

/** Addresses by slot. */
function sequenceOf({ balancing, cluster }: ServiceRows): readonly string[] {
  return slotSequence(balancing.scheduler, cluster).map(({ address }) => address);
}

/** The list from its element at this place on, and round. */
function from<Element>(list: readonly Element[], start: number): readonly Element[] {
  return [...list.slice(start), ...list.slice(0, start)];
}

describe('random', () => {
  it.each([[[1, 1, 1]], [[1, 2, 3]]])(
    '[F8] [E14] gives backends of the weights %j their shares',
    async (weights) => {
      await scene.sync(balanced(`random-${weights.join('-')}`, ALL, { scheduler: 'random' }, weights));
      const seen = await answering(scene.pod, 480, ADDRESS);
      const total = weights.reduce((sum, weight) => sum + weight);
      const distance = ALL.map((server, index) => {
        const expected = (480 * (weights[index] ?? 0)) / total;
        return (times(seen, server) - expected) ** 2 / expected;
      }).reduce((sum, each) => sum + each);
      // Chi-square with two degrees of freedom: once in 100,000 runs.
      expect(distance).toBeLessThan(23);
    },
  );

  it('[F8] gives a new backend a tenth of its share while its slow start begins', async () => {
    const service = (servers: readonly string[]) => balanced('slow', servers, { slowStartSeconds: 100_000 });
    await scene.sync(service([A]));
    await scene.sync(service([A, B]));
    const fresh = times(await answering(scene.pod, 400, ADDRESS), B);
    // 1/11 of all: within five deviations.
    expect(fresh).toBeGreaterThan(7);
    expect(fresh).toBeLessThan(66);
  });
});

describe('in turn', () => {
  it.each([
    ['rr', [1, 1, 1]],
    ['rr', [5, 1, 1]],
    ['wrr', [3, 1, 2]],
    ['wrr', [1, 1, 1]],
  ] as const)('[A57] %s with the weights %j follows its schedule exactly', async (scheduler, weights) => {
    const service = balanced(`${scheduler}-${weights.join('-')}`, ALL, { scheduler }, weights);
    await scene.sync(service);
    const sequence = sequenceOf(service);
    const rounds = [...sequence, ...sequence, ...sequence];
    expect(await answering(scene.pod, rounds.length, ADDRESS)).toEqual(rounds);
  });

  it('[A57] goes on after the agent came back', async () => {
    const service = balanced('rr-kept', ALL, { scheduler: 'rr' });
    await scene.sync(service);
    await answering(scene.pod, 1, ADDRESS);
    await scene.restart();
    expect(await answering(scene.pod, 3, ADDRESS)).toEqual(from(sequenceOf(service), 1));
  });
});

describe('by hash', () => {
  it('[A57] sh gives each client the slot of its own, whatever stands there', async () => {
    for (const client of [scene.pod, scene.node]) {
      const seen = [];
      for (const start of [0, 1, 2]) {
        await scene.sync(balanced(`sh-${start}`, from(ALL, start), { scheduler: 'sh' }));
        const own = [...new Set(await answering(client, 4, ADDRESS))];
        expect(own).toHaveLength(1);
        seen.push(...own);
      }
      expect(seen).toEqual(from(ALL, ALL.indexOf(seen[0] ?? '')));
    }
  });

  it('[A57] [E5] maglev gives each client one backend, also once the agent came back', async () => {
    await scene.sync(balanced('maglev', ALL, { scheduler: 'maglev' }));
    const before = [await answering(scene.pod, 4, ADDRESS), await answering(scene.node, 4, ADDRESS)];
    for (const own of before) expect(new Set(own).size).toBe(1);
    await scene.restart();
    expect([await answering(scene.pod, 4, ADDRESS), await answering(scene.node, 4, ADDRESS)]).toEqual(before);
  });

  it('[A57] dh gives each Service address one backend, whoever asks', async () => {
    const addresses = Array.from({ length: 12 }, (_, index) => `10.96.1.${index + 1}`);
    const frontends = addresses.map((address) => frontend({ address, port: 80 }));
    await scene.sync(balanced('dh', ALL, { scheduler: 'dh' }, [], { frontends }));
    const seen = new Set<string>();
    for (const address of addresses) {
      const own = new Set([
        ...(await answering(scene.pod, 3, address)),
        ...(await answering(scene.node, 3, address)),
      ]);
      expect(own.size).toBe(1);
      for (const server of own) seen.add(server);
    }
    expect([...seen].sort()).toEqual([...ALL].sort());
  });
});

interface OpenSocket {
  readonly socket: TestSocket;
  readonly slot: number;
}

/** The slot that the schedulers which compare ought to take, as their definitions say: the first of the best from `start` on. */
function expectedSlot(
  scheduler: Scheduler,
  open: readonly number[],
  weights: readonly number[],
  start: number,
): number {
  const order = from([...open.keys()], start % open.length);
  const idle = order.find((slot) => open[slot] === 0);
  if (scheduler === 'nq' && idle !== undefined) return idle;
  const cost = (slot: number): number => {
    const own = (open[slot] ?? 0) + (scheduler === 'sed' || scheduler === 'nq' ? 1 : 0);
    return scheduler === 'lc' ? own : own / (weights[slot] ?? 1);
  };
  return order.reduce((best, slot) => (cost(slot) < cost(best) ? slot : best));
}

describe('by open connections', () => {
  it.each([
    ['lc', [1, 1, 1]],
    ['lc', [4, 2, 1]],
    ['wlc', [4, 2, 1]],
    ['sed', [4, 2, 1]],
    ['nq', [4, 2, 1]],
  ] as const)(
    '[A57] %s with the weights %j does as it is defined, connection for connection',
    async (scheduler, weights) => {
      const service = balanced(`${scheduler}-${weights.join('-')}`, ALL, { scheduler }, weights);
      await scene.sync(service);
      const servers = sequenceOf(service);
      const open: OpenSocket[] = [];
      let turn = 0;
      for (let step = 0; step < 70; step++) {
        // Every third step somebody hangs up, by a script without a rule.
        if (step % 3 === 2) {
          const [ended] = open.splice((step * 7) % open.length, 1);
          await ended?.socket.close();
          continue;
        }
        const counts = servers.map((_, slot) => open.filter((each) => each.slot === slot).length);
        const expected = expectedSlot(scheduler, counts, weights, turn++);
        const socket = await connected(scene.pod, 'tcp4', ADDRESS);
        const slot = servers.indexOf(serverOf(await socket.receive()));
        expect({ step, counts, slot }).toEqual({ step, counts, slot: expected });
        open.push({ socket, slot });
      }
      for (const { socket } of open) await socket.close();
    },
  );

  it('[A57] lc gives the next ten to the backend that has ten fewer', async () => {
    await scene.sync(balanced('uneven', [A], { scheduler: 'lc' }));
    const held = [];
    for (let index = 0; index < 10; index++) held.push(await connected(scene.pod, 'tcp4', ADDRESS));
    await scene.sync(balanced('uneven', [A, B], { scheduler: 'lc' }));
    for (let index = 0; index < 10; index++) {
      const socket = await connected(scene.node, 'tcp4', ADDRESS);
      expect(serverOf(await socket.receive())).toBe(B);
      held.push(socket);
    }
    for (const socket of held) await socket.close();
  });
});
