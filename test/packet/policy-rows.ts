/** Rows of one policy class for one pod, in a few words. */
import type { Address, Prefix } from '../../src/model/address.ts';
import type { ObjectName, Protocol } from '../../src/model/names.ts';
import type {
  Direction,
  PeerClassName,
  PolicyClassName,
  PolicyReference,
  PolicyRows,
  RuleName,
  VerdictRow,
} from '../../src/model/policy-rows.ts';

/** `ingress a TCP 80 allow`: what the words of a verdict become. `*` stands for any peer or every protocol. */
export interface VerdictWords {
  readonly direction: Direction;
  /** Class of the peer; left out, any. */
  readonly peer?: string;
  /** Left out, every protocol. */
  readonly protocol?: Protocol;
  readonly port?: number;
  /** Default: 16 with a port, else 0. */
  readonly bits?: number;
  readonly verdict: 'allow' | 'deny';
  /** Default: made of the other words. */
  readonly rule?: string;
  readonly auditRule?: string;
}

/** A class that denies both directions but for these. */
export function deniedBut(...verdicts: readonly VerdictWords[]): readonly VerdictWords[] {
  return [{ direction: 'ingress', verdict: 'deny' }, { direction: 'egress', verdict: 'deny' }, ...verdicts];
}

/** The rows of a node where `pod` is judged by `verdicts`, and peers have the classes named. */
export function rowsOf(
  pod: ObjectName,
  addresses: readonly Address[],
  peers: Readonly<Record<string, string | null>>,
  verdicts: readonly VerdictWords[],
): PolicyRows {
  const policyClass = 'class' as PolicyClassName;
  const rows = verdicts.map(verdictRow);
  const names = rows.flatMap(({ rule, auditRule }) => (auditRule === null ? [rule] : [rule, auditRule]));
  return {
    peers: new Map(
      Object.entries(peers).map(([text, name]) => {
        const prefix = text as Prefix;
        return [prefix, { prefix, peerClass: name as PeerClassName | null }] as const;
      }),
    ),
    subjects: new Map([[pod, { pod, addresses, policyClass }]]),
    classes: new Map([[policyClass, { name: policyClass, verdicts: rows }]]),
    rules: new Map(
      names.map(
        (name) =>
          [name, { kind: 'default-deny', name, direction: 'ingress', policies: [isolating(name)] }] as const,
      ),
    ),
  };
}

function verdictRow(words: VerdictWords): VerdictRow {
  const { direction, peer, protocol, port, verdict } = words;
  const rule = words.rule ?? [direction, peer ?? '*', protocol ?? '*', port ?? '*', verdict].join(' ');
  return {
    direction,
    peerClass: (peer ?? null) as PeerClassName | null,
    protocol: protocol ?? null,
    port: port ?? 0,
    bits: words.bits ?? (port === undefined ? 0 : 16),
    verdict,
    rule: rule as RuleName,
    auditRule: (words.auditRule ?? null) as RuleName | null,
  };
}

function isolating(name: string): PolicyReference {
  return { kind: 'NetworkPolicy', namespace: '', name };
}
