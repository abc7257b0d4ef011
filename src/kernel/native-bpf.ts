/** What Weir's addon exports for BPF. Bytes in, bytes out; promises reject with an Error that has `code`, `errno`, `syscall`. */

import type { EventReader } from './native-network.ts';

declare const brand: unique symbol;
/** A map, program or link that this process holds; it is let go of by `closeDescriptor`, or with the last reference. */
export type Descriptor = { readonly [brand]: 'Descriptor' };

/** The two tc hooks of an interface, as seen from the interface: `ingress` is what it receives. */
export type TcHook = 'ingress' | 'egress';

/** What sockets of a cgroup do: in either family, being closed, and what becomes of TCP connections. */
export type CgroupHook =
  | `${'connect' | 'sendmsg' | 'recvmsg' | 'getpeername'}${4 | 6}`
  | 'sock_release'
  | 'sock_ops';

export interface NativeObjectOptions {
  /** Bytes of variables in .rodata. */
  readonly constants: Readonly<Record<string, Uint8Array>>;
  /** Sizes of maps that differ from the object's own. */
  readonly maxEntries: Readonly<Record<string, number>>;
  /** Paths in a BPF file system: a map that is pinned there is used, else the new one is pinned. */
  readonly pins: Readonly<Record<string, string>>;
  /** Names of programs that are not loaded; left out: all are. */
  readonly skipped?: readonly string[];
}

export interface NativeMapDescription {
  readonly id: number;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  readonly keySize: number;
  /** Of per-CPU maps, a slot of 8-byte steps for each CPU. */
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Cut to 15 characters by the kernel. */
  readonly name: string;
}

export interface NativeMapTypes {
  /** BTF, as in the section .BTF of an object file; empty where the map has none. */
  readonly types: Uint8Array;
  /** Number of its type; 0: none. */
  readonly key: number;
  readonly value: number;
}

export interface NativeBpf {
  loadBpfObject(
    path: string,
    options: NativeObjectOptions,
  ): Promise<{
    readonly maps: Readonly<Record<string, Descriptor>>;
    readonly programs: Readonly<Record<string, Descriptor>>;
  }>;
  pinDescriptor(descriptor: Descriptor, path: string): Promise<undefined>;
  openPinned(path: string): Promise<Descriptor>;
  /** Closing twice is fine. */
  closeDescriptor(descriptor: Descriptor): undefined;

  runProgramOnPacket(
    program: Descriptor,
    data: Uint8Array,
    interfaceIndex: number,
    ingressInterface: number,
    repeat: number,
    networkNamespace?: string,
  ): Promise<{ readonly value: number; readonly nanoseconds: number; readonly frame: Uint8Array }>;
  /** `ends`: where each frame ends in `frames`. 0x7fffffff for what the kernel does not take as a frame. */
  runProgramOnPackets(
    program: Descriptor,
    frames: Uint8Array,
    ends: Uint32Array,
    interfaceIndex: number,
    ingressInterface: number,
    networkNamespace?: string,
  ): Promise<Uint32Array>;
  runProgramOnContext(
    program: Descriptor,
    context: Uint8Array,
  ): Promise<{ readonly value: number; readonly context: Uint8Array }>;
  /** On all objects of its kind; of sockets, those of the namespace (left out: the caller's). */
  runIterator(program: Descriptor, networkNamespace?: string): Promise<undefined>;
  /** On each entry of a map whose kind the program is for. */
  runIteratorOnMap(program: Descriptor, map: Descriptor): Promise<undefined>;
  describeProgram(program: Descriptor): Promise<{
    readonly id: number;
    readonly name: string;
    readonly runs: number;
    readonly nanoseconds: number;
  }>;
  countProgramRuns(): Promise<Descriptor>;

  describeMap(map: Descriptor): Promise<NativeMapDescription>;
  mapTypes(map: Descriptor): Promise<NativeMapTypes>;
  updateMap(map: Descriptor, keys: Uint8Array, values: Uint8Array): Promise<undefined>;
  readMap(map: Descriptor): Promise<{
    readonly count: number;
    readonly keys: Uint8Array;
    readonly values: Uint8Array;
  }>;
  lookUpInMap(map: Descriptor, key: Uint8Array): Promise<Uint8Array | null>;
  deleteFromMap(map: Descriptor, keys: Uint8Array): Promise<number>;

  attachTcx(
    program: Descriptor,
    interfaceIndex: number,
    hook: TcHook,
    networkNamespace?: string,
  ): Promise<Descriptor>;
  updateLink(link: Descriptor, program: Descriptor): Promise<undefined>;
  detachLink(link: Descriptor): Promise<undefined>;
  describeLink(link: Descriptor): Promise<{
    readonly id: number;
    readonly program: number;
    /** 0: the interface is gone. */
    readonly interface: number;
    readonly hook: TcHook;
  }>;
  /** Two numbers for each: its program's id, and the interface's index. */
  describeLinks(links: readonly Descriptor[]): Promise<Uint32Array>;
  programsOn(
    interfaceIndex: number,
    hook: TcHook,
    networkNamespace?: string,
  ): Promise<readonly { readonly program: number; readonly link: number }[]>;
  attachToCgroup(program: Descriptor, cgroup: string, hook: CgroupHook): Promise<Descriptor>;
  describeCgroupLink(link: Descriptor): Promise<{
    readonly program: number;
    /** Inode of the cgroup's directory; 0: the cgroup is gone. */
    readonly cgroup: number;
  }>;
  attachFilter(
    program: Descriptor,
    interfaceIndex: number,
    hook: TcHook,
    priority: number,
    networkNamespace?: string,
  ): Promise<undefined>;
  detachFilter(
    interfaceIndex: number,
    hook: TcHook,
    priority: number,
    networkNamespace?: string,
  ): Promise<undefined>;

  /** Ids of programs, two for each interface: at ingress, at egress; 0: none. */
  filterPrograms(
    interfaceIndexes: Uint32Array,
    priority: number,
    networkNamespace?: string,
  ): Promise<Uint32Array>;
  /** For each interface a sum: 1 for a program of tcx, 2 for a filter, 4 for a queue. */
  othersOn(
    interfaceIndexes: Uint32Array,
    ownPrograms: Uint32Array,
    networkNamespace?: string,
  ): Promise<Uint32Array>;

  /**
   * `limit`: records taken at once. `pauseMs`: how long the ring is left alone after each time; programs wake nobody meanwhile,
   * and what they wrote is taken together.
   */
  readRing(
    map: Descriptor,
    limit: number,
    take: (records: Uint8Array) => void,
    pauseMs?: number,
  ): EventReader;
}
