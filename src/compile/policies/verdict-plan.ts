/**
 * What the policies of one class say in one direction, arranged for judging: which clauses concern a peer class, and
 * the verdict for every protocol and port. Here tiers, priorities, Pass and audit become plain pieces of the port line.
 */
import { compareText, type Port, type Protocol } from '../../model/names.ts';
import type { PolicyObject } from '../../model/objects.ts';
import type { Direction, RuleName, RuleRow } from '../../model/policy-rows.ts';
import { type Clause, isNamed, type NamedPort, referenceOf, tierOf } from './clauses.ts';
import { contentKey } from './content-key.ts';
import type { PeerClass } from './peer-class-table.ts';
import { cut, forEachOverlap, type Span, spanOf, WHOLE_LINE } from './port-line.ts';
import type { Term } from './terms.ts';

/** A policy with its clauses in both directions. */
export interface CompiledPolicy {
  readonly object: PolicyObject;
  readonly clauses: Readonly<Record<Direction, readonly Clause[]>>;
}

export interface ResolvedPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: Port;
}

/** A span with one verdict. */
export interface Piece extends Span {
  readonly verdict: 'allow' | 'deny';
  readonly rule: RuleRow;
  readonly auditRule: RuleRow | null;
}

/** A clause with its place in the order of all. */
interface Ranked {
  readonly rank: number;
  readonly clause: Clause;
}

export interface VerdictPlan {
  /** Terms by which the clauses tell peers apart. */
  readonly terms: readonly Term[];
  /** Port names of rules for everybody: peers that have such a port are judged by themselves. */
  readonly portNames: ReadonlySet<string>;
  /** The verdicts for a class, or (null) for peers of which no term says anything; sorted, without gaps. */
  judge(peer: PeerClass | null): readonly Piece[];
}

/** @param ports what the port names of ingress rules mean for the pods of the class */
export function createVerdictPlan(
  policies: readonly CompiledPolicy[],
  direction: Direction,
  ports: readonly ResolvedPort[],
): VerdictPlan {
  const ordered = [...policies].sort((a, b) => comparePolicies(a.object, b.object));
  const clauses = byRank(ordered.flatMap((policy) => policy.clauses[direction])).flatMap((clause) =>
    direction === 'ingress' && isNamed(clause.ports) ? resolved(clause, clause.ports, ports) : [clause],
  );
  const defaults = defaultsOf(ordered, direction);
  const index = indexed(clauses);
  const everybodys = judged(
    index.everybody.map(({ clause }) => clause),
    defaults,
  );
  return {
    terms: [...index.byTerm.keys()],
    portNames: new Set(index.byPortName.keys()),
    judge(peer) {
      const concerning = peer === null ? null : clausesFor(index, peer);
      return concerning === null ? everybodys : judged(concerning, defaults);
    },
  };
}

/** What happens where no clause matches. */
interface Defaults {
  /** null: no policy isolates. */
  readonly enforced: RuleRow | null;
  readonly staged: RuleRow | null;
  readonly open: RuleRow;
  readonly audited: boolean;
}

function defaultsOf(policies: readonly CompiledPolicy[], direction: Direction): Defaults {
  const isolating = policies
    .map(({ object }) => object)
    .filter((object) => object.kind === 'NetworkPolicy' && object[direction] !== null);
  const enforced = isolating.filter(({ audit }) => !audit);
  return {
    enforced: defaultDeny(enforced, direction),
    staged: defaultDeny(isolating, direction),
    open: { kind: 'not-selected', name: `not-selected/${direction}` as RuleName, direction },
    audited: policies.some(({ object }) => object.audit),
  };
}

function defaultDeny(isolating: readonly PolicyObject[], direction: Direction): RuleRow | null {
  if (isolating.length === 0) return null;
  const policies = isolating.map(referenceOf);
  const key = contentKey(policies.map(({ namespace, name }) => `${namespace}/${name}`));
  return { kind: 'default-deny', name: `default-deny/${direction}/${key}` as RuleName, direction, policies };
}

interface ClauseIndex {
  readonly everybody: readonly Ranked[];
  readonly byTerm: ReadonlyMap<Term, readonly Ranked[]>;
  readonly byPortName: ReadonlyMap<string, readonly Ranked[]>;
}

function indexed(clauses: readonly Clause[]): ClauseIndex {
  const everybody: Ranked[] = [];
  const byTerm = new Map<Term, Ranked[]>();
  const byPortName = new Map<string, Ranked[]>();
  for (const [rank, clause] of clauses.entries()) {
    const ranked = { rank, clause };
    if (clause.peers !== 'everybody') for (const term of new Set(clause.peers)) file(byTerm, term, ranked);
    else if (isNamed(clause.ports)) file(byPortName, clause.ports.name, ranked);
    else everybody.push(ranked);
  }
  return { everybody, byTerm, byPortName };
}

function file<Key>(index: Map<Key, Ranked[]>, key: Key, ranked: Ranked): void {
  const others = index.get(key);
  if (others === undefined) index.set(key, [ranked]);
  else others.push(ranked);
}

/** The clauses that concern the peer, in order, with its own ports in place of names; null: only those for everybody. */
function clausesFor(
  { everybody, byTerm, byPortName }: ClauseIndex,
  { terms }: PeerClass,
): readonly Clause[] | null {
  const found = new Set<Ranked>();
  const ports: ResolvedPort[] = [];
  for (const term of terms) {
    for (const ranked of byTerm.get(term) ?? []) found.add(ranked);
    if (term.content.type !== 'port') continue;
    ports.push(term.content);
    for (const ranked of byPortName.get(term.content.name) ?? []) found.add(ranked);
  }
  if (found.size === 0) return null;
  return [...everybody, ...found]
    .sort((a, b) => a.rank - b.rank)
    .flatMap(({ clause }) => (isNamed(clause.ports) ? resolved(clause, clause.ports, ports) : [clause]));
}

/** The clause for each port that its name means. */
function resolved(clause: Clause, name: NamedPort, ports: readonly ResolvedPort[]): readonly Clause[] {
  return resolve(name, ports).map((span) => ({ ...clause, ports: span }));
}

function resolve({ name, protocol }: NamedPort, ports: readonly ResolvedPort[]): readonly Span[] {
  return ports
    .filter((port) => port.name === name && (protocol ?? port.protocol) === port.protocol)
    .map((port) => spanOf(port.protocol, port.port, port.port));
}

function judged(clauses: readonly Clause[], defaults: Defaults): readonly Piece[] {
  const { enforced, staged, open } = defaults;
  if (!defaults.audited) return decide(clauses, enforced, open);
  const effective = decide(
    clauses.filter(({ audit }) => !audit),
    enforced,
    open,
  );
  return withAudit(effective, decide(clauses, staged, open));
}

/** Tier by tier, the first clause that matches decides what is still open. */
function decide(clauses: readonly Clause[], isolated: RuleRow | null, open: RuleRow): readonly Piece[] {
  const pieces: Piece[] = [];
  const decided = (spans: readonly Span[], verdict: Piece['verdict'], rule: RuleRow) => {
    for (const span of spans) pieces.push({ ...span, verdict, rule, auditRule: null });
  };
  const tier = (wanted: Clause['tier'], undecided: readonly Span[]): readonly Span[] => {
    let left = undecided;
    const passed: Span[] = [];
    for (const { action, ports, rule } of clauses.filter((clause) => clause.tier === wanted)) {
      const { inside, outside } = cut(left, ports as Span);
      left = outside;
      if (action === 'Pass') passed.push(...inside);
      else decided(inside, action === 'Accept' ? 'allow' : 'deny', rule);
    }
    return [...left, ...passed];
  };
  const left = tier('Admin', [WHOLE_LINE]);
  if (isolated === null) decided(tier('Baseline', left), 'allow', open);
  else decided(tier('NetworkPolicy', left), 'deny', isolated);
  return joined(pieces.sort((a, b) => a.first - b.first));
}

/** Marks what would be denied if the audited policies counted too. */
function withAudit(effective: readonly Piece[], staged: readonly Piece[]): readonly Piece[] {
  const pieces: Piece[] = [];
  forEachOverlap(effective, staged, (piece, other, span) => {
    const denies = piece.verdict === 'allow' && other.verdict === 'deny';
    pieces.push({ ...piece, ...span, auditRule: denies ? other.rule : null });
  });
  return joined(pieces);
}

/** Neighbours that say the same become one. */
function joined(pieces: readonly Piece[]): readonly Piece[] {
  const result: Piece[] = [];
  for (const piece of pieces) {
    const before = result.at(-1);
    if (before !== undefined && sameVerdict(before, piece))
      result[result.length - 1] = { ...before, last: piece.last };
    else result.push(piece);
  }
  return result;
}

export function sameVerdict(a: Piece, b: Piece): boolean {
  return a.verdict === b.verdict && a.rule.name === b.rule.name && a.auditRule?.name === b.auditRule?.name;
}

function comparePolicies(a: PolicyObject, b: PolicyObject): number {
  const place = (policy: PolicyObject) => TIER_ORDER.indexOf(tierOf(policy));
  const priority = (policy: PolicyObject) => (policy.kind === 'NetworkPolicy' ? 0 : policy.priority);
  return place(a) - place(b) || priority(a) - priority(b) || compareText(a.name, b.name);
}

const TIER_ORDER = ['Admin', 'NetworkPolicy', 'Baseline'];

/**
 * NetworkPolicies only add, so their order is free: rules for everybody come first, which leaves fewer rows to single
 * classes. The other tiers keep theirs.
 */
function byRank(clauses: readonly Clause[]): readonly Clause[] {
  const isLast = ({ tier, peers }: Clause) => tier === 'NetworkPolicy' && peers !== 'everybody';
  return [...clauses.filter((clause) => !isLast(clause)), ...clauses.filter(isLast)];
}
