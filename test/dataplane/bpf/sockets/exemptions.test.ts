import { beforeEach, describe, expect, it } from 'vitest';
import type { Address } from '../../../../src/model/address.ts';
import type { ObjectName } from '../../../../src/model/names.ts';
import { answering, connecting, NOWHERE } from './questions.ts';
import { frontend, SERVERS, serviceOf } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

const [FIRST] = SERVERS;

const scene = useSocketScene();

beforeEach(async () => {
  await scene.sync(serviceOf('web', [frontend({ address: '10.96.0.10', port: 80 })], [FIRST]));
});

describe('the programs and pods that are exempt', () => {
  const pod = 'test/pod' as ObjectName;
  const exempt = (addresses: readonly string[]) => new Map([[pod, addresses as readonly Address[]]]);
  const sent = async (address: string) => (await scene.pod.open('udp4')).sendTo(address, 80);

  it('[E2] leave them alone from then on, as long as they are; the node, with the same address, they serve', async () => {
    expect(await scene.sockets.exempt(exempt([FIRST]))).toEqual([]);
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    expect(await connecting(scene.pod, 'tcp6', '10.96.0.10')).toBe(NOWHERE);
    expect(await answering(scene.node, 1, '10.96.0.10')).toEqual([FIRST]);
    await scene.sockets.exempt(new Map());
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([FIRST]);
  });

  it('[E2] leave messages of theirs alone', async () => {
    const dns = serviceOf('dns', [frontend({ address: '10.96.0.11', port: 80 })], [FIRST], {
      protocol: 'UDP',
    });
    await scene.sync(dns);
    expect(await sent('10.96.0.11')).toBe('ok');
    await scene.sockets.exempt(exempt([FIRST]));
    expect(await sent('10.96.0.11')).toBe(NOWHERE);
    await scene.sockets.exempt(new Map());
  });

  it('[E2] say who is not to be found, and know the others still', async () => {
    const other = 'test/other' as ObjectName;
    const two = new Map([...exempt([FIRST]), [other, ['10.9.9.9' as Address]]]);
    expect(await scene.sockets.exempt(two)).toEqual([other]);
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    await scene.sockets.exempt(new Map());
  });

  it('[E2] [H1] leave them alone across agents, until the next one is told otherwise', async () => {
    await scene.sockets.exempt(exempt([FIRST]));
    await scene.restart();
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    await scene.sockets.exempt(new Map());
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([FIRST]);
  });
});
