/** Answers of `weir lab probe` as a table. */
import type { ProbeLine } from '../model/probe-request.ts';
import { table } from './output.ts';

const HEADER = ['from', 'to', 'dialled', 'verdict', 'answered by', 'client seen', 'ms'];

/** One line per probe. What could not be asked stands in a column of its own, last, so that it moves no other. */
export function probeText(lines: readonly ProbeLine[]): string {
  const failed = lines.some((line) => 'error' in line);
  return table(failed ? [...HEADER, 'error'] : HEADER, lines.map(cells));
}

function cells(line: ProbeLine): readonly string[] {
  const dialled = [line.address, line.port, line.protocol].filter((part) => part !== null).join(' ');
  if ('error' in line) {
    return [line.from, line.to, line.address === null ? '' : dialled, 'error', '', '', '', line.error];
  }
  const { from, to, verdict, answeredBy, clientSeen, ms } = line;
  return [from, to, dialled, verdict, answeredBy ?? '', clientSeen ?? '', ms.toFixed(1)];
}
