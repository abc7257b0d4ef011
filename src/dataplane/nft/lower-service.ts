/** ServiceRows → elements. Pure: the same rows and service number give the same elements. */
import { createHash } from 'node:crypto';
import type { Address } from '../../model/address.ts';
import type { BackendRow, FrontendRow, ServiceId, ServiceRows, Treatment } from '../../model/rows.ts';
import { slotSequence } from '../schedule/slot-sequence.ts';
import { choiceName, choiceOf } from './chains/choice.ts';
import { scopeAddress } from './chains/frontend-key.ts';
import { chainNumber, stickChainName, stickyChainName } from './chains/pick.ts';
import { sourceChainName } from './chains/sources.ts';
import {
  addressKey,
  type Element,
  numberFromKey,
  numberKey,
  portKey,
  prefixRange,
  protocolByte,
  protocolKey,
} from './element.ts';
import {
  DIRECTIONS,
  type Direction,
  familySet,
  LIST_NUMBER,
  type ListName,
  LOCAL_SLOT_OFFSET,
  type Route,
  type SetName,
} from './layout.ts';
import { CHOICE_BY, packetScheduler } from './schedulers.ts';

const LISTS: readonly ListName[] = ['cluster', 'local'];
/** nft keeps no longer comments on elements. */
const LONGEST_COMMENT = 120;

/** The elements of one Service port and family; `number` is the service's in this kernel. */
export function lowerService(rows: ServiceRows, number: number): readonly Element[] {
  const lists = LISTS.filter((list) => rows.frontends.some((frontend) => usesList(frontend, list)));
  return [
    ...rows.frontends.flatMap((frontend) => lowerFrontend(rows, frontend, number)),
    ...lists.flatMap((list) => lowerList(rows, list, number)),
    ...lowerAffinity(rows, lists, number),
    ...lowerRetry(rows, lists, number),
    ...lowerSources(rows, number),
  ];
}

/** What stands beside a frontend in the kernel for its id: the id, or where that is too long its start and a hash. */
export function serviceTag(id: ServiceId): string {
  if (Buffer.byteLength(id) <= LONGEST_COMMENT) return id;
  return `${id.slice(0, 80)}~${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}

/** An entry that leads to a chain, and the one that tells what its number stands for: that has many users. */
function lowerRoute(route: Route, set: SetName, key: string, chain: string): readonly Element[] {
  const number = chainNumber(chain);
  return [
    { set, key, data: numberValue(number) },
    { set: route, key: numberKey(number), data: { code: 'goto', chain } },
  ];
}

/** A number as a value; why a word goes before it, `lookUpNumber` tells. */
function numberValue(number: number): string {
  return numberKey(0) + numberKey(number);
}

/** The service's number in a value of the `service` map. */
export function serviceNumberOf(value: string): number {
  return numberFromKey(value, 4);
}

function usesList(frontend: FrontendRow, list: ListName): boolean {
  return [frontend.inside, frontend.outside, frontend.elsewhere].includes(list);
}

function lowerFrontend(rows: ServiceRows, frontend: FrontendRow, number: number): readonly Element[] {
  const elements: Element[] = [];
  const key = frontendKey(rows, frontend, frontend.address ?? scopeAddress('anyAddress', rows.family));
  for (const direction of DIRECTIONS) {
    const chain = dispatchTarget(rows, frontend, direction, number);
    const map = frontend.kind === 'hostPort' ? 'host-port' : 'frontend';
    const set = familySet(`${map}-${direction}`, rows.family);
    if (chain !== undefined) elements.push(...lowerRoute('route', set, key, chain));
  }
  const elsewhere = chainFor(rows, frontend.elsewhere, number);
  if (elsewhere !== undefined) {
    const elsewhereKey = frontendKey(rows, frontend, scopeAddress('elsewhere', rows.family));
    elements.push(...lowerRoute('route', familySet('frontend-inside', rows.family), elsewhereKey, elsewhere));
  }
  if (elements.length === 0) return elements;
  const comment = serviceTag(rows.id);
  return [...elements, { set: familySet('service', rows.family), key, data: numberValue(number), comment }];
}

function frontendKey(rows: ServiceRows, frontend: FrontendRow, address: Address): string {
  return addressKey(address) + protocolKey(rows.protocol) + portKey(frontend.port);
}

function dispatchTarget(
  rows: ServiceRows,
  frontend: FrontendRow,
  direction: Direction,
  number: number,
): string | undefined {
  const treatment = frontend[direction];
  if (treatment === 'pass') return undefined;
  const guarded = direction === 'outside' && frontend.checkSources && rows.sourceRanges !== null;
  return guarded ? sourceChainName(rows.sourceRanges.policy) : chainFor(rows, treatment, number);
}

function chainFor(rows: ServiceRows, treatment: Treatment, number: number): string | undefined {
  switch (treatment) {
    case 'pass':
      return undefined;
    case 'reject':
      return 'refuse';
    case 'drop':
      return 'discard';
    case 'cluster':
    case 'local':
      return rows.affinitySeconds === null
        ? choosingChain(rows, treatment, number)
        : stickyChainName(treatment);
  }
}

function slotsOf({ balancing, ...rows }: ServiceRows, list: ListName): readonly BackendRow[] {
  return slotSequence(packetScheduler(balancing.scheduler), rows[list]);
}

function choosingChain(rows: ServiceRows, list: ListName, number: number): string {
  const by = CHOICE_BY[packetScheduler(rows.balancing.scheduler)];
  return choiceName(choiceOf(by, list, slotsOf(rows, list).length, number));
}

function lowerList(rows: ServiceRows, list: ListName, number: number): readonly Element[] {
  const offset = list === 'cluster' ? 0 : LOCAL_SLOT_OFFSET;
  const service = numberKey(number);
  const slotSet = familySet('slot', rows.family);
  // A schedule may have a backend in thousands of slots.
  const values = new Map(rows[list].map((backend) => [backend, numberKey(0) + backendKey(backend)]));
  const elements = slotsOf(rows, list).map((backend, slot): Element => {
    const data = values.get(backend) ?? '';
    return { set: slotSet, key: service + numberKey(offset + slot), data };
  });
  for (const backend of rows[list]) if (backend.nodeLocal) elements.push(...lowerLocalBackend(rows, backend));
  return elements;
}

/** Node-local backends need no masquerading, unless the client is the backend: only pods can be, through the node. */
function lowerLocalBackend(rows: ServiceRows, backend: BackendRow): readonly Element[] {
  const key = addressKey(backend.address);
  return [
    { set: familySet('local-backend', rows.family), key },
    { set: familySet('hairpin', rows.family), key: key + key },
  ];
}

function lowerAffinity(rows: ServiceRows, lists: readonly ListName[], number: number): readonly Element[] {
  const seconds = rows.affinitySeconds;
  if (seconds === null || lists.length === 0) return [];
  const service = numberKey(number);
  const member = familySet('member', rows.family);
  return [
    { set: 'sticky-protocol', key: protocolByte(rows.protocol) },
    { set: 'sticky-learn', key: service, data: numberValue(seconds) },
    { set: 'stick', key: numberKey(seconds), data: { code: 'jump', chain: stickChainName(seconds) } },
    ...lists.flatMap((list): Element[] => {
      const listKey = numberKey(LIST_NUMBER[list]);
      const chain = choosingChain(rows, list, number);
      return [
        ...lowerRoute('route-pick', 'sticky-pick', service + listKey, chain),
        ...rows[list].map((backend) => ({ set: member, key: listKey + service + backendKey(backend) })),
      ];
    }),
  ];
}

/** With one endpoint there is nobody else to ask. */
function lowerRetry(
  { balancing, protocol, ...rows }: ServiceRows,
  lists: readonly ListName[],
  number: number,
): readonly Element[] {
  const hasChoice = lists.some((list) => rows[list].length > 1);
  return protocol === 'TCP' && balancing.retries && hasChoice
    ? [{ set: 'retry', key: numberKey(number) }]
    : [];
}

function lowerSources(rows: ServiceRows, number: number): readonly Element[] {
  const guarded = rows.frontends.find((frontend) => frontend.checkSources && frontend.outside !== 'pass');
  const next = guarded === undefined ? undefined : chainFor(rows, guarded.outside, number);
  if (rows.sourceRanges === null || next === undefined) return [];
  const service = numberKey(number);
  const source = familySet('source', rows.family);
  return [
    ...lowerRoute('route-allowed', 'after-sources', service, next),
    ...rows.sourceRanges.prefixes.map(prefixRange).map(({ first, last }) => ({
      set: source,
      key: service + first,
      keyEnd: service + last,
    })),
  ];
}

function backendKey(backend: BackendRow): string {
  return addressKey(backend.address) + portKey(backend.port);
}
