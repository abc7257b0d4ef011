import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keepPins } from '../../../../src/dataplane/bpf/pins.ts';
import type { SocketServices } from '../../../../src/dataplane/bpf/sockets/backend.ts';
import type { Address } from '../../../../src/model/address.ts';
import type { ObjectName } from '../../../../src/model/names.ts';
import { answering, connecting, NOWHERE } from './questions.ts';
import { createSocketScene, frontend, SERVERS, type SocketScene, serviceOf } from './scene.ts';

const [FIRST] = SERVERS;

let scene: SocketScene;
let sockets: SocketServices;

beforeAll(async () => {
  scene = await createSocketScene();
});
afterAll(() => scene.remove());
beforeEach(async () => {
  await scene.sync(serviceOf('web', [frontend({ address: '10.96.0.10', port: 80 })], [FIRST]));
  sockets = await scene.open();
  await sockets.attach();
});
afterEach(() => {
  keepPins(scene.directory, ['policies']);
  sockets.close();
});

describe('the programs and pods that are exempt', () => {
  const pod = 'test/pod' as ObjectName;
  const exempt = (addresses: readonly string[]) => new Map([[pod, addresses as readonly Address[]]]);
  const sent = async (address: string) => (await scene.pod.open('udp4')).sendTo(address, 80);

  it('[E2] leave them alone from then on, as long as they are; the node, with the same address, they serve', async () => {
    expect(await sockets.exempt(exempt([FIRST]))).toEqual([]);
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    expect(await connecting(scene.pod, 'tcp6', '10.96.0.10')).toBe(NOWHERE);
    expect(await answering(scene.node, 1, '10.96.0.10')).toEqual([FIRST]);
    await sockets.exempt(new Map());
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([FIRST]);
  });

  it('[E2] leave messages of theirs alone', async () => {
    const dns = serviceOf('dns', [frontend({ address: '10.96.0.11', port: 80 })], [FIRST], {
      protocol: 'UDP',
    });
    await scene.sync(dns);
    expect(await sent('10.96.0.11')).toBe('ok');
    await sockets.exempt(exempt([FIRST]));
    expect(await sent('10.96.0.11')).toBe(NOWHERE);
    await sockets.exempt(new Map());
  });

  it('[E2] say who is not to be found, and know the others still', async () => {
    const other = 'test/other' as ObjectName;
    const two = new Map([...exempt([FIRST]), [other, ['10.9.9.9' as Address]]]);
    expect(await sockets.exempt(two)).toEqual([other]);
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    await sockets.exempt(new Map());
  });

  it('[E2] [H1] leave them alone across agents, until the next one is told otherwise', async () => {
    await sockets.exempt(exempt([FIRST]));
    sockets.close();
    sockets = await scene.open();
    await sockets.attach();
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    await sockets.exempt(new Map());
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([FIRST]);
  });
});
