/**
 * Choosing a backend. A `pick-N` chain serves all services that draw from N slots at random (others: `choice.ts`), a
 * `stick-T` chain all with that affinity timeout: they are rows, made with their first user and removed with their last.
 * A new chain has the kernel walk the maps that it reads (45 ms with 10,000 services), so the commonest pick chains are
 * fixed, made while the maps are empty.
 */

import { type Expression, expr } from '../../../kernel/native.ts';
import type { Family } from '../../../model/address.ts';
import { familySet, LIST_NUMBER, type ListName, LOCAL_SLOT_OFFSET } from '../layout.ts';
import type { Chain } from './chain.ts';
import { type Choice, choiceName, choiceNamed, choiceNumber, randomChoice } from './choice.ts';
import { perKnownKey, perOriginalKey } from './frontend-key.ts';
import {
  addressWidth,
  frontendWidth,
  goByNumber,
  goTo,
  inSet,
  jumpTo,
  loadAddress,
  loadDestinationPort,
  loadNumber,
  lookUp,
  lookUpService,
  type Rule,
  translate,
} from './matching.ts';
import { notTried } from './retry.ts';

/** Without one of its own the kernel makes up a seed for each rule: nodes and restarts are to agree. */
const HASH_SEED = 0x77656972;

/** Up to this many slots, the pick chain is always there. */
export const FIXED_PICKS = 32;
/** Slots that others are looked for in where the first was tried; what is beyond those of a list is drawn in vain. */
const SPARES = [2, 4, 8, 16, 32] as const;
const MOST_SPARES = 32;
const FIRST_CHAIN_NUMBER = 0x1000000;
const NUMBERED_CHAINS: readonly string[] = [
  'refuse',
  'discard',
  'sticky-cluster',
  'sticky-local',
  'sources-allow',
  'sources-deny',
];

export function stickChainName(seconds: number): string {
  return `stick-${seconds}`;
}

/** The number that stands for a chain in maps: of a choice it tells the slots, the fixed ones have a place of their own. */
export function chainNumber(chain: string): number {
  const choice = choiceNamed(chain);
  if (choice !== undefined) return choiceNumber(choice);
  const place = NUMBERED_CHAINS.indexOf(chain);
  if (place < 0) throw new Error(`no number stands for the chain ${chain}`);
  return FIRST_CHAIN_NUMBER + place;
}

/** The chain with this name if it is one of those that are rows, else undefined. */
export function chainRow(name: string): Chain | undefined {
  const choice = choiceNamed(name);
  if (choice !== undefined)
    return choice.by === 'random' && choice.slots <= FIXED_PICKS ? undefined : choiceChain(choice);
  const stick = /^stick-(\d+)$/.exec(name);
  return stick === null ? undefined : stickChain(Number(stick[1]));
}

/** The pick chains that are always there. */
export function fixedPickChains(): readonly Chain[] {
  const counts = Array.from({ length: FIXED_PICKS }, (_, index) => index + 1);
  return (['cluster', 'local'] as const).flatMap((list) => [
    ...counts.map((slots) => choiceChain(randomChoice(list, slots))),
    ...SPARES.flatMap((slots) => [sparesChain(list, slots), spareChain(list, slots)]),
  ]);
}

/** Affinity first, where the service has it; fixed. */
export function stickyChains(): readonly Chain[] {
  return (['cluster', 'local'] as const).map(stickyChain);
}

export function stickyChainName(list: ListName): string {
  return `sticky-${list}`;
}

/**
 * frontend → service; a random slot; service, slot → backend; translate. A connection that comes again, unanswered, goes on
 * to other slots; where all of these were tried as well, to the first.
 */
function choiceChain(choice: Choice): Chain {
  const { list, slots } = choice;
  const name = choiceName(choice);
  const about = `frontend: service, ${ABOUT[choice.by]} ${slots}, its backend`;
  if (slots === 1) return { name, about, rules: drawSlot(choice, () => []) };
  const spares = SPARES.find((count) => count >= slots) ?? MOST_SPARES;
  const rules = [
    ...drawSlot(choice, notTried),
    [jumpTo(listChainName('spares', list, spares))],
    [goTo(choiceName(randomChoice(list, 1)))],
  ];
  return { name, about, rules };
}

function listChainName(kind: 'spare' | 'spares', list: ListName, slots: number): string {
  return `${kind}${list === 'local' ? '-local' : ''}-${slots}`;
}

const ABOUT: Readonly<Record<Choice['by'], string>> = {
  random: 'a random slot of',
  turn: 'the next slot of',
  source: 'the slot of its source among',
  destination: 'the slot of its destination among',
};

/** Each of the slots is met, and twice, since other packets draw from the same counter meanwhile. */
function sparesChain(list: ListName, slots: number): Chain {
  const draw: Rule = [jumpTo(listChainName('spare', list, slots))];
  const rules = Array.from({ length: 2 * slots }, () => draw);
  const about = `where a backend did not answer: any of ${slots} slots whose backend was not tried as well`;
  return { name: listChainName('spares', list, slots), about, rules };
}

/** For connections that come again: slots by turns, so that the next draw is another one. */
function spareChain(list: ListName, slots: number): Chain {
  const about = `the next slot of ${slots}, if there is one and it was not tried`;
  const turns: Choice = { by: 'turn', list, slots, counter: 0 };
  return { name: listChainName('spare', list, slots), about, rules: drawSlot(turns, notTried) };
}

/** `accept`: what must hold of the backend behind the register. */
function drawSlot(choice: Choice, accept: (family: Family, before: number) => Rule): readonly Rule[] {
  return perKnownKey((family, loadKey) => {
    const service = frontendWidth(family);
    const backend = service + 2;
    return [
      ...loadKey,
      ...lookUpService(family, service),
      ...loadSlot(choice, family, service + 1),
      ...loadDestination(family, backend),
      lookUp(familySet('slot', family), service, service + 1),
      ...accept(family, service),
      translate(family, backend, backend + addressWidth(family)),
    ];
  });
}

/** Puts the slot's number into the register, which others behind it are used for. */
function loadSlot({ by, list, slots }: Choice, family: Family, register: number): readonly Expression[] {
  const offset = list === 'cluster' ? 0 : LOCAL_SLOT_OFFSET;
  const range = { modulus: slots, offset, register };
  if (by === 'random') return [expr.numgen({ type: 'random', ...range })];
  if (by === 'turn') return [expr.numgen({ type: 'incremental', ...range })];
  const source = register + 1;
  const length = addressWidth(family) * 4;
  return [
    loadAddress(family, by, source),
    expr.hash({ type: 'jenkins', source, length, seed: HASH_SEED, ...range }),
  ];
}

/**
 * A remembered backend counts only while it is a member of the list, so that a client of an endpoint that went, or that
 * this traffic policy does not allow, is given another at once (A37, A38), and one that was not answered at its next
 * attempt. A stale memory is deleted: learning again refreshes an element's timeout but not its value.
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
      ...notTried(family, at.list),
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
      ...loadDestination(family, at.backend),
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

/** The packet's destination where a backend is to stand; nft goes on seeing it there (see lookUpNumber). */
function loadDestination(family: Family, register: number): Rule {
  return [loadAddress(family, 'destination', register), loadDestinationPort(register + addressWidth(family))];
}

function lookUpMemory(family: Family): Rule {
  const at = stickyRegisters(family);
  return [
    ...loadMemoryKey(family),
    ...loadDestination(family, at.backend),
    lookUp(familySet('affinity', family), at.client, at.service),
  ];
}
