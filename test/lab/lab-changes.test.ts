import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labApply, labDelete, labDown, labProbe, labStatus } from '../../src/lab/lab.ts';
import { type ManifestFolder, nodeManifest, podManifest } from './manifests.ts';
import { folder, leftovers, NAME, probe, request, up, verdicts, verdictsOf } from './running-lab.ts';

afterAll(() => folder.remove());

describe('a lab that changes', () => {
  beforeAll(up);
  afterAll(() => labDown({ name: NAME }));

  const apply = (...documents: Parameters<ManifestFolder['write']>[1]) =>
    labApply({ name: NAME, paths: [folder.write('change', documents)] });
  const remove = (...documents: Parameters<ManifestFolder['write']>[1]) =>
    labDelete({ name: NAME, paths: [folder.write('change', documents)] });

  it('takes new pods, new nodes and their pods, and lets them go', async () => {
    const added = await apply(
      nodeManifest('alpha'),
      podManifest('extra', { node: 'alpha' }),
      podManifest('more', { node: 'north' }),
    );
    expect([...added.started].sort()).toEqual(['node/alpha', 'shop/extra', 'shop/more']);
    for (const to of ['shop/extra', 'shop/more']) {
      expect(await verdicts({ from: 'shop/stock', to })).toEqual(['allowed', 'allowed']);
      expect(await verdicts({ from: 'external', to })).toEqual(['allowed', 'allowed']);
    }
    const [before] = await probe({ from: 'shop/web', to: 'shop/extra', family: 4 });
    const address = before?.address ?? '';
    const gone = await remove(nodeManifest('alpha'), podManifest('extra'), podManifest('more'));
    expect([...gone.ended].sort()).toEqual(['node/alpha', 'shop/extra', 'shop/more']);
    expect(await verdicts({ to: address, port: 80 })).toEqual(['blocked']);
    expect(leftovers().filter((name) => /alpha|extra|more/.test(name))).toEqual([]);
    expect(await verdicts({ from: 'shop/web', to: 'shop/stock' })).toEqual(['allowed', 'allowed']);
  });

  it('changes the ports of a pod and leaves its open connections alone', async () => {
    const pidOf = async () =>
      (await labStatus({ name: NAME })).pods.find(({ name }) => name === 'shop/cart')?.pid;
    const pid = await pidOf();
    await apply(podManifest('cart', { node: 'north', ports: [[80], [81]] }));
    expect(await verdicts({ port: 81 })).toEqual(['allowed', 'allowed']);
    expect(await verdicts({ port: 53, protocol: 'udp' })).toEqual(['refused', 'refused']);
    expect(await pidOf()).toBe(pid);
  });

  it('moves a pod to another node', async () => {
    await apply(podManifest('web', { node: 'south' }));
    const lines = await probe({ from: 'shop/cart', to: 'shop/web', port: 80 });
    for (const line of lines) expect(line).toMatchObject({ verdict: 'allowed', answeredBy: 'shop/web' });
    expect(await verdicts({ from: 'shop/web', to: 'shop/cart', port: 80 })).toEqual(['allowed', 'allowed']);
    await apply(podManifest('web', { node: 'north' }));
    expect(await verdicts({ from: 'shop/stock', to: 'shop/web' })).toEqual(['allowed', 'allowed']);
  });

  it('changes the addresses of a node', async () => {
    await apply(nodeManifest('south', ['192.168.7.10', 'fd99::10']));
    expect(await verdicts({ from: 'shop/web', to: 'shop/stock' })).toEqual(['allowed', 'allowed']);
    const [line] = await probe({ from: 'node/south', to: 'shop/web', family: 4 });
    expect(line).toMatchObject({ verdict: 'allowed', clientSeen: '192.168.7.10' });
    expect(await verdicts({ to: '192.168.7.10', port: 9100 })).toEqual(['allowed']);
    await apply(nodeManifest('south', ['192.168.7.9', 'fd99::9']));
    expect(await verdicts({ from: 'external', to: 'shop/stock' })).toEqual(['allowed', 'allowed']);
  });

  it('keeps the last good state of an object that is applied broken, and says so', async () => {
    const broken = { ...podManifest('web'), spec: { containers: [{ ports: [{ containerPort: 0 }] }] } };
    const { problems } = await apply(broken);
    expect(problems.map(({ severity }) => severity)).toContain('error');
    expect(await verdicts({ from: 'shop/stock', to: 'shop/web' })).toEqual(['allowed', 'allowed']);
  });

  it('notes a port that a host-network pod cannot have', async () => {
    const { notes } = await apply(
      podManifest('second', { node: 'south', hostNetwork: true, ports: [[9100]] }),
    );
    expect(notes).toEqual([
      expect.stringMatching(/^shop\/second: cannot serve 9100\/TCP: Address already in use$/),
    ]);
    expect((await remove(podManifest('second'))).notes).toEqual([]);
  });

  it('does concurrent changes one after the other', async () => {
    const names = ['c1', 'c2', 'c3'];
    const files = names.map((name) => folder.write(name, [podManifest(name, { node: 'south' })]));
    await Promise.all(files.map((file) => labApply({ name: NAME, paths: [file] })));
    const lines = await labProbe({
      name: NAME,
      requests: names.map((name) => request({ to: `shop/${name}`, family: 4 })),
    });
    expect(verdictsOf(lines)).toEqual(Array(3).fill('allowed'));
  });
});
