/** Probes with real packets: each source's process is given its share, and the answers are put back in order. */
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import { expandProbes, type Probe } from '../model/probe-expansion.ts';
import type { ParsedRequest, ProbeFailure, ProbeLine, ProbeVerdict } from '../model/probe-request.ts';
import { objectsOf } from './documents.ts';
import { LabError, messageOf } from './lab-error.ts';
import { externalNamespace } from './lab-names.ts';
import { addLoopbackAddresses } from './network.ts';
import { type PodAnswer, type PodProbe, probeFrom } from './pod-process.ts';
import { type LabState, readState } from './state.ts';

/** What a lab is asked: `count` repeats each probe, one line each. */
export interface LabProbeOptions {
  readonly name: string;
  readonly requests: readonly ParsedRequest[];
  readonly count?: number;
}

/** About 0.1 s of work for two processors. */
const SHOTS_AT_ONCE = 2000;

interface Shot {
  readonly probe: Probe;
  readonly socket: string;
  /** Shots of one wave run side by side. */
  readonly wave: number;
  /** Place of its line in the result. */
  readonly place: number;
}

/**
 * Answers every request by real packets, one line per source, destination and family, in the order of the requests.
 * What can't be asked becomes a line with `error`; nothing is thrown for it.
 * @throws LabError (usage) if there is no such lab or `count` is not a positive number
 */
export async function labProbe(options: LabProbeOptions): Promise<readonly ProbeLine[]> {
  const { name, requests, count = 1 } = options;
  if (!Number.isInteger(count) || count < 1)
    throw new LabError('usage', `count: ${count} is not a number from 1`);
  const state = readState(name);
  const lines: ProbeLine[] = [];
  const shots: Shot[] = [];
  const waves = new Map<string, number>();
  for (const expanded of expandProbes(requests, objectsOf(state.documents))) {
    const problem = 'error' in expanded ? expanded : obstacle(expanded, state);
    if (problem !== undefined) {
      lines.push(problem);
      continue;
    }
    const probe = expanded as Probe;
    const socket = processOf(probe, state)?.socket ?? '';
    for (let repetition = 0; repetition < count; repetition++) {
      shots.push({ probe, socket, wave: waveOf(probe, repetition, waves), place: lines.length });
      // Filled in when the answer comes; until then the line says that none did.
      lines.push(failureOf(probe, 'not answered'));
    }
  }
  await giveExternalAddresses(name, shots);
  for (const round of roundsOf(shots)) await fire(round, state, lines);
  return lines;
}

/**
 * Wave after wave, and no more at once than the machine can answer within the time after which a probe is `blocked`:
 * clients, servers and the kernel share its processors.
 */
function roundsOf(shots: readonly Shot[]): readonly (readonly Shot[])[] {
  const rounds: Shot[][] = [];
  for (const [, wave] of [...Map.groupBy(shots, (shot) => shot.wave)].sort(([a], [b]) => a - b)) {
    for (let start = 0; start < wave.length; start += SHOTS_AT_ONCE) {
      rounds.push(wave.slice(start, start + SHOTS_AT_ONCE));
    }
  }
  return rounds;
}

/**
 * The first of several goes alone, so that what it makes the kernel remember (affinity) holds for the rest; those with
 * a given source port go one after the other, since only one of them can have it.
 */
function waveOf(probe: Probe, repetition: number, waves: Map<string, number>): number {
  if (probe.sourcePort === null) return Math.min(repetition, 1);
  const { from, protocol, sourcePort, address, port } = probe;
  const target = protocol === 'sctp' ? '' : `${address} ${port}`;
  const key = `${from} ${protocol} ${sourcePort} ${target}`;
  const wave = waves.get(key) ?? 0;
  waves.set(key, wave + 1);
  return wave;
}

function obstacle(probe: Probe, state: LabState): ProbeFailure | undefined {
  if (processOf(probe, state) === undefined) {
    return failureOf(probe, `from: ${probe.from} does not run; see \`weir lab status\``);
  }
  if (probe.from.startsWith('external/') && state.plan.addresses.includes(probe.sourceAddress)) {
    return failureOf(probe, `from: ${probe.sourceAddress} belongs to the lab; take an address outside it`);
  }
  return undefined;
}

function processOf({ source }: Probe, state: LabState) {
  const id = source.kind === 'pod' ? source.pod : source.kind === 'node' ? `node/${source.node}` : 'external';
  return state.plan.processes.find((process) => process.id === id);
}

async function giveExternalAddresses(lab: string, shots: readonly Shot[]): Promise<void> {
  const external = shots.filter(({ probe }) => probe.from.startsWith('external/'));
  const addresses = new Set(external.map(({ probe }) => probe.sourceAddress));
  if (addresses.size > 0) await addLoopbackAddresses(externalNamespace(lab), [...addresses]);
}

async function fire(shots: readonly Shot[], state: LabState, lines: ProbeLine[]): Promise<void> {
  const bySocket = Map.groupBy(shots, (shot) => shot.socket);
  await Promise.all(
    [...bySocket].map(async ([socket, group]) => {
      const answers = await probeFrom(
        socket,
        group.map(({ probe }) => podProbe(probe, state)),
      ).catch((error: unknown) => group.map((): PodAnswer => ({ error: messageOf(error) })));
      for (const [index, { probe, place }] of group.entries()) {
        lines[place] = lineOf(probe, answers[index] ?? { error: 'not answered' });
      }
    }),
  );
}

function podProbe(probe: Probe, state: LabState): PodProbe {
  const { protocol, address, port, sourcePort, sourceAddress, source, node } = probe;
  const external = source.kind === 'external';
  return {
    protocol: protocol.toUpperCase() as PodProbe['protocol'],
    address,
    port: port ?? 0,
    // Inside, the kernel chooses: which address a node uses towards a Service is part of what is tried.
    source: external ? sourceAddress : null,
    sourcePort: sourcePort ?? 0,
    mark: external ? (state.plan.entryMarks[node] ?? 0) : 0,
  };
}

function lineOf(probe: Probe, answer: PodAnswer): ProbeLine {
  if ('error' in answer) return failureOf(probe, answer.error);
  const { index, from, to, address, port, protocol } = probe;
  const said = answer.verdict === 'allowed' ? serverLine(answer.answer) : undefined;
  return {
    index,
    from,
    to,
    address,
    port,
    protocol,
    verdict: answer.verdict as ProbeVerdict,
    answeredBy: said?.answeredBy ?? null,
    clientSeen: said?.clientSeen ?? null,
    ms: answer.ms,
  };
}

/** Who answered: undefined where something else than a server of the lab did. */
function serverLine(
  text: string,
): { readonly answeredBy: ObjectName; readonly clientSeen: Address } | undefined {
  try {
    const { namespace, pod, client } = JSON.parse(text) as Record<string, string>;
    if (namespace === undefined || pod === undefined || client === undefined) return undefined;
    const answeredBy = (namespace === '-' ? pod : `${namespace}/${pod}`) as ObjectName;
    return { answeredBy, clientSeen: client as Address };
  } catch {
    return undefined;
  }
}

function failureOf({ index, from, to, address, port, protocol }: Probe, error: string): ProbeFailure {
  return { index, from, to, address, port, protocol, error };
}
