/** Whom the next connection is given, in words. */
import type { LiveBackend, LiveChoice } from '../dataplane/bpf/sockets/live-choices.ts';
import { formatEndpoint } from '../model/address.ts';
import type { LiveAnswer, LiveChance } from './trace-live.ts';

/** More of a list is left out of a line. */
const MOST_NAMED = 8;
/** Chances are told in thousandths: an ejected backend gets less, when nobody else was met. */
const NEGLIGIBLE = 0.001;

/** What a socket's next connection gets, and by what. */
export function liveText(choice: LiveChoice): Omit<LiveAnswer, 'by'> {
  const isPassedOver = ({ standing, chance }: LiveBackend) => standing === 'out' && chance < NEGLIGIBLE;
  const chances = choice.backends
    .filter((backend) => backend.chance > 0 && !isPassedOver(backend))
    .map((backend) => ({ endpoint: endpointOf(backend), chance: Math.min(1, backend.chance) }))
    .sort((a, b) => b.chance - a.chance);
  const passedOver = choice.backends
    .filter(isPassedOver)
    .map((backend) => ({ endpoint: endpointOf(backend), why: ejectionText(backend) }));
  const starting = choice.backends
    .filter(({ share }) => share < 100)
    .map((backend) => `${endpointOf(backend)} at ${backend.share} %`);
  const notes = [
    ...(passedOver.length === 0 ? [] : [`passed over: ${listed(passedOver.map(exclusionText))}`]),
    ...(starting.length === 0 ? [] : [`slow start: ${listed(starting)}`]),
  ];
  return { chances, passedOver, why: [`${shareText(chances)}: ${reasonText(choice)}`, ...notes].join('; ') };
}

/** Who gets it with which chance. */
export function shareText(chances: readonly LiveChance[]): string {
  const [first] = chances;
  if (first === undefined) return 'nobody';
  if (first.chance > 1 - NEGLIGIBLE) return first.endpoint;
  return listed(chances.map(({ endpoint, chance }) => `${endpoint} ${percent(chance)}`));
}

function reasonText(choice: LiveChoice): string {
  const { remembered, scheduler, slots, firstSlot, turn, backends } = choice;
  const slot = firstSlot === null ? `any of ${slots} slots` : `slot ${firstSlot} of ${slots}`;
  if (backends.some(({ standing, chance }) => standing === 'probed' && chance > 1 - NEGLIGIBLE))
    return 'it was ejected, and this connection tries it';
  // Where the one that is kept is passed over, it is named among those.
  if (
    remembered !== null &&
    backends.some((each) => each.chance > 0 && endpointOf(each) === endpointOf(remembered))
  )
    return `the client keeps it for ${Math.ceil(remembered.seconds)} s more`;
  switch (scheduler) {
    case 'random':
      return `at random, ${slot}`;
    case 'turns':
      return `turn ${turn}, ${slot}`;
    case 'client-hash':
      return `by a hash of the client, ${slot}`;
    case 'destination-hash':
      return `by a hash of the dialled address, ${slot}`;
    case 'least-connections':
      return `fewest open connections (${listed(backends.map(openText))})`;
    case 'weighted-least-connections':
      return `fewest open connections for its weight (${listed(backends.map(weightedText))})`;
    case 'shortest-delay':
      return `fewest open connections for its weight, with this one (${listed(backends.map(weightedText))})`;
    case 'never-queue':
      return `one without open connections, or as sed (${listed(backends.map(weightedText))})`;
  }
}

function ejectionText({ ejectedMs }: LiveBackend): string {
  return ejectedMs === 0
    ? 'ejected, another connection tries it'
    : `ejected for ${Math.ceil(ejectedMs / 1000)} s`;
}

function exclusionText({ endpoint, why }: { readonly endpoint: string; readonly why: string }): string {
  return `${endpoint} (${why})`;
}

function openText(backend: LiveBackend): string {
  return `${endpointOf(backend)} ${backend.open}`;
}

function weightedText(backend: LiveBackend): string {
  return `${endpointOf(backend)} ${backend.open}/${backend.weight}`;
}

function endpointOf({ address, port }: Pick<LiveBackend, 'address' | 'port'>): string {
  return formatEndpoint(address, port);
}

function listed(texts: readonly string[]): string {
  const more = texts.length - MOST_NAMED;
  return more > 0 ? `${texts.slice(0, MOST_NAMED).join(', ')} and ${more} more` : texts.join(', ');
}

function percent(chance: number): string {
  return `${(100 * chance).toFixed(chance < 0.1 ? 1 : 0)} %`;
}
