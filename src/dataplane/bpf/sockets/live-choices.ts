/** Asks the tables of an agent's programs whom a socket's next connection would go to; nothing in them changes. */
import { existsSync } from 'node:fs';
import { type Backend, LAYOUT, type Scheduler, type SlotList } from '../../../generated/policy.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import type { Address } from '../../../model/address.ts';
import type { Port } from '../../../model/names.ts';
import type { ServiceId } from '../../../model/rows.ts';
import { mappedBytes, unmappedAddress } from '../mapped-address.ts';
import { isLaidOutOtherwise } from '../migration/changed-pins.ts';
import { currentSet } from '../migration/map-sets.ts';
import { digestText } from '../services/found-services.ts';
import { digestOf } from '../services/served.ts';
import { openServiceTables, type ServiceTables } from '../services/tables.ts';
import { namespaceCookiesIn } from './exemptions.ts';
import {
  type ChoiceBackend,
  type ChoiceTables,
  firstSlot,
  nextChances,
  type Standing,
  shareOf,
  standingOf,
  triedSlots,
} from './next-choice.ts';

/** A connection that is not begun. */
export interface LiveQuestion {
  readonly service: ServiceId;
  readonly list: SlotList;
  /** Address of whoever dials. */
  readonly source: Address;
  readonly dialled: Address;
  readonly protocol: 'TCP' | 'UDP';
}

/** A backend as the choice meets it. */
export interface LiveBackend {
  readonly address: Address;
  readonly port: Port;
  /** How likely the connection goes there, 0 to 1. */
  readonly chance: number;
  readonly weight: number;
  readonly open: number;
  /** `out`: ejected; `probed`: it was, and the next connection tries it. */
  readonly standing: Standing;
  /** Milliseconds until it may be tried; 0: at once, or it is being tried. */
  readonly ejectedMs: number;
  /** Percent of its share that it has by now. */
  readonly share: number;
}

export interface LiveChoice {
  readonly scheduler: Scheduler;
  /** The client keeps its backend for so many seconds more; null: it has none. */
  readonly remembered: { readonly address: Address; readonly port: Port; readonly seconds: number } | null;
  /** Slots of the list, and the one that is looked at first; null: any. */
  readonly slots: number;
  readonly firstSlot: number | null;
  /** The next turn. */
  readonly turn: number;
  /** In the order of their first slots. */
  readonly backends: readonly LiveBackend[];
}

export interface LiveChoices {
  /**
   * `no-socket`: no process with this address is in the cgroup, so that packets decide; `no-rows`: the Service is not, or not
   * wholly, in the tables.
   */
  ask(question: LiveQuestion): Promise<LiveChoice | 'no-socket' | 'no-rows'>;
  close(): void;
}

const NAMES = [
  'frontends',
  'services',
  'slots',
  'backends',
  'service_names',
  'service_addresses',
  'service_prefixes',
  'node_addresses',
  'echo_addresses',
  'affinities',
  'backend_states',
  'service_states',
] as const;
const NANOSECONDS_PER_MILLISECOND = 1e6;
const NANOSECONDS_PER_SECOND = 1e9;

const MOST_ATTEMPTS = 5;

/**
 * `directory`: of the agent's pins; `cgroup`: whose sockets it serves.
 * @throws Error where there are none, or those of another version
 */
export async function openLiveChoices(directory: string, cgroup: string): Promise<LiveChoices> {
  const maps = await openMaps(currentSet(directory));
  const tables = openServiceTables(maps);
  const cookies = await namespaceCookiesIn(cgroup);
  let numbers = await numbersByDigest(tables);
  return {
    async ask(question) {
      const [cookie] = cookies.get(question.source) ?? [];
      if (cookie === undefined) return 'no-socket';
      const digest = digestText(digestOf(question.service));
      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        const number = numbers.get(digest);
        const choice = number === undefined ? null : await readChoice(tables, number, question, cookie);
        if (choice !== null) return choice;
        // They are just being replaced, perhaps.
        numbers = await numbersByDigest(tables);
      }
      return 'no-rows';
    },
    close() {
      for (const map of Object.values(maps)) nativeAddon().closeDescriptor(map);
    },
  };
}

async function openMaps(directory: string): Promise<Readonly<Record<string, Descriptor>>> {
  const maps: Record<string, Descriptor> = {};
  for (const name of NAMES) {
    const path = `${directory}/${name}`;
    if (!existsSync(path))
      throw new Error(
        `no rows of Services are pinned at ${path}; an agent that serves sockets puts them there`,
      );
    if (await isLaidOutOtherwise(path, name, LAYOUT))
      throw new Error(`${path} is another version's; ask with the version of the agent`);
    maps[name] = await nativeAddon().openPinned(path);
  }
  return maps;
}

/** Of two numbers with one name the later has it. */
async function numbersByDigest({ names }: ServiceTables): Promise<ReadonlyMap<string, number>> {
  const sorted = [...(await names.entries())].sort(([a], [b]) => a - b);
  return new Map(sorted.map(([number, digest]) => [digestText(digest), number]));
}

/** null where the rows are not whole. */
async function readChoice(
  tables: ServiceTables,
  service: number,
  { list, dialled, protocol }: LiveQuestion,
  cookie: number,
): Promise<LiveChoice | null> {
  const row = await tables.services.get(service);
  if (row === undefined) return null;
  const index = list === 'cluster' ? 0 : 1;
  const { generation, scheduler, affinitySeconds, slowStartSeconds, ejects } = row;
  const client = clientOf(cookie);
  const hashed = scheduler === 'destination-hash' ? mappedBytes(dialled) : client;
  const terms = { scheduler, slowStartSeconds, hashed, slotCount: row.slots[index] };
  const slots = new Map<number, number>();
  for (const slot of triedSlots(terms)) {
    const found = slots.has(slot) ? null : await tables.slots.get({ service, generation, slot, list });
    if (found === undefined) return null;
    if (found !== null) slots.set(slot, found.backend);
  }
  const affinity = affinitySeconds === 0 ? undefined : await tables.affinities.get({ client, service });
  const nowNs = Number(process.hrtime.bigint());
  const seconds = affinitySeconds - (nowNs - (affinity?.lastUsed ?? 0)) / NANOSECONDS_PER_SECOND;
  const kept = affinity === undefined || seconds <= 0 ? [] : [affinity.backend];
  const found = await readBackends(tables, new Set([...slots.values(), ...kept]));
  const remembered = kept.find((number) => {
    const backend = found.get(number)?.row;
    return backend?.service === service && ((backend.lists >> index) & 1) === 1;
  });
  const choice: ChoiceTables = {
    ...terms,
    slots,
    backends: new Map([...found].map(([number, { state }]) => [number, state])),
    turn: (await tables.serviceStates.get(service))?.turns[index] ?? 0,
    ejects: ejects === 1,
    probes: protocol === 'TCP',
    remembered: remembered ?? null,
    nowNs,
  };
  return told(choice, found, seconds);
}

interface FoundBackend {
  readonly row: Backend;
  readonly state: ChoiceBackend;
}

async function readBackends(
  tables: ServiceTables,
  numbers: ReadonlySet<number>,
): Promise<ReadonlyMap<number, FoundBackend>> {
  const found = new Map<number, FoundBackend>();
  for (const number of numbers) {
    const [row, noted] = await Promise.all([tables.backends.get(number), tables.backendStates.get(number)]);
    if (row === undefined) continue;
    const { open = 0, ejectedUntil = 0, probed = 0 } = noted ?? {};
    const state = {
      weight: row.weight,
      since: row.since,
      open,
      ejectedUntilNs: ejectedUntil,
      probedNs: probed,
    };
    found.set(number, { row, state });
  }
  return found;
}

/** `seconds` that the client's memory has left. */
function told(choice: ChoiceTables, found: ReadonlyMap<number, FoundBackend>, seconds: number): LiveChoice {
  const { scheduler, slotCount, turn, remembered, nowNs } = choice;
  const chances = nextChances(choice);
  const endpointOf = ({ row }: FoundBackend) => ({
    address: unmappedAddress(row.address),
    port: row.port as Port,
  });
  const kept = remembered === null ? undefined : found.get(remembered);
  return {
    scheduler,
    remembered: kept === undefined ? null : { ...endpointOf(kept), seconds },
    slots: slotCount,
    firstSlot: slotCount === 0 ? null : firstSlot(choice),
    turn,
    backends: [...found].map(([number, backend]) => ({
      ...endpointOf(backend),
      chance: chances.get(number) ?? 0,
      weight: backend.state.weight,
      open: backend.state.open,
      standing: standingOf(choice, number),
      ejectedMs: Math.max(0, (backend.state.ejectedUntilNs - nowNs) / NANOSECONDS_PER_MILLISECOND),
      share: shareOf(choice, number),
    })),
  };
}

/** As the programs have it: a multicast address that no host has, with the cookie of the client's namespace. */
function clientOf(cookie: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xff;
  new DataView(bytes.buffer).setBigUint64(8, BigInt(cookie), true);
  return bytes;
}
