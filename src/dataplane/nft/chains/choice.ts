/** Chains that choose a slot: one serves all services with as many slots that choose in the same way. */
import { type ListName, LOCAL_SLOT_OFFSET } from '../layout.ts';

/** At random, by a counter, or by a hash of the packet's source or destination address. */
export type ChoiceBy = (typeof CHOICES)[number];

/** The place of a word is a part of numbers of chains. */
const CHOICES = ['random', 'turn', 'source', 'destination'] as const;
const NAMES: Readonly<Record<ChoiceBy, string>> = {
  random: 'pick',
  turn: 'turn',
  source: 'source',
  destination: 'destination',
};

/**
 * A counter belongs to a rule, so services of one chain share it, and whoever asks them by turns would always meet the
 * same backends. With so many chains for each number of slots that rarely happens, and there still is no chain per service.
 */
export const COUNTERS = 16;

/** Of one way of choosing, numbers of both lists' slots. */
const NUMBERS_OF_CHOICE = 2 * LOCAL_SLOT_OFFSET;
const NUMBERS_OF_COUNTER = CHOICES.length * NUMBERS_OF_CHOICE;

export interface Choice {
  readonly by: ChoiceBy;
  readonly list: ListName;
  readonly slots: number;
  /** Which of the counters, from 0; 0 where none is used. */
  readonly counter: number;
}

/** A choice at random. */
export function randomChoice(list: ListName, slots: number): Choice {
  return { by: 'random', list, slots, counter: 0 };
}

/** What the service of this number chooses by; from one slot there is but one way. */
export function choiceOf(by: ChoiceBy, list: ListName, slots: number, service: number): Choice {
  return slots === 1
    ? randomChoice(list, 1)
    : { by, list, slots, counter: by === 'turn' ? service % COUNTERS : 0 };
}

/** The name of the choice's chain. */
export function choiceName({ by, list, slots, counter }: Choice): string {
  const name = `${NAMES[by]}${list === 'local' ? '-local' : ''}-${slots}`;
  return by === 'turn' ? `${name}-${counter}` : name;
}

/** Inverse of choiceName; undefined for names of other chains. */
export function choiceNamed(name: string): Choice | undefined {
  const [, kind, local, slots, counter] = /^([a-z]+)(-local)?-(\d+)(?:-(\d+))?$/.exec(name) ?? [];
  const by = CHOICES.find((choice) => NAMES[choice] === kind);
  if (by === undefined || (by === 'turn') !== (counter !== undefined)) return undefined;
  return {
    by,
    list: local === undefined ? 'cluster' : 'local',
    slots: Number(slots),
    counter: Number(counter ?? 0),
  };
}

/** The number that stands for the choice's chain in maps; below 0x800000. */
export function choiceNumber({ by, list, slots, counter }: Choice): number {
  const start = CHOICES.indexOf(by) * NUMBERS_OF_CHOICE + counter * NUMBERS_OF_COUNTER;
  return start + (list === 'local' ? LOCAL_SLOT_OFFSET : 0) + slots;
}
