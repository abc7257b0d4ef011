/** Loaded programs: run on crafted packets, counted, put on the tc hooks of interfaces. */
import { nativeAddon } from './native.ts';
import type { Descriptor, TcHook } from './native-bpf.ts';

export interface CraftedPacket {
  /** The frame, from its Ethernet header on. */
  readonly frame: Uint8Array;
  /** Index of the interface whose hook this is; it must exist. Default: 1, the loopback interface. */
  readonly interfaceIndex?: number;
  /** Where the node received it; 0 (default): a process of the node made it. */
  readonly ingressInterface?: number;
  /** Runs on the same frame, each sees what the one before left. Default: 1. */
  readonly repeat?: number;
  /** Path of the namespace that has the interfaces; left out, the caller's. */
  readonly networkNamespace?: string;
}

/** What a tc program says of a packet: let it go on, or not, or send it out by an interface at once. */
export type TcVerdict = 'pass' | 'drop' | 'redirect';

const TC_ACT_UNSPEC = 0xffffffff;
const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
const REFUSED = 0x7fffffff;

export interface PacketRun {
  readonly verdict: TcVerdict;
  /** A run took, on average. */
  readonly nanoseconds: number;
  /** As the program left it. */
  readonly frame: Uint8Array;
}

/** Runs a tc program on a packet of ours. Rejects with an Error when the kernel can't, or the program gives no verdict. */
export async function runOnPacket(program: Descriptor, packet: CraftedPacket): Promise<PacketRun> {
  const { frame, interfaceIndex = 1, ingressInterface = 0, repeat = 1, networkNamespace } = packet;
  const { value, ...run } = await nativeAddon().runProgramOnPacket(
    program,
    frame,
    interfaceIndex,
    ingressInterface,
    repeat,
    networkNamespace,
  );
  return { verdict: verdictOf(value), ...run };
}

/** Many frames, once each, in one call. `refused`: the kernel does not take it for a frame, so no program ever sees it. */
export async function runOnPackets(
  program: Descriptor,
  frames: readonly Uint8Array[],
  place: Omit<CraftedPacket, 'frame' | 'repeat'>,
): Promise<readonly (TcVerdict | 'refused')[]> {
  const { interfaceIndex = 1, ingressInterface = 0, networkNamespace } = place;
  const ends = new Uint32Array(frames.length);
  let end = 0;
  for (const [index, frame] of frames.entries()) {
    end += frame.length;
    ends[index] = end;
  }
  const values = await nativeAddon().runProgramOnPackets(
    program,
    Buffer.concat(frames),
    ends,
    interfaceIndex,
    ingressInterface,
    networkNamespace,
  );
  return Array.from(values, (value) => (value === REFUSED ? 'refused' : verdictOf(value)));
}

function verdictOf(value: number): TcVerdict {
  if (value === TC_ACT_UNSPEC) return 'pass';
  if (value === TC_ACT_SHOT) return 'drop';
  if (value === TC_ACT_REDIRECT) return 'redirect';
  throw new Error(`the program answered ${value}, which is no verdict`);
}

/** Runs a program of the kind `syscall`; returns its context as it left it. Rejects when it returns anything but 0. */
export async function runOnContext(program: Descriptor, context: Uint8Array): Promise<Uint8Array> {
  const result = await nativeAddon().runProgramOnContext(program, context);
  if (result.value !== 0) throw new Error(`the program answered ${result.value} instead of 0`);
  return result.context;
}

/** Where a program is to be: an interface, one of its hooks, and the namespace (left out: the caller's). */
export interface TcPlace {
  readonly interfaceIndex: number;
  readonly hook: TcHook;
  readonly networkNamespace?: string;
}

/** A program on a tc hook, before all others there, for as long as this process or a pin holds the link. */
export interface TcLink {
  readonly descriptor: Descriptor;
  /** Puts another program in its place, without a moment between (H2). */
  update(program: Descriptor): Promise<void>;
  detach(): Promise<void>;
  /** Id of its program, and the interface's index: 0 when that is gone. */
  describe(): Promise<{ readonly program: number; readonly interface: number }>;
  /** Lets go; a pinned link stays. */
  close(): void;
}

export async function attachTcx(program: Descriptor, place: TcPlace): Promise<TcLink> {
  return tcLink(
    await nativeAddon().attachTcx(program, place.interfaceIndex, place.hook, place.networkNamespace),
  );
}

/** The link that is pinned at the path. Rejects with ENOENT when there is none. */
export async function openTcLink(path: string): Promise<TcLink> {
  return tcLink(await nativeAddon().openPinned(path));
}

function tcLink(descriptor: Descriptor): TcLink {
  const native = nativeAddon();
  return {
    descriptor,
    update: async (program) => native.updateLink(descriptor, program),
    detach: async () => native.detachLink(descriptor),
    describe: async () => native.describeLink(descriptor),
    close: () => native.closeDescriptor(descriptor),
  };
}

/** What each of the links is, as `describe` tells of one. */
export async function describeTcLinks(
  links: readonly TcLink[],
): Promise<readonly { readonly program: number; readonly interface: number }[]> {
  const numbers = await nativeAddon().describeLinks(links.map(({ descriptor }) => descriptor));
  return links.map((_, index) => ({
    program: numbers[2 * index] ?? 0,
    interface: numbers[2 * index + 1] ?? 0,
  }));
}

/** The kernel's id of a program, which no other program has while this one is loaded. */
export async function programId(program: Descriptor): Promise<number> {
  return (await nativeAddon().describeProgram(program)).id;
}

/** Keeps a map, program or link under a path of a BPF file system, for as long as it stands there. */
export async function pin(descriptor: Descriptor, path: string): Promise<void> {
  await nativeAddon().pinDescriptor(descriptor, path);
}

/** Whether this kernel has tcx (since 6.6). */
export async function hasTcx(): Promise<boolean> {
  const loopback = 1;
  try {
    await nativeAddon().programsOn(loopback, 'ingress');
    return true;
  } catch {
    return false;
  }
}

/** A place among the filters of a hook; the lowest number is asked first. */
export interface FilterPlace extends TcPlace {
  readonly priority: number;
}

/** Puts a program on a clsact hook, in the place of the one with this priority; it stays until taken off. */
export async function attachFilter(program: Descriptor, place: FilterPlace): Promise<void> {
  const { interfaceIndex, hook, priority, networkNamespace } = place;
  await nativeAddon().attachFilter(program, interfaceIndex, hook, priority, networkNamespace);
}

/** Rejects with ENOENT or EINVAL when there is none. */
export async function detachFilter(place: FilterPlace): Promise<void> {
  const { interfaceIndex, hook, priority, networkNamespace } = place;
  await nativeAddon().detachFilter(interfaceIndex, hook, priority, networkNamespace);
}

/** By interface, the ids of the programs that `attachFilter` put on its hooks with this priority; 0: none. */
export async function filterPrograms(
  interfaces: readonly number[],
  { priority, networkNamespace }: Pick<FilterPlace, 'priority' | 'networkNamespace'>,
): Promise<ReadonlyMap<number, Readonly<Record<TcHook, number>>>> {
  const ids = await nativeAddon().filterPrograms(Uint32Array.from(interfaces), priority, networkNamespace);
  return new Map(
    interfaces.map((index, at) => [index, { ingress: ids[2 * at] ?? 0, egress: ids[2 * at + 1] ?? 0 }]),
  );
}

/** What others have at an interface: a program of tcx, a filter of clsact, a queue that packets wait in or that shapes them. */
export type Other = 'program' | 'filter' | 'queue';

const OTHERS: readonly Other[] = ['program', 'filter', 'queue'];

/** By interface; `own`: ids of our programs. What `attachFilter` put there is no other's. */
export async function othersOn(
  interfaces: readonly number[],
  own: Iterable<number>,
  networkNamespace?: string,
): Promise<ReadonlyMap<number, readonly Other[]>> {
  const sums = await nativeAddon().othersOn(
    Uint32Array.from(interfaces),
    Uint32Array.from(own),
    networkNamespace,
  );
  return new Map(
    interfaces.map((index, at) => [index, OTHERS.filter((_, bit) => (sums[at] ?? 0) & (1 << bit))]),
  );
}
