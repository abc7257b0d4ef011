/** Rows as entries of the kernel's tables. */
import type { PortKey, Verdict, VerdictGroup, VerdictGroupKey } from '../../../generated/policy.ts';
import type { PolicyClassRows, VerdictRow } from '../../../model/policy-rows.ts';
import type { Numbers } from '../../policy-numbers.ts';
import { PROTOCOL_NUMBERS } from '../protocol-numbers.ts';

const NO_VERDICT: Verdict = { rule: 0, auditRule: 0, action: 'none' };

export type PortEntry = readonly [PortKey, Verdict];
export type GroupEntry = readonly [VerdictGroupKey, VerdictGroup];

/** The entries of a policy class: its rows for ports, and a group for each direction and peer class that has rows. */
export interface ClassEntries {
  readonly ports: readonly PortEntry[];
  readonly groups: readonly GroupEntry[];
}

/** What a policy class says, as one text: classes of the same content may share a number, others never do. */
export function contentOfClass({ name, verdicts }: PolicyClassRows): string {
  return [name, ...verdicts.map(textOfRow)].join('\n');
}

function textOfRow(row: VerdictRow): string {
  return [
    row.direction,
    row.peerClass ?? '',
    row.protocol ?? '',
    row.port,
    row.bits,
    row.verdict,
    row.rule,
    row.auditRule ?? '',
  ].join('\t');
}

/** The entries of a policy class under the number that it has. */
export function classEntries(
  policyClass: number,
  { verdicts }: PolicyClassRows,
  numbers: Numbers,
): ClassEntries {
  const ports: PortEntry[] = [];
  const groups = new Map<string, GroupEntry>();
  for (const row of verdicts) {
    const peerClass = row.peerClass === null ? 0 : numbers.numberOf('peer-class', row.peerClass);
    const key = { policyClass, peerClass, direction: row.direction };
    const verdict = verdictOf(row, numbers);
    const name = `${row.direction} ${peerClass}`;
    const [, group] = groups.get(name) ?? [key, { portLengths: 0, everything: NO_VERDICT }];
    if (row.protocol === null) {
      groups.set(name, [key, { ...group, everything: verdict }]);
    } else {
      const { port, bits } = row;
      ports.push([{ ...key, protocol: PROTOCOL_NUMBERS[row.protocol], port, bits }, verdict]);
      groups.set(name, [key, { ...group, portLengths: group.portLengths | (1 << bits) }]);
    }
  }
  return { ports, groups: [...groups.values()] };
}

function verdictOf({ rule, auditRule, verdict }: VerdictRow, numbers: Numbers): Verdict {
  return {
    rule: numbers.numberOf('rule', rule),
    auditRule: auditRule === null ? 0 : numbers.numberOf('rule', auditRule),
    action: verdict,
  };
}
