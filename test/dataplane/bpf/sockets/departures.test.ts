import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceDataplane } from '../../../../src/dataplane/bpf/services/dataplane.ts';
import type { SocketBackend } from '../../../../src/dataplane/bpf/sockets/socket-backend.ts';
import { DEFAULT_BALANCING, type Excluded, type ServiceRows } from '../../../../src/model/rows.ts';
import type { Dialler, TestSocket } from './dialler.ts';
import { connected, serverOf } from './questions.ts';
import {
  createSocketScene,
  frontend,
  OWN_ADDRESSES,
  rowsOf,
  SERVER_PORT,
  SERVERS,
  type SocketScene,
  serviceOf,
} from './scene.ts';

const [FIRST, SECOND, , FIRST_V6] = SERVERS;
/** So long that a machine may stand still in it before what has to be there until its end is looked at. */
const GRACE_SECONDS = 4;
const STILL_THERE_AFTER_MS = 500;

let scene: SocketScene;
let backend: SocketBackend;
let tables: ServiceDataplane;

beforeAll(async () => {
  scene = await createSocketScene();
});
afterAll(() => scene.remove());
beforeEach(() => {
  ({ backend, tables } = scene.startBackend());
});
/** Another agent in the place of the one that runs. */
function startAnew(): void {
  backend.close();
  ({ backend, tables } = scene.startBackend());
}
afterEach(async () => {
  await change();
  backend.close();
});

interface Web {
  readonly servers: readonly string[];
  readonly terminateAfterSeconds?: number | null;
  readonly excluded?: readonly Excluded[];
}

/** A Service at 10.96.0.10, or by this name another one. */
function web(
  { servers, terminateAfterSeconds = GRACE_SECONDS, excluded = [] }: Web,
  name = 'web',
  host = 10,
) {
  return serviceOf(name, [frontend({ address: `10.96.0.${host}`, port: 80 })], servers, {
    balancing: { ...DEFAULT_BALANCING, terminateAfterSeconds },
    excluded,
  });
}

let known: ReadonlyMap<ServiceRows['id'], ServiceRows> = new Map();

/** As an agent is told: everything first, then what is different. What nothing refers to is collected at once. */
async function change(...services: readonly ServiceRows[]): Promise<void> {
  const rows = rowsOf(services);
  const gone = [...known.keys()].filter((id) => !rows.services.has(id));
  if (tables.figures() === null) await tables.sync(rows, OWN_ADDRESSES);
  else {
    const changed = new Map([...gone.map((id) => [id, null] as const), ...rows.services]);
    await tables.apply({ rows: { services: changed, addresses: rows.addresses, node: null } });
  }
  known = rows.services;
  await tables.collect();
}

/** A connection that was answered. */
async function open(dialler: Dialler, address = '10.96.0.10', port = 80): Promise<TestSocket> {
  const socket = await connected(dialler, address.includes(':') ? 'tcp6' : 'tcp4', address, port);
  await socket.receive();
  return socket;
}

/** What becomes of something that is said: `ok`, or the error's name. */
async function talk(socket: TestSocket): Promise<string> {
  const said = await socket.send();
  const answer = said === 'ok' ? await socket.receive() : said;
  return answer.includes(' from ') ? 'ok' : answer;
}

const ends = (socket: TestSocket) => expect.poll(() => talk(socket)).toBe('ECONNABORTED');
const goesOn = async (socket: TestSocket, ms = STILL_THERE_AFTER_MS) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  expect(await talk(socket)).toBe('ok');
};
/** Longer than any grace here. */
const LONG_MS = GRACE_SECONDS * 1000 + 1000;

describe('TCP connections to a backend that went, of a Service with weir.dev/terminate-after', () => {
  it('[E7] [H12] end when the grace is over, not before, in each namespace; nobody else’s do', async () => {
    await change(
      web({ servers: [FIRST] }),
      web({ servers: [FIRST], terminateAfterSeconds: null }, 'other', 11),
    );
    const [doomed, onNode] = [await open(scene.pod), await open(scene.node)];
    const spared = await Promise.all([
      open(scene.pod, '10.96.0.11'),
      open(scene.pod, FIRST, SERVER_PORT),
      open(scene.stranger, FIRST, SERVER_PORT),
    ]);
    await change(
      web({ servers: [SECOND] }),
      web({ servers: [SECOND], terminateAfterSeconds: null }, 'other', 11),
    );
    const later = await open(scene.pod);
    await goesOn(doomed);
    await goesOn(onNode, 0);
    const { ended = 0 } = (await backend.status()).figures ?? {};
    await ends(doomed);
    await ends(onNode);
    for (const socket of [...spared, later]) await goesOn(socket, 0);
    expect(((await backend.status()).figures?.ended ?? 0) - ended).toBe(2);
  });

  it('[E7] end in IPv6 too, and when the whole Service went', async () => {
    const six = (servers: readonly string[]) =>
      serviceOf('six', [frontend({ address: 'fd96::10', port: 80 })], servers, {
        balancing: { ...DEFAULT_BALANCING, terminateAfterSeconds: 1 },
      });
    await change(six([FIRST_V6]));
    const socket = await open(scene.pod, 'fd96::10');
    await change();
    await ends(socket);
  });

  it('[E7] go on when the endpoint is back in time, though it is another backend then', async () => {
    await change(web({ servers: [FIRST] }));
    const socket = await open(scene.pod);
    await change(web({ servers: [SECOND] }));
    await change(web({ servers: [FIRST, SECOND] }));
    await goesOn(socket, LONG_MS);
    // And end when it goes again.
    await change(web({ servers: [SECOND] }));
    await ends(socket);
  });

  it('[A48] go on as long as the endpoint is there and only no candidate, and end some time after it terminates', async () => {
    await change(web({ servers: [FIRST, SECOND] }));
    const sockets = [await openTo(FIRST)];
    for (const why of ['not-ready', 'maintenance'] as const) {
      await change(web({ servers: [SECOND], excluded: [without(why)] }));
      await change(web({ servers: [FIRST, SECOND] }));
      sockets.push(await openTo(FIRST));
    }
    await change(web({ servers: [SECOND], excluded: [without('maintenance')] }));
    for (const socket of sockets) await goesOn(socket, LONG_MS / sockets.length);
    await change(web({ servers: [SECOND], excluded: [without('terminating')] }));
    for (const socket of sockets) await goesOn(socket, 0);
    for (const socket of sockets) await ends(socket);
  });

  it('[E7] go on for ever once the annotation is gone; a shorter grace counts for those that wait', async () => {
    await change(web({ servers: [FIRST], terminateAfterSeconds: 3600 }));
    const socket = await open(scene.pod);
    await change(web({ servers: [SECOND], terminateAfterSeconds: 3600 }));
    await change(web({ servers: [SECOND], terminateAfterSeconds: null }));
    await change(web({ servers: [SECOND], terminateAfterSeconds: 1 }));
    await goesOn(socket, LONG_MS);
    const other = await openTo(SECOND);
    await change(web({ servers: [FIRST], terminateAfterSeconds: 3600 }));
    await change(web({ servers: [FIRST], terminateAfterSeconds: 1 }));
    await ends(other);
    await goesOn(socket, 0);
  });

  it('[E7] [H1] end on time though the agent started anew', async () => {
    await change(web({ servers: [FIRST] }));
    const socket = await open(scene.pod);
    await change(web({ servers: [SECOND] }));
    startAnew();
    await change(web({ servers: [SECOND] }));
    await goesOn(socket, 0);
    await ends(socket);
  });

  it('[E7] [H1] have their grace begin with the agent that was away meanwhile', async () => {
    await change(web({ servers: [FIRST] }));
    const socket = await open(scene.pod);
    startAnew();
    await change(web({ servers: [SECOND] }));
    await goesOn(socket);
    await ends(socket);
  });

  it('[E7] leave nothing in the table when nobody is connected any more', async () => {
    await change(web({ servers: [FIRST] }));
    const [quick, patient] = [await open(scene.pod), await open(scene.pod)];
    await quick.close();
    await change(web({ servers: [SECOND], terminateAfterSeconds: 3600 }));
    const watch = await scene.open();
    const count = async () => {
      await tables.repair();
      return (await watch.departures.entries()).length;
    };
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(await count()).toBe(1);
    await patient.close();
    await expect.poll(count).toBe(0);
    watch.close();
  });

  const without = (why: Excluded['why']): Excluded => ({
    endpoint: `${FIRST}:${SERVER_PORT}`,
    list: 'both',
    why,
  });

  async function openTo(server: string): Promise<TestSocket> {
    for (;;) {
      const socket = await connected(scene.pod, 'tcp4', '10.96.0.10');
      if (serverOf(await socket.receive()) === server) return socket;
      await socket.close();
    }
  }
});
