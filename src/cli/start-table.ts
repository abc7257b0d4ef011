/** The live table of `weir start`: answers of several rounds, a line per client and Service port. */
import type { ProbeLine } from '../model/probe-request.ts';
import type { StartRequest } from './start-requests.ts';

export interface StartRow {
  readonly service: string;
  readonly by: string;
  readonly from: string;
  /** `4`, `6` or `4+6`: families that were dialled. */
  readonly families: string;
  /** Verdicts and who answered, most frequent first: `shop/web-1 ×3`. */
  readonly answers: readonly string[];
  /** Client addresses that servers saw. */
  readonly clientSeen: readonly string[];
  /** Median milliseconds of the last answers; null: none yet. */
  readonly msMedian: number | null;
  /** What was wrong in the last round; empty: nothing. */
  readonly wrong: readonly string[];
}

/** Samples remembered per line for the median. */
const MOST_SAMPLES = 60;

interface Memory {
  readonly request: StartRequest;
  readonly from: string;
  readonly families: Set<string>;
  readonly answers: Map<string, number>;
  readonly clients: Set<string>;
  ms: number[];
  wrong: string[];
}

export interface StartTable {
  /** Adds a round's lines with what is wrong about each. */
  add(lines: readonly ProbeLine[], wrong: readonly (string | null)[]): void;
  rows(): readonly StartRow[];
}

/** Starts empty; made anew when the objects change, since old answers say nothing about new rows. */
export function createStartTable(requests: readonly StartRequest[]): StartTable {
  const memories = new Map<string, Memory>();
  const memoryOf = (line: ProbeLine): Memory | undefined => {
    const request = requests[line.index];
    if (request === undefined) return undefined;
    // Both families of a load balancer are requests of their own and share a line.
    const key = JSON.stringify([request.title, request.by, line.from]);
    const memory = memories.get(key) ?? newMemory(request, line);
    memories.set(key, memory);
    return memory;
  };
  return {
    add(lines, wrong) {
      for (const memory of memories.values()) memory.wrong = [];
      for (const [place, line] of lines.entries()) {
        const memory = memoryOf(line);
        if (memory !== undefined) remember(memory, line, wrong[place] ?? null);
      }
    },
    rows: () => [...memories.values()].map(rowOf),
  };
}

/** The middle value; the lower of the two in the middle. null for none. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

function newMemory(request: StartRequest, line: ProbeLine): Memory {
  return {
    request,
    from: line.from,
    families: new Set(),
    answers: new Map(),
    clients: new Set(),
    ms: [],
    wrong: [],
  };
}

function remember(memory: Memory, line: ProbeLine, wrong: string | null): void {
  if (line.address !== null) memory.families.add(line.address.includes(':') ? '6' : '4');
  if (wrong !== null) memory.wrong.push(wrong);
  const answer = 'error' in line ? 'error' : (line.answeredBy ?? line.verdict);
  memory.answers.set(answer, (memory.answers.get(answer) ?? 0) + 1);
  if ('error' in line) return;
  if (line.clientSeen !== null) memory.clients.add(line.clientSeen);
  if (line.verdict === 'allowed') memory.ms = [...memory.ms, line.ms].slice(-MOST_SAMPLES);
}

function rowOf(memory: Memory): StartRow {
  const answers = [...memory.answers].sort(([, a], [, b]) => b - a);
  return {
    service: memory.request.title,
    by: memory.request.by,
    from: memory.from,
    families: [...memory.families].sort().join('+'),
    answers: answers.map(([who, times]) => `${who} ×${times}`),
    clientSeen: [...memory.clients],
    msMedian: median(memory.ms),
    wrong: [...new Set(memory.wrong)],
  };
}
