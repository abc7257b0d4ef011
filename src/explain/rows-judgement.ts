/** What the rows say of a connection's opening packet at one of its ends, to be compared with what the kernel does. */
import type { RehearsedVerdict } from '../dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../dataplane/policy-change.ts';
import { decidePolicy, type PolicyTables } from '../dataplane/policy-decision.ts';
import type { Address } from '../model/address.ts';
import type { Protocol } from '../model/names.ts';
import type { Direction } from '../model/policy-rows.ts';
import { decideEcho } from './echo-decision.ts';
import type { LookupTables } from './lookup-tables.ts';
import { expectService } from './service-expectation.ts';

/** The opening packet of a connection, at the interface of one of its ends. */
export interface KernelQuestion {
  /** The other end. */
  readonly peer: Address;
  /** null: an ICMP echo request. */
  readonly protocol: Protocol | null;
  /** Destination port; any number where there is none. */
  readonly port: number;
}

/** What the agent has compiled. */
export interface KnownRows {
  readonly policies: PolicyTables;
  readonly services: LookupTables;
}

/** Where the rows of Services lead it: on to the peer, to a backend (of a ping: the node’s address that answers), or nowhere. */
export type Led =
  | { readonly kind: 'straight' }
  | {
      readonly kind: 'backend';
      readonly address: Address;
      readonly port: number;
      readonly isOwn: boolean;
      readonly isChosen: boolean;
    }
  | { readonly kind: 'nowhere'; readonly reason: Reason };

type Reason = RehearsedVerdict['reason'];
/** What becomes of a packet, and by which rule. */
export type Judgement = Omit<RehearsedVerdict, 'peer'>;

export const STRAIGHT: Led = { kind: 'straight' };

/** `sentTo`: the backend that the kernel chose, which counts where it is one of the rows’ candidates. */
export function ledByRows(
  { services }: KnownRows,
  own: Address,
  { peer, protocol, port }: KernelQuestion,
  sentTo: RehearsedVerdict['peer'],
): Led {
  if (protocol === null) return echoLedByRows(services, own, peer, sentTo);
  const expected = expectService(services, { source: own, destination: peer, protocol, port });
  if (expected.kind === 'untouched') return STRAIGHT;
  if (expected.kind === 'dropped') return { kind: 'nowhere', reason: expected.reason };
  const { candidates } = expected;
  // Nobody judges what a pod sends to itself.
  const chosen = candidates.find(({ address, port: target }) =>
    sentTo === null ? address === own : address === sentTo.address && target === sentTo.port,
  );
  const told = chosen ?? candidates[0];
  if (told === undefined) return { kind: 'nowhere', reason: 'no-endpoint' };
  const { address } = told;
  return {
    kind: 'backend',
    address,
    port: told.port,
    isOwn: address === own,
    isChosen: chosen !== undefined,
  };
}

function echoLedByRows(
  services: LookupTables,
  own: Address,
  destination: Address,
  sentTo: RehearsedVerdict['peer'],
): Led {
  const decision = decideEcho(services, { source: own, sourceIsThisNode: true, destination });
  switch (decision.verdict) {
    case 'untouched':
      return STRAIGHT;
    case 'refused':
      return { kind: 'nowhere', reason: 'no-service-port' };
    case 'dropped':
      return { kind: 'nowhere', reason: 'no-service' };
    case 'answered': {
      const address = decision.answering;
      const isChosen = sentTo === null || sentTo.address === address;
      return { kind: 'backend', address, port: 0, isOwn: false, isChosen };
    }
  }
}

/** What the rows say of the opening packet, judged where it is led. */
export function judgementOfRows(
  tables: PolicyTables,
  { pod, held }: Pick<PodInterface, 'pod' | 'held'>,
  direction: Direction,
  question: KernelQuestion,
  led: Led,
): Judgement {
  if (held) return undecided('drop', 'closed');
  const row = tables.rows.subjects.get(pod);
  if (row === undefined) return undecided('pass', 'none');
  if (led.kind === 'nowhere') return undecided('drop', led.reason);
  if (led.kind === 'backend' && led.isOwn) return undecided('pass', 'none');
  const { policyClass } = row;
  const place = led.kind === 'backend' ? { peer: led.address, port: led.port } : {};
  const { verdict, rule, auditRule } = decidePolicy(tables, {
    ...question,
    ...place,
    policyClass,
    direction,
  });
  return verdict === 'allow'
    ? { verdict: 'pass', reason: 'none', rule, auditRule }
    : { verdict: 'drop', reason: 'policy', rule, auditRule };
}

function undecided(verdict: Judgement['verdict'], reason: Reason): Judgement {
  return { verdict, reason, rule: null, auditRule: null };
}
