/** Change notifications to events: the kernel tells each change, then who made them all at once. */
import type { Family } from './commands.ts';
import { countElements } from './elements.ts';
import {
  CHAIN,
  ELEMENT_LIST,
  GENERATION,
  MESSAGE,
  RULE,
  SET,
  SUBSYSTEM,
  TABLE,
} from './netlink-constants.ts';
import {
  type Attributes,
  longOf,
  type Message,
  numberOf,
  readAttributes,
  readMessages,
  textOf,
} from './netlink-reader.ts';
import { familyOf } from './ruleset.ts';

export interface MonitorChange {
  readonly verb: 'add' | 'delete';
  readonly object: 'table' | 'chain' | 'rule' | 'set' | 'elements' | 'object' | 'flowtable';
  readonly family: Family;
  readonly table: string;
  /** Of the chain, set or other object; of a rule's chain; of the table itself. */
  readonly name: string;
  /** Rules only. */
  readonly handle?: number;
  /** How many elements were changed; 1 for other objects. */
  readonly count: number;
}

/** One committed batch by anybody. */
export interface MonitorEvent {
  /** The ruleset's generation after it; 0 in an event about lost notifications. */
  readonly generation: number;
  /** Thread that committed it, as the kernel numbers it; for a program of one thread its process id. */
  readonly processId: number;
  /** That thread's name, at most 15 bytes. */
  readonly processName: string;
  /** Whether a netlink socket of this process sent it. */
  readonly ours: boolean;
  readonly changes: readonly MonitorChange[];
  /** Notifications were lost before this point, so any change may have been missed. */
  readonly lost?: true;
}

/** The event that says notifications were lost. */
export const LOST_EVENT: MonitorEvent = {
  generation: 0,
  processId: 0,
  processName: '',
  ours: false,
  changes: [],
  lost: true,
};

interface Kind {
  readonly verb: MonitorChange['verb'];
  readonly object: MonitorChange['object'];
  readonly table: number;
  readonly name: number;
}

const OTHER_NAME = 2;
const kind = (verb: Kind['verb'], object: Kind['object'], table: number, name: number): Kind => ({
  verb,
  object,
  table,
  name,
});
const KINDS: ReadonlyMap<number, Kind> = new Map([
  [MESSAGE.newTable, kind('add', 'table', TABLE.name, TABLE.name)],
  [MESSAGE.deleteTable, kind('delete', 'table', TABLE.name, TABLE.name)],
  [MESSAGE.newChain, kind('add', 'chain', CHAIN.table, CHAIN.name)],
  [MESSAGE.deleteChain, kind('delete', 'chain', CHAIN.table, CHAIN.name)],
  [MESSAGE.newRule, kind('add', 'rule', RULE.table, RULE.chain)],
  [MESSAGE.deleteRule, kind('delete', 'rule', RULE.table, RULE.chain)],
  [MESSAGE.newSet, kind('add', 'set', SET.table, SET.name)],
  [MESSAGE.deleteSet, kind('delete', 'set', SET.table, SET.name)],
  [MESSAGE.newElement, kind('add', 'elements', ELEMENT_LIST.table, ELEMENT_LIST.set)],
  [MESSAGE.deleteElement, kind('delete', 'elements', ELEMENT_LIST.table, ELEMENT_LIST.set)],
  [MESSAGE.newObject, kind('add', 'object', TABLE.name, OTHER_NAME)],
  [MESSAGE.deleteObject, kind('delete', 'object', TABLE.name, OTHER_NAME)],
  [MESSAGE.newFlowtable, kind('add', 'flowtable', TABLE.name, OTHER_NAME)],
  [MESSAGE.deleteFlowtable, kind('delete', 'flowtable', TABLE.name, OTHER_NAME)],
]);

/** Takes raw notifications in their order and returns the events they complete. */
export type EventAssembler = (bytes: Buffer) => readonly MonitorEvent[];

/**
 * An assembler with nothing read yet. `ownsPort` tells whether a netlink port id is of this process. The assembler
 * throws MalformedMessageError for what is no netlink message.
 */
export function createEventAssembler(ownsPort: (portId: number) => boolean): EventAssembler {
  let changes: MonitorChange[] = [];
  return (bytes) => {
    const events: MonitorEvent[] = [];
    for (const message of readMessages(bytes)) {
      if (message.type >> 8 !== SUBSYSTEM) continue;
      const attributes = readAttributes(bytes, message.start, message.end);
      if ((message.type & 0xff) === MESSAGE.newGeneration) {
        events.push(eventOf(attributes, changes, ownsPort(message.portId)));
        changes = [];
        continue;
      }
      const change = changeOf(message, attributes);
      if (change !== undefined) addChange(changes, change);
    }
    return events;
  };
}

function eventOf(attributes: Attributes, changes: readonly MonitorChange[], ours: boolean): MonitorEvent {
  return {
    generation: numberOf(attributes, GENERATION.id) ?? 0,
    processId: numberOf(attributes, GENERATION.processId) ?? 0,
    processName: textOf(attributes, GENERATION.processName) ?? '',
    ours,
    changes,
  };
}

function changeOf(message: Message, attributes: Attributes): MonitorChange | undefined {
  const found = KINDS.get(message.type & 0xff);
  const family = familyOf(message);
  if (found === undefined || family === undefined) return undefined;
  const { verb, object } = found;
  const handle = object === 'rule' ? longOf(attributes, RULE.handle) : undefined;
  return {
    verb,
    object,
    family,
    table: textOf(attributes, found.table) ?? '',
    name: textOf(attributes, found.name) ?? '',
    ...(handle !== undefined && { handle }),
    count: object === 'elements' ? countElements(attributes) : 1,
  };
}

/** The kernel tells each element on its own: those of one set in a row are counted together. */
function addChange(changes: MonitorChange[], change: MonitorChange): void {
  const last = changes.at(-1);
  const same =
    change.object === 'elements' &&
    last !== undefined &&
    last.object === 'elements' &&
    last.verb === change.verb &&
    last.name === change.name &&
    last.table === change.table &&
    last.family === change.family;
  if (!same) changes.push(change);
  else changes[changes.length - 1] = { ...last, count: last.count + change.count };
}
