/** `weir status services`: Service ports, and below each what becomes of its endpoints. */
import type { BackendCounts, BackendStatus, ServiceStatus } from '../agent/service-status.ts';
import type { GivenSchedulers } from '../dataplane/given-schedulers.ts';
import { formatEndpoint } from '../model/address.ts';
import { compareText } from '../model/names.ts';
import { table } from './output.ts';
import { frontendsText, serviceText } from './services-table.ts';

const HEADER = [
  'service',
  'protocol',
  'frontends',
  'scheduler',
  'endpoint (* here)',
  'weight',
  'open',
  'new/s',
  'failed',
  'state',
];

/** A line per endpoint, ordered by Service; `nowMs` is the time of asking, milliseconds since the epoch. */
export function backendsTable(services: readonly ServiceStatus[], nowMs: number): string {
  if (services.length === 0) return 'no Services';
  const sorted = services.toSorted((a, b) => compareText(a.id, b.id));
  return table(
    HEADER,
    sorted.flatMap((service) => serviceLines(service, nowMs)),
  );
}

function serviceLines(service: ServiceStatus, nowMs: number): readonly (readonly string[])[] {
  const { backends, protocol, schedulers } = service;
  const left = leftOut(service);
  const endpoints = backends.map((backend) => backendCells(backend, left, nowMs));
  const shown = new Set(backends.map(endpointText));
  // What nobody serves is to be seen at a glance, whatever is left out.
  if (backends.every(({ lists }) => lists.length === 0)) endpoints.unshift(['none: refused', ...NOTHING, '']);
  for (const [endpoint, reasons] of left)
    if (!shown.has(endpoint)) endpoints.push([endpoint, ...NOTHING, reasons.join(', ')]);
  const name = serviceText(service);
  const about = [protocol, frontendsText(service), schedulerText(schedulers)];
  return endpoints.map((cells, index) => [name, ...(index === 0 ? about : ['', '', '']), ...cells]);
}

/** Weight and counts of what gets no connections. */
const NOTHING = ['', '', '', ''];

/** Why endpoints are in none of the lists, or not in the one named. */
function leftOut({ excluded }: ServiceStatus): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...Map.groupBy(excluded, ({ endpoint }) => endpoint)].map(([endpoint, reasons]) => [
      endpoint,
      reasons.map(({ why, list }) => (list === 'both' ? why : `${why} (${list})`)),
    ]),
  );
}

function backendCells(
  backend: BackendStatus,
  left: ReadonlyMap<string, readonly string[]>,
  nowMs: number,
): readonly string[] {
  const { nodeLocal, weight, counts, lists } = backend;
  const endpoint = endpointText(backend);
  const reasons = left.get(endpoint) ?? (lists.length === 0 ? ['gone'] : []);
  return [
    `${endpoint}${nodeLocal ? '*' : ''}`,
    weight === null ? '' : String(weight),
    ...(counts === null
      ? ['', '', '']
      : [String(counts.open), counts.connectionsPerSecond.toFixed(1), String(counts.failures)]),
    [...reasons, ...stateTexts(counts, nowMs)].join(', '),
  ];
}

function endpointText({ address, port }: BackendStatus): string {
  return formatEndpoint(address, port);
}

function stateTexts(counts: BackendCounts | null, nowMs: number): readonly string[] {
  const { ejectedUntil = null, slowStartUntil = null } = counts ?? {};
  const texts: string[] = [];
  if (ejectedUntil !== null) {
    const seconds = secondsUntil(ejectedUntil, nowMs);
    texts.push(seconds > 0 ? `ejected for ${seconds} s` : 'ejected, tried by the next connection');
  }
  if (slowStartUntil !== null && secondsUntil(slowStartUntil, nowMs) > 0)
    texts.push(`slow start for ${secondsUntil(slowStartUntil, nowMs)} s`);
  return texts;
}

function secondsUntil(time: string, nowMs: number): number {
  return Math.ceil((Date.parse(time) - nowMs) / 1000);
}

/** What was asked for, and where something else was given. */
function schedulerText({ asked, sockets, packets }: GivenSchedulers): string {
  const others = [
    ...(sockets === null || sockets === asked ? [] : [`sockets: ${sockets}`]),
    ...(packets === null || packets === asked ? [] : [`packets: ${packets}`]),
  ];
  return others.length === 0 ? asked : `${asked} (${others.join(', ')})`;
}
