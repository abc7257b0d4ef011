/** A process for tests that changes a control plane and writes its allocations as fast as it can, until it is killed. */
import { openAllocationFile, readAllocations } from '../../src/agent/allocation-file.ts';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { serviceObject } from '../objects.ts';

const path = process.argv[2] ?? '';
const log = { warn: (line: string) => process.stderr.write(`${line}\n`) } as never;
const memory = await readAllocations(path, log);
const plane = keepLastGood(createControlPlane(DEFAULT_CLUSTER_OPTIONS, memory?.allocations), memory?.given);
const file = openAllocationFile({ path, memory: () => plane.memory(), log, pauseMs: 0 });

function note(count: number): void {
  const names = Array.from({ length: count }, (_, index) => `s${index}`);
  plane.apply(names.map((name) => ({ type: 'set', object: serviceObject({ name }) })));
  file.note(plane.revision());
  setTimeout(note, 1, count + 1);
}

note((memory?.allocations.clusterIps.assigned.keys.length ?? 0) + 1);
process.stdout.write('started\n');
