/** Services of socket tests that say how their connections are spread, and what the programs know of their backends. */
import type { BackendState } from '../../../../src/dataplane/backend-state.ts';
import { type Balancing, DEFAULT_BALANCING, type ServiceRows } from '../../../../src/model/rows.ts';
import { frontend, type SocketScene, serviceOf } from './scene.ts';

/** Where such Services are, at port 80. */
export const ADDRESS = '10.96.0.10';

/** `name` should be new: what is known of a Service stays with it. `weights` as many as servers. */
export function balanced(
  name: string,
  servers: readonly string[],
  balancing: Partial<Balancing>,
  weights: readonly number[] = [],
  more: Partial<ServiceRows> = {},
): ServiceRows {
  const rows = serviceOf(name, [frontend({ address: ADDRESS, port: 80 })], servers, more);
  const cluster = rows.cluster.map((backend, index) => ({ ...backend, weight: weights[index] ?? 1 }));
  return { ...rows, cluster, local: cluster, balancing: { ...DEFAULT_BALANCING, ...balancing } };
}

/** What is known of the server in the Service of this name. */
export async function stateOf(
  { services }: SocketScene,
  name: string,
  server: string,
): Promise<BackendState | undefined> {
  const states = await services.states();
  return states.find(({ service, address }) => service.startsWith(`test/${name}:`) && address === server);
}

/** Connections that are open to each server by the programs' account, 0 where they know none. */
export async function openCounts(
  scene: SocketScene,
  name: string,
  servers: readonly string[],
): Promise<readonly number[]> {
  const states = await Promise.all(servers.map((server) => stateOf(scene, name, server)));
  return states.map((state) => state?.open ?? 0);
}
