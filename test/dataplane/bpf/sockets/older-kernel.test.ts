/** Where the kernel has less: sockets are served, and what is missing is named. */
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ADDRESS, balanced, openCounts } from './balanced.ts';
import { connected, senderOf } from './questions.ts';
import { OWN_ADDRESSES, rowsOf, SERVERS } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

const [A, B] = SERVERS;
const UDP = { protocol: 'UDP' } as const;
const MISSING = [{ feature: 'ending sockets whose endpoint went', why: expect.stringContaining('6.5') }];

const scene = useSocketScene();
/** What a kernel says of itself that has no bpf_sock_destroy: here, nothing. */
const older = () => ({ kernelTypes: join(scene.directory, 'nothing') });

describe('without a way to end sockets', () => {
  beforeEach(() => scene.restart(older()));

  it('[A59] [A1] connections go to the backends, and are counted', async () => {
    await scene.sync(balanced('older', [A, B], { scheduler: 'lc' }));
    const sockets = [
      await connected(scene.pod, 'tcp4', ADDRESS),
      await connected(scene.pod, 'tcp4', ADDRESS),
    ];
    for (const socket of sockets) expect(await socket.peer()).toBe(`${ADDRESS} 80`);
    expect(await openCounts(scene, 'older', [A, B])).toEqual([1, 1]);
  });

  it('[A59] [A3] so do datagrams, and sockets whose backend went are left alone', async () => {
    await scene.sync(balanced('older', [A], {}, [], UDP));
    const socket = await connected(scene.pod, 'udp4', ADDRESS);
    await scene.sync(balanced('older', [B], {}, [], UDP));
    await scene.sockets.endOrphans();
    await scene.sockets.endDeparted();
    expect(await socket.send()).toBe('ok');
    expect(senderOf(await socket.receive())).toBe(`${ADDRESS} 80`);
  });

  it('[A59] the status says what is missing, and that all else is served', async () => {
    const { backend, tables } = scene.startBackend(older());
    expect((await backend.status()).missing).toEqual([]);
    await tables.sync(rowsOf([balanced('older', [A], {})]), OWN_ADDRESSES);
    expect(await backend.status()).toMatchObject({ attached: true, error: null, missing: MISSING });
    backend.close();
  });
});
