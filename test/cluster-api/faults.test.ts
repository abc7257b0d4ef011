import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import type { Manifest } from '../e2e/manifests.ts';
import { PORT } from './api-server.ts';
import { wholeService, wholeSlices } from './cluster-manifests.ts';
import { type FaultWorld, inFaultWorld } from './fault-world.ts';

const WEB = '10.96.1.10';

/** Service `name` on 10.96.1.HOST, led to the pod of node 1. */
const service = (world: FaultWorld, name: string, host: number): readonly Manifest[] => [
  wholeService(name, host),
  ...wholeSlices(name, [world.pods[1]]),
];

const parts = (name: string) => [
  `service/${name}`,
  `endpointslice/${name}-ipv4`,
  `endpointslice/${name}-ipv6`,
];

const annotated = (manifest: Manifest, annotations: Readonly<Record<string, string>>): Manifest => ({
  ...manifest,
  metadata: { ...(manifest.metadata as object), annotations },
});

interface EventJson {
  readonly count: number;
  readonly message: string;
  readonly source: { readonly component: string };
  readonly involvedObject: { readonly uid: string };
}

/** Each breaks a server of its own, beside the others: most of it is waiting. */
describe('a real API server', { timeout: 240_000 }, () => {
  it.concurrent('that stops for 40 s keeps nobody from serving, and then all is caught up', ({ expect }) =>
    inFaultWorld('fault-stop', async (world) => {
      const { server, agents, answer, synced, until } = world;
      world.start(1);
      world.start(2);
      await server.apply(...service(world, 'gone', 20));
      for (const node of [1, 2] as const) {
        await synced(node);
        await until('it answers', async () => (await answer(node, '10.96.1.20')) === 'default/pod-1');
      }
      server.pause();
      const began = performance.now();
      await server.besides(PORT + 20, async (kubectl) => {
        await kubectl('delete', '--wait=false', ...parts('gone'));
        const file = join(server.folder, 'came.json');
        writeFileSync(
          file,
          JSON.stringify({ kind: 'List', apiVersion: 'v1', items: service(world, 'came', 21) }),
        );
        await kubectl('create', '-f', file);
      });
      // The agent of node 1 is asked to look; that of node 2 can't know.
      await expect(agents[1].sync()).rejects.toThrow(
        /172\.31\.0\.1:6443: nothing heard for 30 s; check the network/,
      );
      expect((await agents[1].status()).source.synced).toBe(false);
      expect((await agents[2].status()).source.synced).toBe(true);
      for (const node of [1, 2] as const) {
        expect(await answer(node, '10.96.1.20')).toBe('default/pod-1');
        expect((await world.health(node)).status).toBe(200);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + 40_000 - performance.now())));
      server.resume();
      for (const node of [1, 2] as const) {
        await until(
          'the new one answers',
          async () => (await answer(node, '10.96.1.21')) === 'default/pod-1',
        );
        await until('the old one does not', async () => (await answer(node, '10.96.1.20')) === 'blocked');
        await synced(node);
      }
    }));

  it.concurrent('that comes back compacted is listed again: what went meanwhile goes', ({ expect }) =>
    inFaultWorld('fault-old', async (world) => {
      const { server, answer, synced, until } = world;
      await server.apply(...service(world, 'gone', 20));
      world.start(1);
      await synced(1);
      expect(await answer(1, '10.96.1.20')).toBe('default/pod-1');
      const list = JSON.parse(await server.kubectl('get', '--raw', '/api/v1/services'));
      const version = String(list.metadata.resourceVersion);
      await server.stop();
      await server.start(PORT + 10, { flags: '--compaction 2s' });
      await server.kubectl('delete', '--wait=false', ...parts('gone'));
      await server.apply(...service(world, 'came', 21));
      const query = `limit=1&resourceVersionMatch=Exact&resourceVersion=${version}`;
      await until(
        'the server has forgotten that version',
        async () =>
          await server.kubectl('get', '--raw', `/api/v1/services?${query}`).then(
            () => false,
            (error: Error) => /too old|Expired|compacted/.test(error.message),
          ),
      );
      expect(await answer(1, '10.96.1.20')).toBe('default/pod-1');
      await server.stop();
      await server.start();
      await synced(1);
      await until('the new one answers', async () => (await answer(1, '10.96.1.21')) === 'default/pod-1');
      await until('the old one does not', async () => (await answer(1, '10.96.1.20')) === 'blocked');
    }));

  it.concurrent('that refuses a token is told by /healthz until the first sync, and the file’s next token is taken', ({
    expect,
  }) =>
    inFaultWorld('fault-token', async (world) => {
      const { server, agents, answer, synced, until, tokenFile } = world;
      writeFileSync(tokenFile, 'wrong');
      world.start(1);
      const refused = `the server refuses the token of ${tokenFile} (401: Unauthorized); renew the token`;
      await until('it is refused', async () => (await world.reason(1)).startsWith(refused));
      expect(await world.health(1)).toMatchObject({ status: 503, reason: expect.stringContaining(refused) });
      server.replaceToken('rotated');
      writeFileSync(tokenFile, 'rotated');
      await server.stop();
      await server.start();
      await synced(1);
      expect((await world.health(1)).status).toBe(200);
      expect(agents[1].said().split('refuses the token').length).toBe(2);
      server.replaceToken('rotated-again');
      await server.stop();
      await server.start();
      await until('it is refused again', async () => (await world.reason(1)).startsWith(refused));
      await server.apply(...service(world, 'came', 21));
      // The kernel goes on with what was.
      expect((await world.health(1)).status).toBe(200);
      expect(await answer(1, WEB)).toBe('default/pod-1');
      expect(await answer(1, '10.96.1.21')).toBe('blocked');
      writeFileSync(tokenFile, 'rotated-again');
      await until('the new one answers', async () => (await answer(1, '10.96.1.21')) === 'default/pod-1');
    }));

  it.concurrent('shows what is wrong with an object as one Event of it, whichever agents see it', ({
    expect,
  }) =>
    inFaultWorld('fault-event', async (world) => {
      const { server, agents, synced, until } = world;
      world.start(1);
      world.start(2);
      await Promise.all([synced(1), synced(2)]);
      await server.apply(annotated(wholeService('odd', 30), { 'weir.dev/expose': 'nonsense' }));
      const told = async (node: 1 | 2) => {
        const { events } = await agents[node].status();
        return (events?.written ?? 0) + (events?.spared ?? 0);
      };
      await until('both have told it', async () => (await told(1)) >= 1 && (await told(2)) >= 1);
      const list = JSON.parse(
        await server.kubectl('get', 'events', '--field-selector', 'involvedObject.name=odd', '-o', 'json'),
      );
      const events: readonly EventJson[] = list.items;
      const uid = await server.kubectl('get', 'service', 'odd', '-o', 'jsonpath={.metadata.uid}');
      expect(events).toHaveLength(1);
      expect(events[0]).toMatchObject({
        count: 1,
        type: 'Warning',
        reason: 'UnknownAnnotationValue',
        message: expect.stringContaining('nonsense'),
        source: { component: 'weir' },
        involvedObject: { uid },
      });
      expect(await server.kubectl('describe', 'service', 'odd')).toMatch(
        /Warning\s+UnknownAnnotationValue\s/,
      );
    }));
});
