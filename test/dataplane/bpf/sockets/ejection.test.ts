import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceTables } from '../../../../src/dataplane/bpf/services/tables.ts';
import type { BackendState as Noted } from '../../../../src/generated/policy.ts';
import type { Balancing, ServiceRows } from '../../../../src/model/rows.ts';
import { ADDRESS, balanced, stateOf } from './balanced.ts';
import type { Dialler } from './dialler.ts';
import { answering, serverOf } from './questions.ts';
import { SERVERS } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

const [A, B, C] = SERVERS;
const ALL: readonly string[] = [A, B, C];
const RESET = 'reject with tcp reset';
const SECOND = 1e9;

const scene = useSocketScene();
let number = 0;
/** Of the test's Service, which is new. */
let name: string;

beforeEach(() => {
  name = `ejecting-${number++}`;
});
afterEach(() => {
  scene.obstruct('pod');
  scene.obstruct('node');
});

/** Serves by these, with clients on the pod that got through to each. */
async function serve(
  servers: readonly string[],
  balancing: Partial<Balancing> = {},
  more: Partial<ServiceRows> = {},
): Promise<void> {
  await scene.sync(balanced(name, servers, balancing, [], more));
  await answering(scene.pod, 8 * servers.length, ADDRESS);
}

/** How many of so many connections fail. */
async function failures(count: number, dialler: Dialler = scene.pod): Promise<number> {
  let failed = 0;
  for (let index = 0; index < count; index++) {
    const socket = await dialler.open('tcp4');
    // Its answer is waited for, so that the servers keep up.
    if ((await socket.connect(ADDRESS, 80)) === 'ok') await socket.receive();
    else failed++;
    await socket.close();
  }
  return failed;
}

async function ejected(): Promise<readonly string[]> {
  const states = await Promise.all(ALL.map((server) => stateOf(scene, name, server)));
  return ALL.filter((_, index) => (states[index]?.ejectedUntilMs ?? null) !== null);
}

/** What the programs noted of the server in the test's Service, changed by `change`. */
async function noted(server: string, change: (state: Noted) => Noted = (state) => state): Promise<Noted> {
  const { backendStates, services } = openServiceTables(scene.sockets.maps);
  const [service = 0] = (await services.entries()).map(([each]) => each).slice(-1);
  for (const [key, state] of await backendStates.entries()) {
    if (state.address.slice(12).join('.') !== server || state.service < service) continue;
    const changed = change(state);
    if (changed !== state) await backendStates.set([[key, changed]]);
    return changed;
  }
  throw new Error(`nothing is known of ${server}`);
}

/** As if the server had been ejected long ago. */
async function letTimePass(server: string): Promise<void> {
  await noted(server, (state) => ({ ...state, ejectedUntil: 1, probed: 0 }));
}

/** Seconds for which it is ejected yet. */
async function secondsLeft(server: string): Promise<number> {
  const { ejectedUntil } = await noted(server);
  return (ejectedUntil - Number(process.hrtime.bigint())) / SECOND;
}

describe('a backend that refuses', () => {
  beforeEach(() => serve(ALL));

  it('[F3] costs three connections, and then none', async () => {
    const before = await scene.sockets.figures();
    expect(await failures(100)).toBe(0);
    scene.obstruct('pod', [B], RESET);
    expect(await failures(300)).toBe(3);
    expect(await ejected()).toEqual([B]);
    expect(await failures(100)).toBe(0);
    expect(await stateOf(scene, name, B)).toMatchObject({ failures: 3, failuresInARow: 3, open: 0 });
    const after = await scene.sockets.figures();
    expect([after.failed - before.failed, after.ejected - before.ejected]).toEqual([3, 1]);
  });

  it('[F3] is tried once when its time is over, and is out for twice as long', async () => {
    scene.obstruct('pod', [B], RESET);
    await failures(60);
    expect(await secondsLeft(B)).toBeLessThanOrEqual(10);
    await letTimePass(B);
    expect(await failures(100)).toBe(1);
    const left = await secondsLeft(B);
    expect(left).toBeGreaterThan(10);
    expect(left).toBeLessThanOrEqual(20);
    expect(await failures(100)).toBe(0);
  });

  it('[F3] is back once it answered', async () => {
    scene.obstruct('pod', [B], RESET);
    await failures(60);
    scene.obstruct('pod');
    expect(await answering(scene.pod, 30, ADDRESS)).not.toContain(B);
    await letTimePass(B);
    expect(await answering(scene.pod, 60, ADDRESS)).toContain(B);
    expect(await ejected()).toEqual([]);
    expect(await stateOf(scene, name, B)).toMatchObject({ failuresInARow: 0 });
    expect((await scene.sockets.figures()).returned).toBe(1);
  });

  it('[F3] stays out when the agent comes back', async () => {
    scene.obstruct('pod', [B], RESET);
    await failures(60);
    await scene.restart();
    expect(await failures(60)).toBe(0);
  });

  it('[F3] now and then only is not out', async () => {
    for (let round = 0; round < 3; round++) {
      scene.obstruct('pod', [B], RESET);
      for (let failed = 0; failed < 2; ) failed += await failures(1);
      scene.obstruct('pod');
      for (let back = false; !back; ) back = (await answering(scene.pod, 1, ADDRESS)).includes(B);
    }
    expect(await ejected()).toEqual([]);
    expect(await stateOf(scene, name, B)).toMatchObject({ failures: 6, failuresInARow: 0 });
  });
});

describe('a backend that does not answer', () => {
  /** Connects until nobody answers for a while; resolves with what becomes of that connection. */
  async function waitingConnection(): Promise<{ readonly outcome: Promise<string> }> {
    for (;;) {
      const socket = await scene.pod.open('tcp4');
      const outcome = socket.connect(ADDRESS, 80);
      const early = await Promise.race([outcome, setTimeout(200, 'waiting')]);
      if (early === 'waiting') return { outcome };
    }
  }

  it('[F3] is out after three connections that waited for a second, and one alone tries it afterwards', async () => {
    await serve(ALL, { scheduler: 'rr' });
    scene.obstruct('pod', [C], 'drop');
    const waiting = [];
    for (let index = 0; index < 9; index++) {
      const socket = await scene.pod.open('tcp4');
      if ((await socket.connect(ADDRESS, 80)) !== 'ok') waiting.push(socket);
    }
    expect(waiting).toHaveLength(3);
    await expect.poll(ejected).toEqual([C]);
    expect(await failures(100)).toBe(0);
    await letTimePass(C);
    const { outcome } = await waitingConnection();
    expect(await answering(scene.node, 20, ADDRESS)).not.toContain(C);
    expect(await stateOf(scene, name, C)).toMatchObject({ failuresInARow: 3 });
    expect(await outcome).not.toBe('ok');
    await expect.poll(() => secondsLeft(C)).toBeGreaterThan(10);
  }, 60_000);
});

describe('of several that refuse', () => {
  it('[F3] half are out at most: the others are tried', async () => {
    await serve(ALL);
    scene.obstruct('pod', [A, B], RESET);
    const failed = await failures(90);
    expect(failed).toBeGreaterThan(20);
    expect(failed).toBeLessThan(70);
    const [out, ...others] = await ejected();
    expect(others).toEqual([]);
    scene.obstruct('pod');
    const left = ALL.filter((server) => server !== out);
    expect([...new Set(await answering(scene.pod, 60, ADDRESS))].sort()).toEqual(left);
  });

  it.each([1, 2])('[F3] nobody is missing when all %d of them are back', async (count) => {
    await serve(ALL.slice(0, count));
    scene.obstruct('pod', ALL.slice(0, count), RESET);
    expect(await failures(60)).toBe(60);
    expect((await ejected()).length).toBeLessThan(count);
    scene.obstruct('pod');
    expect(await failures(30)).toBe(0);
  });

  it('[F3] the only one left is tried although it is out', async () => {
    await serve([A, B]);
    scene.obstruct('pod', [A], RESET);
    await failures(40);
    await scene.sync(balanced(name, [A], {}));
    scene.obstruct('pod');
    expect(await answering(scene.pod, 3, ADDRESS)).toEqual([A, A, A]);
  });
});

describe('failures', () => {
  it('[F3] put nobody out where the Service asks for that', async () => {
    await serve(ALL, { ejects: false });
    scene.obstruct('pod', ALL, RESET);
    expect(await failures(60)).toBe(60);
    expect(await ejected()).toEqual([]);
  });

  it('[F3] of a client that never got through say nothing: policy may be what denies them', async () => {
    await serve(ALL);
    scene.obstruct('node', ALL, RESET);
    expect(await failures(60, scene.node)).toBe(60);
    expect(await ejected()).toEqual([]);
    expect(await failures(30)).toBe(0);
  });

  it('[F3] [A37] end the affinity of their client', async () => {
    await serve([A, B], {}, { affinitySeconds: 600 });
    const [kept = ''] = await answering(scene.pod, 1, ADDRESS);
    scene.obstruct('pod', [kept], RESET);
    expect(await failures(20)).toBe(3);
    scene.obstruct('pod');
    const other = kept === A ? B : A;
    expect(new Set(await answering(scene.pod, 10, ADDRESS))).toEqual(new Set([other]));
  });

  it('[F4] lead the same socket to another backend when it connects again', async () => {
    await serve([A, B], { ejects: false });
    scene.obstruct('pod', [A], RESET);
    let refused = 0;
    for (let index = 0; index < 30; index++) {
      const socket = await scene.pod.open('tcp4');
      if ((await socket.connect(ADDRESS, 80)) !== 'ok') {
        refused++;
        expect(await socket.connect(ADDRESS, 80)).toBe('ok');
      }
      expect(serverOf(await socket.receive())).toBe(B);
      await socket.close();
    }
    expect(refused).toBeGreaterThan(0);
  });

  it.each(['rr', 'lc', 'nq', 'sh', 'dh', 'maglev'] as const)(
    '[F3] [A57] are seen with %s too',
    async (scheduler) => {
      await serve(ALL, { scheduler });
      // Who chooses by hash has one backend only.
      const [first = '', second = first] = new Set(await answering(scene.pod, 6, ADDRESS));
      scene.obstruct('pod', [second], RESET);
      expect(await failures(40)).toBe(3);
      expect(await ejected()).toEqual([second]);
    },
  );
});
