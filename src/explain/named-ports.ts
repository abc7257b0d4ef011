/** Which ports are worth asking about: where the verdict of some pod may change. */
import type { PolicyRows, VerdictRow } from '../model/policy-rows.ts';

interface PortSpan {
  readonly first: number;
  readonly last: number;
}

export interface NamedPorts {
  /** First and last port of each range that a rule names, in order. */
  readonly named: readonly number[];
  /** The lowest that none names; null where they name all. */
  readonly unnamed: number | null;
}

/** Reads them off the verdicts, where a range is a row for each of its prefixes. */
export function namedPorts({ classes }: Pick<PolicyRows, 'classes'>): NamedPorts {
  const spans = [...classes.values()].flatMap(({ verdicts }) => joinedSpans(verdicts));
  const named = new Set(spans.flatMap(({ first, last }) => [first, last]));
  return { named: [...named].sort((a, b) => a - b), unnamed: firstOutside(spans) };
}

/** Neighbouring prefixes of one rule are one span. Rows for all ports name none. */
function joinedSpans(verdicts: readonly VerdictRow[]): readonly PortSpan[] {
  const rows = verdicts.filter(({ protocol, bits }) => protocol !== null && bits > 0);
  const lines = Map.groupBy(rows, ({ direction, peerClass, protocol, rule, verdict, auditRule }) =>
    [direction, peerClass, protocol, rule, verdict, auditRule].join(' '),
  );
  return [...lines.values()].flatMap((line) => {
    const spans: PortSpan[] = [];
    for (const { port, bits } of line.toSorted((a, b) => a.port - b.port)) {
      const last = port + 2 ** (16 - bits) - 1;
      const before = spans.at(-1);
      if (before?.last === port - 1) spans.splice(-1, 1, { first: before.first, last });
      else spans.push({ first: port, last });
    }
    return spans;
  });
}

function firstOutside(spans: readonly PortSpan[]): number | null {
  let port = 1;
  for (const { first, last } of spans.toSorted((a, b) => a.first - b.first)) {
    if (first > port) break;
    port = Math.max(port, last + 1);
  }
  return port > 65_535 ? null : port;
}
