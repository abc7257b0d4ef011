/** Where the rows of Services lead a connection that a pod of their node opens: what the programs there have to do. */
import type { RehearsedVerdict } from '../dataplane/bpf/policies/rehearsal.ts';
import type { Address } from '../model/address.ts';
import type { Port, Protocol } from '../model/names.ts';
import type { BackendRow } from '../model/rows.ts';
import { type DecidingStep, decide } from './decide.ts';
import type { LookupTables } from './lookup-tables.ts';

type Reason = RehearsedVerdict['reason'];

export type ServiceExpectation =
  /** No Service is there. */
  | { readonly kind: 'untouched' }
  /** To one of these; there is at least one. */
  | { readonly kind: 'translated'; readonly candidates: readonly BackendRow[] }
  | { readonly kind: 'dropped'; readonly reason: Reason };

const REASONS: Readonly<Partial<Record<DecidingStep, Reason>>> = {
  'undefined-port': 'no-service-port',
  unallocated: 'no-service',
};

export function expectService(
  tables: LookupTables,
  flow: {
    readonly source: Address;
    readonly destination: Address;
    readonly protocol: Protocol;
    readonly port: number;
  },
): ServiceExpectation {
  // Whoever is asked about is inside, as the node itself is; whom the server sees is not asked.
  const packet = { ...flow, port: flow.port as Port, sourceIsThisNode: true };
  const { verdict, step, candidates } = decide(tables, packet);
  if (verdict === 'untouched') return { kind: 'untouched' };
  if (verdict !== 'translated') return { kind: 'dropped', reason: REASONS[step] ?? 'no-endpoint' };
  return { kind: 'translated', candidates: candidates.map(({ backend }) => backend) };
}
