/** Serves sockets by the programs of any build, as its agent does: opens, syncs, and stays until its parent goes or kills it. */
import type { SocketBackend } from '../../../../src/dataplane/bpf/sockets/socket-backend.ts';
import { churnServices } from '../sockets/churn.ts';
import { OWN_ADDRESSES, rowsOf } from '../sockets/scene.ts';

export interface SocketBuildOrders {
  /** Top directory of the build. */
  readonly build: string;
  /** Of the pins. */
  readonly directory: string;
  readonly cgroup: string;
}

process.once('message', (orders) => {
  serve(orders as SocketBuildOrders).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit());

async function serve({ build, directory, cgroup }: SocketBuildOrders): Promise<void> {
  const { createSocketBackend } = await import(`${build}/src/dataplane/bpf/sockets/socket-backend.ts`);
  const backend: SocketBackend = createSocketBackend({ directory, cgroup, nodeOnly: false });
  await backend.over(null).sync(rowsOf(churnServices()), OWN_ADDRESSES);
  process.send?.('serving');
}
