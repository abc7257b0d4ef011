/** The policy programs of a node of its own: rows go in by the dataplane, packets by test runs; nothing is attached anywhere. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PROGRAM_OPTIONS } from '../../src/dataplane/bpf/policies/backend.ts';
import { createPolicyDataplane, type PolicyDataplane } from '../../src/dataplane/bpf/policies/dataplane.ts';
import { openPolicyTables } from '../../src/dataplane/bpf/policies/tables.ts';
import { createServiceDataplane, type ServiceDataplane } from '../../src/dataplane/bpf/services/dataplane.ts';
import { openServiceTables, type ServiceTables } from '../../src/dataplane/bpf/services/tables.ts';
import {
  DROP_REASON_WORDS,
  type DropReason,
  LAYOUT,
  type PolicyEvent,
  type PolicyOptions,
  policyEventCodec,
  policyOptionsCodec,
  TALLY_WORDS,
  type Tally,
} from '../../src/generated/policy.ts';
import { loadBpfObject } from '../../src/kernel/bpf-object.ts';
import {
  type CraftedPacket,
  runOnContext,
  runOnPacket,
  type TcVerdict,
} from '../../src/kernel/bpf-program.ts';
import { nativeAddon } from '../../src/kernel/native.ts';
import type { Descriptor } from '../../src/kernel/native-bpf.ts';
import { ETHERNET_BYTES, frameOf } from './packets.ts';

export const OBJECT = fileURLToPath(new URL('../../bpf/build/policy.bpf.o', import.meta.url));
/** The loopback interface stands for the pod's: a test run needs one that exists. */
export const POD_INTERFACE = 1;
/** Where packets that are forwarded to the pod came in. */
const ELSEWHERE = 7;

export const DEFAULT_OPTIONS: PolicyOptions = {
  unknownInterfaceClosed: 0,
  flowsPerSubject: 0,
  admissionsPerSecond: 1_000_000,
  eventsPerSecond: 1_000_000,
  answerDenied: 0,
  tcpOpeningSeconds: 120,
  tcpEstablishedSeconds: 86_400,
  tcpClosingSeconds: 60,
  otherOpeningSeconds: 30,
  otherEstablishedSeconds: 180,
  hairpinIpv4: PROGRAM_OPTIONS.hairpinIpv4,
  hairpinIpv6: PROGRAM_OPTIONS.hairpinIpv6,
};

export interface PolicyNode {
  readonly dataplane: PolicyDataplane;
  readonly services: ServiceDataplane;
  readonly serviceTables: ServiceTables;
  readonly tables: ReturnType<typeof openPolicyTables>;
  readonly programs: { readonly fromPod: Descriptor; readonly toPod: Descriptor };
  /** The pod sends an IP packet. */
  fromPod(packet: Uint8Array): Promise<TcVerdict>;
  /** An IP packet is forwarded to the pod; `ingressInterface` 0: the node itself sends it. */
  toPod(packet: Uint8Array, ingressInterface?: number): Promise<TcVerdict>;
  /** As `fromPod` and `toPod`, with what became of the packet. */
  send(
    direction: 'fromPod' | 'toPod',
    packet: Uint8Array,
    ingressInterface?: number,
  ): Promise<{ readonly verdict: TcVerdict; readonly packet: Uint8Array }>;
  /** Any frame, not only IP. */
  frame(direction: 'fromPod' | 'toPod', packet: CraftedPacket): Promise<TcVerdict>;
  /** Packets dropped since the last call, by reason; reasons that never occurred are left out. */
  drops(): Promise<Partial<Record<DropReason, number>>>;
  tallies(): Promise<Readonly<Record<Tally, number>>>;
  /** Events since the last call. */
  events(): Promise<readonly PolicyEvent[]>;
  /** Removes flows that ended; returns how many. */
  sweep(): Promise<number>;
  /** Forgets all flows, fragments and denials. */
  forget(): Promise<void>;
  close(): void;
}

/** `networkNamespace`: path of the one whose connections are known; default: the test's own. */
export async function createPolicyNode(
  options: Partial<PolicyOptions> = {},
  maxEntries: Readonly<Record<string, number>> = {},
  networkNamespace?: string,
): Promise<PolicyNode> {
  const constants = new Uint8Array(policyOptionsCodec.size);
  policyOptionsCodec.write(new DataView(constants.buffer), 0, { ...DEFAULT_OPTIONS, ...options });
  const object = await loadBpfObject(OBJECT, LAYOUT, { constants: { options: constants }, maxEntries });
  const tables = openPolicyTables(object.maps);
  const serviceTables = openServiceTables(object.maps);
  const programs = {
    fromPod: programOf(object.programs, 'from_pod'),
    toPod: programOf(object.programs, 'to_pod'),
  };
  const sweeper = programOf(object.programs, 'sweep_flows');
  const records: PolicyEvent[] = [];
  const ring = nativeAddon().readRing(programOf(object.maps, 'events'), 4096, (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += policyEventCodec.size)
      records.push(policyEventCodec.read(view, at));
  });
  const drops = dropCounter(tables);
  return {
    dataplane: createPolicyDataplane(tables),
    services: createServiceDataplane(serviceTables),
    serviceTables,
    tables,
    programs,
    ...packetRuns(programs, networkNamespace),
    drops,
    tallies: async () => {
      const counts = new Map(
        (await tables.tallies.entries()).map(([key, values]) => [key, sum(values.map(({ count }) => count))]),
      );
      return Object.fromEntries(TALLY_WORDS.map((word, index) => [word, counts.get(index) ?? 0])) as Record<
        Tally,
        number
      >;
    },
    events: async () => {
      // The ring is read when the loop comes to it: after timers, of which one may be late, and before what is immediate.
      await setTimeout(5);
      await setImmediate();
      return records.splice(0);
    },
    sweep: async () =>
      new DataView((await runOnContext(sweeper, new Uint8Array(8))).buffer).getUint32(0, true),
    forget: async () => {
      const flows = await tables.flows.entries();
      await tables.flows.delete(flows.map(([key]) => key));
      await tables.usages.set((await tables.usages.entries()).map(([key]) => [key, { flows: 0 }] as const));
      records.splice(0);
      await drops();
    },
    close() {
      nativeAddon().closeReader(ring);
      object.close();
    },
  };
}

function packetRuns(
  programs: PolicyNode['programs'],
  networkNamespace: string | undefined,
): Pick<PolicyNode, 'fromPod' | 'toPod' | 'send' | 'frame'> {
  const frame: PolicyNode['frame'] = async (direction, packet) =>
    (await runOnPacket(programs[direction], packet)).verdict;
  const crafted = (packet: Uint8Array, ingressInterface: number): CraftedPacket => ({
    frame: frameOf(packet),
    interfaceIndex: POD_INTERFACE,
    ingressInterface,
    ...(networkNamespace === undefined ? {} : { networkNamespace }),
  });
  return {
    frame,
    fromPod: (packet) => frame('fromPod', crafted(packet, 0)),
    toPod: (packet, ingressInterface = ELSEWHERE) => frame('toPod', crafted(packet, ingressInterface)),
    async send(direction, packet, ingressInterface = ELSEWHERE) {
      const run = await runOnPacket(programs[direction], crafted(packet, ingressInterface));
      return { verdict: run.verdict, packet: run.frame.subarray(ETHERNET_BYTES) };
    },
  };
}

function programOf(named: Readonly<Record<string, Descriptor>>, name: string): Descriptor {
  const found = named[name];
  if (found === undefined) throw new Error(`the object has no ${name}`);
  return found;
}

function dropCounter(tables: ReturnType<typeof openPolicyTables>): PolicyNode['drops'] {
  let before = new Map<number, number>();
  return async () => {
    const now = new Map(
      (await tables.dropCounts.entries()).map(([key, values]) => [
        key,
        sum(values.map(({ packets: [ingress, egress] }) => ingress + egress)),
      ]),
    );
    const since = [...now].map(
      ([key, count]) => [DROP_REASON_WORDS[key] ?? key, count - (before.get(key) ?? 0)] as const,
    );
    before = now;
    return Object.fromEntries(since.filter(([, count]) => count > 0));
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
