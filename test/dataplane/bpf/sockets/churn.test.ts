import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { SocketServices } from '../../../../src/dataplane/bpf/sockets/backend.ts';
import { type Churn, prepareChurn } from './churn.ts';
import { createSocketScene, type SocketScene } from './scene.ts';

let scene: SocketScene;
let sockets: SocketServices;
let churn: Churn;
beforeAll(async () => {
  scene = await createSocketScene();
  sockets = await scene.open();
  await sockets.attach();
  churn = await prepareChurn(scene);
});
afterAll(async () => {
  churn?.end();
  sockets?.close();
  await scene.remove();
});

it('[F8] sockets leave nothing behind in any table, however they end', async () => {
  // What is there once for a backend or a client is no leak.
  await churn.run(200);
  const before = await churn.remains();
  expect(before).toHaveProperty('affinities');
  await churn.run(20_000);
  await vi.waitFor(async () => expect(await churn.remains()).toEqual(before), { timeout: 10_000 });
});
