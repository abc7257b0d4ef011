/**
 * Choosing a backend. A `pick-N` chain serves all services with N slots, a `stick-T` chain all with that affinity timeout:
 * they are rows, made with their first user and removed with their last. A new chain has the kernel walk the maps that
 * it reads (45 ms with 10,000 services), so the commonest pick chains are fixed, made while the maps are empty.
 */

import { type Expression, expr } from '../../../kernel/native.ts';
import type { Family } from '../../../model/address.ts';
import { familySet, LIST_NUMBER, type ListName, LOCAL_SLOT_OFFSET } from '../layout.ts';
import type { Chain } from './chain.ts';
import { loadFrontend, loadOriginalFrontend } from './frontend-key.ts';
import {
  addressWidth,
  forEachFamily,
  frontendWidth,
  goByNumber,
  inSet,
  loadAddress,
  loadDestinationPort,
  loadNumber,
  lookUp,
  lookUpService,
  type Rule,
  translate,
} from './matching.ts';

/** The two ways the `service` map may know the frontend; the exact one is tried first. */
const KNOWN_BY = ['exact', 'anyAddress'] as const;

/** Up to this many slots, the pick chain is always there. */
export const FIXED_PICKS = 32;
const FIRST_CHAIN_NUMBER = 0x1000000;
const NUMBERED_CHAINS: readonly string[] = [
  'refuse',
  'discard',
  'sticky-cluster',
  'sticky-local',
  'sources-allow',
  'sources-deny',
];

export function pickChainName(list: ListName, slots: number): string {
  return list === 'cluster' ? `pick-${slots}` : `pick-local-${slots}`;
}

export function stickChainName(seconds: number): string {
  return `stick-${seconds}`;
}

/** The number that stands for a chain in maps: of a pick chain its slots, of the fixed ones a place of their own. */
export function chainNumber(chain: string): number {
  const pick = /^pick(-local)?-(\d+)$/.exec(chain);
  if (pick !== null) return Number(pick[2]) + (pick[1] === undefined ? 0 : LOCAL_SLOT_OFFSET);
  const place = NUMBERED_CHAINS.indexOf(chain);
  if (place < 0) throw new Error(`no number stands for the chain ${chain}`);
  return FIRST_CHAIN_NUMBER + place;
}

/** The chain with this name if it is one of those that are rows, else undefined. */
export function chainRow(name: string): Chain | undefined {
  const pick = /^pick(-local)?-(\d+)$/.exec(name);
  if (pick !== null) {
    const slots = Number(pick[2]);
    return slots > FIXED_PICKS ? pickChain(pick[1] === undefined ? 'cluster' : 'local', slots) : undefined;
  }
  const stick = /^stick-(\d+)$/.exec(name);
  return stick === null ? undefined : stickChain(Number(stick[1]));
}

/** The pick chains that are always there. */
export function fixedPickChains(): readonly Chain[] {
  const counts = Array.from({ length: FIXED_PICKS }, (_, index) => index + 1);
  return (['cluster', 'local'] as const).flatMap((list) => counts.map((slots) => pickChain(list, slots)));
}

/** Affinity first, where the service has it; fixed. */
export function stickyChains(): readonly Chain[] {
  return (['cluster', 'local'] as const).map(stickyChain);
}

export function stickyChainName(list: ListName): string {
  return `sticky-${list}`;
}

/** frontend → service; a random slot; service, slot → backend; translate. */
function pickChain(list: ListName, slots: number): Chain {
  const offset = list === 'cluster' ? 0 : LOCAL_SLOT_OFFSET;
  const rules = perKnownKey((family, loadKey) => {
    const service = frontendWidth(family);
    const backend = service + 2;
    return [
      ...loadKey,
      ...lookUpService(family, service),
      expr.numgen({ type: 'random', modulus: slots, offset, register: service + 1 }),
      lookUp(familySet('slot', family), service, backend),
      translate(family, backend, backend + addressWidth(family)),
    ];
  });
  const about = `frontend: service, a random slot of ${slots}, its backend`;
  return { name: pickChainName(list, slots), about, rules };
}

/**
 * A remembered backend counts only while it is a member of the list, so that a client of an endpoint that went, or that
 * this traffic policy does not allow, is given another at once (A37, A38). A stale memory is deleted: learning again
 * refreshes an element's timeout but not its value.
 */
function stickyChain(list: ListName): Chain {
  const remembered = perKnownKey((family, loadKey) => {
    const at = stickyRegisters(family);
    return [
      ...loadKey,
      ...lookUpMemory(family),
      ...lookUpService(family, at.service),
      loadNumber(LIST_NUMBER[list], at.list),
      inSet(familySet('member', family), at.list),
      translate(family, at.backend, at.backendPort),
    ];
  });
  const forget = perKnownKey((family, loadKey) => {
    const at = stickyRegisters(family);
    return [
      ...loadKey,
      ...lookUpMemory(family),
      ...loadMemoryKey(family),
      expr.dynset({
        set: familySet('affinity', family),
        operation: 'delete',
        key: at.client,
        data: at.service,
      }),
    ];
  });
  const choose = perKnownKey((family, loadKey) => {
    const service = frontendWidth(family);
    return [
      ...loadKey,
      ...lookUpService(family, service),
      loadNumber(LIST_NUMBER[list], service + 1),
      ...goByNumber('sticky-pick', service, service + 2, 'route-pick'),
    ];
  });
  const about = 'the backend that the client had, if it is still a member; else forget it and pick';
  return { name: stickyChainName(list), about, rules: [...remembered, ...forget, ...choose] };
}

/** Behind the translation: client, service → the backend that was chosen, for so many idle seconds. */
function stickChain(seconds: number): Chain {
  const rules = perOriginalKey((family, loadKey) => {
    const at = stickyRegisters(family);
    return [
      ...loadKey,
      ...loadMemoryKey(family),
      ...loadDestination(family),
      expr.dynset({
        set: familySet('affinity', family),
        operation: 'update',
        key: at.client,
        data: at.service,
        timeoutMs: seconds * 1000,
      }),
      expr.verdict({ code: 'return' }),
    ];
  });
  const about = `remember client and service: backend for ${seconds} idle seconds`;
  return { name: stickChainName(seconds), about, rules };
}

/**
 * Where things stand while affinity is looked up: [frontend key][client][service][backend][port]. Client and service
 * form the key of a memory; service, backend and port its value; and list (over the client's last register), service,
 * backend and port the key of a member. The 16 registers are just enough for IPv6.
 */
function stickyRegisters(family: Family) {
  const client = frontendWidth(family);
  const service = client + addressWidth(family);
  const backend = service + 1;
  return { client, service, list: service - 1, backend, backendPort: backend + addressWidth(family) };
}

function loadMemoryKey(family: Family): Rule {
  const at = stickyRegisters(family);
  return [...lookUpService(family, at.service), loadAddress(family, 'source', at.client)];
}

/** The packet's destination where a memory's backend stands; nft goes on seeing it there (see lookUpService). */
function loadDestination(family: Family): Rule {
  const at = stickyRegisters(family);
  return [loadAddress(family, 'destination', at.backend), loadDestinationPort(at.backendPort)];
}

function lookUpMemory(family: Family): Rule {
  const at = stickyRegisters(family);
  return [
    ...loadMemoryKey(family),
    ...loadDestination(family),
    lookUp(familySet('affinity', family), at.client, at.service),
  ];
}

type BuildRule = (family: Family, loadKey: readonly Expression[]) => Rule;

function perKnownKey(build: BuildRule): readonly Rule[] {
  return KNOWN_BY.flatMap((scope) => forEachFamily((family) => build(family, loadFrontend(family, scope))));
}

/** Like perKnownKey, by the tuple that conntrack remembers. */
export function perOriginalKey(build: BuildRule): readonly Rule[] {
  return KNOWN_BY.flatMap((scope) =>
    forEachFamily((family) => build(family, loadOriginalFrontend(family, scope))),
  );
}
