/**
 * The policy programs a second time, over the rows that the live ones go by, to be asked what they would do to a packet.
 * What the programs write (flows, fragments, counters, events) they have for themselves, and they are attached nowhere:
 * nothing live is touched.
 */
import { existsSync } from 'node:fs';
import {
  type DropReason,
  LAYOUT,
  type PolicyEvent,
  policyEventCodec,
  policyOptionsCodec,
} from '../../../generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../../kernel/bpf-object.ts';
import { runOnPackets } from '../../../kernel/bpf-program.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import type { Address } from '../../../model/address.ts';
import type { Direction, RuleName } from '../../../model/policy-rows.ts';
import { createNumbers, type Numbers } from '../../policy-numbers.ts';
import { unmappedAddress } from '../mapped-address.ts';
import { named, POLICY_OBJECT, PROGRAM_OPTIONS } from './backend.ts';
import { type CraftedFlow, openingFrame, truncatedFrame } from './crafted-frame.ts';
import { REVISION_KEY } from './installed.ts';
import { openPolicyTables } from './tables.ts';

/** Whose each map is: the programs write to those that are their own. */
const MAPS: Readonly<Record<keyof typeof LAYOUT.maps, 'shared' | 'own'>> = {
  subjects: 'shared',
  peer_addresses: 'shared',
  peer_prefixes: 'shared',
  verdict_groups: 'shared',
  port_verdicts: 'shared',
  revision: 'shared',
  names: 'shared',
  frontends: 'shared',
  services: 'shared',
  slots: 'shared',
  backends: 'shared',
  service_addresses: 'shared',
  service_prefixes: 'shared',
  node_addresses: 'shared',
  echo_addresses: 'shared',
  service_names: 'shared',
  affinities: 'own',
  backend_states: 'shared',
  service_states: 'own',
  flows: 'own',
  usages: 'own',
  fragments: 'own',
  denials: 'own',
  drop_counts: 'own',
  tallies: 'own',
  rule_hits: 'own',
  link_ends: 'own',
  event_rates: 'own',
  workspace: 'own',
  events: 'own',
};

export interface RehearsalOptions {
  /** Of the pins of the agent whose rows are asked. */
  readonly directory: string;
  /** Path of the network namespace that has the pods' interfaces. */
  readonly networkNamespace: string;
}

/** The hook of a pod's interface where a packet is judged. */
export interface RehearsalPlace {
  readonly interfaceIndex: number;
  /** Seen from the pod. */
  readonly direction: Direction;
}

export interface RehearsedVerdict {
  /** A pod's own packet that goes back to it passes too. */
  readonly verdict: 'pass' | 'drop';
  /** `none` where it passes. */
  readonly reason: DropReason;
  /** null: none decided. One that was not learnt is `number N`. */
  readonly rule: RuleName | null;
  readonly auditRule: RuleName | null;
  /** The other end as it was judged: behind a Service's address, the backend that was chosen. null: nobody judged. */
  readonly peer: { readonly address: Address; readonly port: number } | null;
}

export interface Rehearsal {
  /** Of the rows that packets are judged by now. */
  revision(): Promise<number>;
  /** Which of these rules the kernel's numbers stand for now. */
  learn(rules: Iterable<RuleName>): Promise<void>;
  /** What the programs do to the first packet of each connection, which came to the node by another interface. */
  judge(
    place: RehearsalPlace,
    flows: readonly Omit<CraftedFlow, 'sourcePort'>[],
  ): Promise<readonly RehearsedVerdict[]>;
  close(): void;
}

/** Packets run in one call: their events fit into the ring, and their source ports are distinct. */
const MOST_AT_ONCE = 4096;
const FIRST_SOURCE_PORT = 40_000;
const SOURCE_PORTS = 24_000;
/** No interface has this index, the pod's own neither: packets that come back to their pod are exempt. */
const ELSEWHERE = 0x7fff_ffff;

/**
 * Loads the programs over the pinned rows, which costs a second of CPU.
 * @throws Error when no agent pinned any there, or the kernel refuses the programs
 */
export async function openRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const object = await loadOverPins(options.directory);
  const tables = openPolicyTables(object.maps);
  let numbers = createNumbers([]);
  const events = readEvents(object);
  const run = createRuns(object, events, options.networkNamespace);
  return {
    revision: async () => (await tables.revision.get(REVISION_KEY)) ?? 0,
    async learn(rules) {
      numbers = createNumbers(await tables.names.entries());
      // Rules that the kernel does not know get numbers that it never tells of.
      for (const rule of rules) numbers.numberOf('rule', rule);
    },
    async judge(place, flows) {
      const verdicts: RehearsedVerdict[] = [];
      for (let at = 0; at < flows.length; at += MOST_AT_ONCE)
        for (const { verdict, event } of await run(place, flows.slice(at, at + MOST_AT_ONCE)))
          verdicts.push({ verdict, ...reasonsOf(event, numbers) });
      return verdicts;
    },
    close() {
      events.close();
      object.close();
    },
  };
}

async function loadOverPins(directory: string): Promise<BpfObject> {
  const shared = Object.entries(MAPS).filter(([, whose]) => whose === 'shared');
  const pins = shared.map(([name]) => [name, `${directory}/maps/${name}`] as const);
  // A map that is not there would be pinned anew, and be taken for the agent's own.
  const missing = pins.find(([, path]) => !existsSync(path));
  if (missing !== undefined)
    throw new Error(
      `no policy rows are pinned at ${missing[1]}; an agent with --policy-backend=bpf puts them there`,
    );
  const constants = new Uint8Array(policyOptionsCodec.size);
  policyOptionsCodec.write(new DataView(constants.buffer), 0, {
    ...PROGRAM_OPTIONS,
    flowsPerSubject: 0xffff_ffff,
    admissionsPerSecond: 0xffff_ffff,
    eventsPerSecond: 0xffff_ffff,
  });
  return loadBpfObject(POLICY_OBJECT, LAYOUT, {
    constants: { options: constants },
    pins: Object.fromEntries(pins),
    // Two for each packet that is run in one call.
    maxEntries: { flows: 4 * MOST_AT_ONCE },
  });
}

interface Events {
  /** Those since the last call; resolves when the programs told of dropping `last`, which they tell after all others. */
  until(last: Address): Promise<readonly PolicyEvent[]>;
  close(): void;
}

function readEvents(object: BpfObject): Events {
  const records: PolicyEvent[] = [];
  let heard = (): void => {};
  const reader = nativeAddon().readRing(named(object.maps, 'events'), MOST_AT_ONCE, (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + policyEventCodec.size <= bytes.length; at += policyEventCodec.size)
      records.push(policyEventCodec.read(view, at));
    heard();
  });
  return {
    async until(last) {
      const isLast = () => {
        const event = records.at(-1);
        return event?.reason === 'malformed' && unmappedAddress(event.peer) === last;
      };
      while (!isLast())
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      return records.splice(0);
    },
    close: () => void nativeAddon().closeReader(reader),
  };
}

interface Run {
  readonly verdict: RehearsedVerdict['verdict'];
  /** Undefined: no rows were looked at, since no policy selects the pod. */
  readonly event: PolicyEvent | undefined;
}

function createRuns(object: BpfObject, events: Events, networkNamespace: string) {
  const programs = { egress: named(object.programs, 'from_pod'), ingress: named(object.programs, 'to_pod') };
  let ran = 0;
  let calls = 0;
  return async (
    { interfaceIndex, direction }: RehearsalPlace,
    flows: readonly Omit<CraftedFlow, 'sourcePort'>[],
  ): Promise<readonly Run[]> => {
    const numbered = flows.map((flow) => ({
      ...flow,
      sourcePort: FIRST_SOURCE_PORT + (ran++ % SOURCE_PORTS),
    }));
    const last = markAddress(++calls);
    const frames = [...numbered.map(openingFrame), markFrame(direction, last)];
    const verdicts = await runOnPackets(programs[direction], frames, {
      interfaceIndex,
      ingressInterface: direction === 'ingress' ? ELSEWHERE : 0,
      networkNamespace,
    });
    if (verdicts.at(-1) !== 'drop') throw new Error('the policy programs let a truncated packet pass');
    const told = await events.until(last);
    const byPort = new Map(
      told.map((event) => [direction === 'egress' ? event.localPort : event.peerPort, event]),
    );
    await Promise.all([empty(named(object.maps, 'flows')), empty(named(object.maps, 'denials'))]);
    return numbered.map(({ sourcePort }, index) => {
      const verdict = verdicts[index];
      if (verdict === undefined || verdict === 'refused')
        throw new Error('the kernel did not take a crafted packet');
      const event = byPort.get(sourcePort);
      // What goes back to its pod is the pod's own packet, or the answer to one that was dropped.
      const isAnswer = verdict === 'redirect' && event !== undefined && event.reason !== 'none';
      return { verdict: verdict === 'drop' || isAnswer ? 'drop' : 'pass', event };
    });
  };
}

/** What was asked before must not answer: a flow lets its packets pass, and only its first denial is told. */
async function empty(map: Descriptor): Promise<void> {
  const { count, keys } = await nativeAddon().readMap(map);
  if (count > 0) await nativeAddon().deleteFromMap(map, keys);
}

/** Of the block for documentation and tests of devices, which no pod has. */
function markAddress(call: number): Address {
  return `198.18.${(call >> 8) & 0xff}.${call & 0xff}` as Address;
}

function markFrame(direction: Direction, peer: Address): Uint8Array {
  const own = '198.19.0.1' as Address;
  return direction === 'egress' ? truncatedFrame(own, peer) : truncatedFrame(peer, own);
}

function reasonsOf(event: PolicyEvent | undefined, numbers: Numbers): Omit<RehearsedVerdict, 'verdict'> {
  const nameOf = (number: number): RuleName | null =>
    number === 0 ? null : ((numbers.contentOf('rule', number) ?? `number ${number}`) as RuleName);
  if (event === undefined) return { reason: 'none', rule: null, auditRule: null, peer: null };
  const { reason, rule, auditRule } = event;
  const peer = { address: unmappedAddress(event.peer), port: event.peerPort };
  return { reason, rule: nameOf(rule), auditRule: nameOf(auditRule), peer };
}
