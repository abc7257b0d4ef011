import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { SocketServices } from '../../../../src/dataplane/bpf/sockets/backend.ts';
import { type Churn, prepareChurn } from './churn.ts';
import { createSocketScene, type SocketScene } from './scene.ts';

let scene: SocketScene;
let programs: SocketServices;
let churn: Churn;
beforeAll(async () => {
  scene = await createSocketScene();
  programs = await scene.open();
  await programs.attach();
  churn = await prepareChurn(scene);
});
afterAll(async () => {
  churn?.end();
  programs?.close();
  await scene.remove();
});

it('[F8] sockets leave nothing behind in any table, however they end', async () => {
  // What is there once for a backend or a client is no leak.
  const { sockets = 0 } = await churn.remains();
  await churn.run(200);
  const before: Readonly<Record<string, number>> = { ...(await churn.remains()), sockets };
  expect(before).toMatchObject({ affinities: 0, open: 0 });
  expect(before.backend_states).toBeGreaterThan(0);
  await churn.run(20_000);
  await vi.waitFor(async () => expect(await churn.remains()).toEqual(before), { timeout: 10_000 });
  await scene.sync();
  await scene.services.collect();
  expect(await churn.remains()).toMatchObject({ backend_states: 0, service_states: 0, slots: 0 });
});
