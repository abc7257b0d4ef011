/** Services at sockets: the programs loaded over the tables of Services, and put on a cgroup once rows are in these. */
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  LAYOUT,
  SOCKET_TALLY_WORDS,
  type SocketTally,
  socketOptionsCodec,
  TABLES,
} from '../../../generated/socket.ts';
import { type BpfObject, loadBpfObject } from '../../../kernel/bpf-object.ts';
import { openCounterTable, openTable } from '../../../kernel/bpf-table.ts';
import { hasKernelFunction } from '../../../kernel/kernel-functions.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import type { ObjectName } from '../../../model/names.ts';
import { dropChangedPins } from '../migration/changed-pins.ts';
import { type Counts, createCounts } from './counts.ts';
import type { DepartureKernel } from './departures.ts';
import { createEnding, ENDING_FUNCTION, ENDING_PROGRAMS, type Ending, NO_ENDING } from './ending.ts';
import { createExemptions, type ExemptPods } from './exemptions.ts';
import { createSocketHooks, SOCKET_HOOKS } from './hooks.ts';

/** The compiled programs. */
export const SOCKET_OBJECT = fileURLToPath(new URL('../../../../bpf/build/socket.bpf.o', import.meta.url));

export interface SocketOptions {
  /** Of pins, in a BPF file system; maps that are pinned there are shared with the programs of policies. */
  readonly directory: string;
  /** Directory of the cgroup whose sockets are served, with all below it. */
  readonly cgroup: string;
  /** Sockets of pods with a network namespace of their own are left alone. */
  readonly nodeOnly: boolean;
  /** Path of the node's namespace; left out, the caller's. */
  readonly networkNamespace?: string;
  /** File in which the kernel describes itself; left out, this kernel's. */
  readonly kernelTypes?: string;
}

/** How often sockets were given a backend, or refused. */
export type SocketFigures = Readonly<Record<SocketTally, number>>;

export interface SocketServices extends DepartureKernel, Ending {
  /** All maps of the programs, by name: those of Services among them. */
  readonly maps: Readonly<Record<string, Descriptor>>;
  /** Has sockets be served from now on, or sees to it that they still are. Rejects with the kernel's Error. */
  attach(): Promise<void>;
  /**
   * Leaves the sockets of these pods to nft, and of no others; resolves with those whose network namespace is not found (yet).
   */
  exempt(pods: ExemptPods): Promise<readonly ObjectName[]>;
  figures(): Promise<SocketFigures>;
  /** What is in the kernel stays. */
  close(): void;
}

/**
 * Loads the programs, but attaches nothing yet.
 * @throws Error with the kernel's reason; what an earlier agent left goes on
 */
export async function openSocketServices(options: SocketOptions): Promise<SocketServices> {
  const { directory, cgroup } = options;
  mkdirSync(`${directory}/maps`, { recursive: true, mode: 0o700 });
  await dropChangedPins(directory, LAYOUT);
  // Else nobody would see the end of what earlier programs counted.
  let knowsSockets = existsSync(`${directory}/maps/connected_peers`);
  const ends = await endsSockets(options.kernelTypes);
  const object = await loadBpfObject(SOCKET_OBJECT, LAYOUT, {
    constants: { socket_options: await constantsOf(options) },
    pins: Object.fromEntries(Object.keys(LAYOUT.maps).map((name) => [name, `${directory}/maps/${name}`])),
    skipped: skippedWhere(ends),
  });
  const hooks = createSocketHooks(`${directory}/sockets`, cgroup, allNamed(object.programs, SOCKET_HOOKS));
  const ending = ends ? createEnding(allNamed(object.programs, ENDING_PROGRAMS), cgroup) : NO_ENDING;
  const counts = countsOf(object);
  const tallies = openCounterTable(named(object.maps, 'socket_tallies'), TABLES.socket_tallies);
  return {
    maps: object.maps,
    ...ending,
    async attach() {
      if (!knowsSockets || !(await hooks.isCounting())) {
        // What ends from now on would be taken off what is counted anew.
        await hooks.stopCounting();
        await counts.beginAnew();
        knowsSockets = true;
      }
      await hooks.attach();
      await counts.takeOver();
    },
    departures: openTable(named(object.maps, 'departures'), TABLES.departures),
    exempt: createExemptions(cgroup, named(object.maps, 'exempt_namespaces')),
    async figures() {
      const counts = new Map(await tallies.entries());
      const total = (tally: number) => (counts.get(tally) ?? []).reduce((sum, { count }) => sum + count, 0);
      return Object.fromEntries(
        SOCKET_TALLY_WORDS.map((word, tally) => [word, total(tally)]),
      ) as SocketFigures;
    },
    close() {
      hooks.close();
      object.close();
    },
  };
}

/**
 * Loads the programs for nothing but the kernel's opinion, and keeps none.
 * @throws Error with the kernel's reason
 */
export async function trySocketPrograms(): Promise<void> {
  (await loadBpfObject(SOCKET_OBJECT, LAYOUT, { skipped: skippedWhere(await endsSockets()) })).close();
}

const endsSockets = (kernelTypes?: string) => hasKernelFunction(ENDING_FUNCTION, kernelTypes);

/** Linux 5.15 refuses programs for naming a function that it lacks, whether they call it or not. */
function skippedWhere(ends: boolean): readonly string[] {
  return ends ? [] : ENDING_PROGRAMS;
}

function countsOf({ maps, programs }: Pick<BpfObject, 'maps' | 'programs'>): Counts {
  return createCounts({
    backend_states: named(maps, 'backend_states'),
    connected_peers: named(maps, 'connected_peers'),
    count_all: named(programs, 'count_all'),
    count_others: named(programs, 'count_others'),
  });
}

async function constantsOf({ nodeOnly, networkNamespace }: SocketOptions): Promise<Uint8Array> {
  const bytes = new Uint8Array(socketOptionsCodec.size);
  socketOptionsCodec.write(new DataView(bytes.buffer), 0, {
    nodeNamespace: await nativeAddon().networkNamespaceCookie(networkNamespace),
    nodeOnly: nodeOnly ? 1 : 0,
  });
  return bytes;
}

function allNamed<Name extends string>(
  all: Readonly<Record<string, Descriptor>>,
  names: readonly Name[],
): Record<Name, Descriptor> {
  return Object.fromEntries(names.map((name) => [name, named(all, name)])) as Record<Name, Descriptor>;
}

function named(all: Readonly<Record<string, Descriptor>>, name: string): Descriptor {
  const found = all[name];
  if (found === undefined) throw new Error(`the programs on sockets have no ${name}`);
  return found;
}
