/** Weir's own way from objects to the kernel, put together as the agent does, without source and control plane. */
import { pino } from 'pino';
import { createServiceCompiler } from '../../src/compile/services/compiler.ts';
import { openNftDataplane } from '../../src/dataplane/nft/dataplane.ts';
import type { ObjectChange } from '../../src/model/objects.ts';
import type { Rows } from '../../src/model/rows.ts';
import { createWorld } from '../../src/world/world.ts';
import { COMPILE_OPTIONS } from './cluster-objects.ts';

export interface DataPath {
  /** Compiles everything and makes the kernel of this namespace hold it. */
  load(changes: readonly ObjectChange[]): Promise<void>;
  /** One change in, its rows in the kernel when this resolves. Throws when nothing was written. */
  change(change: ObjectChange): Promise<void>;
  /** Resolves when what follows a change (stale connection-tracking entries) is done as well. */
  settled(): Promise<void>;
  /** What the kernel holds. */
  rows(): Rows;
  close(): Promise<void>;
}

/** Opens a path into the network namespace that this process runs in. */
export async function openDataPath(): Promise<DataPath> {
  const world = createWorld();
  const compiler = createServiceCompiler(COMPILE_OPTIONS);
  const dataplane = await openNftDataplane({
    log: pino({ level: 'warn' }, pino.destination(2)),
    nodePortRange: COMPILE_OPTIONS.nodePortRange,
  });
  return {
    async load(changes) {
      world.apply(changes);
      compiler.update(world.view, 'everything');
      await dataplane.sync(compiler.rows());
    },
    async change(change) {
      const { change: rows } = compiler.update(world.view, world.apply([change]));
      const report = await dataplane.apply(rows);
      if (report.bytes === 0) throw new Error('a change that should have reached the kernel wrote nothing');
    },
    settled: () => dataplane.settled(),
    rows: () => compiler.rows(),
    close: () => dataplane.close(),
  };
}
