/** What a trace answers: a line per probe, in the lab's form plus its reasons. */
import type { ProbeAnswer, ProbeFailure } from '../model/probe-request.ts';
import type { FrontendKind } from '../model/rows.ts';
import type { ExcludedEndpoint } from './candidate-list.ts';

/** An answer with its reasons. Where no Service is met, the Service fields are null and empty. */
export interface TraceAnswer extends ProbeAnswer {
  /** One readable line. */
  readonly why: string;
  /** `ns/name:portName`; of the Pod for host ports. */
  readonly service: string | null;
  readonly frontend: FrontendKind | null;
  /** The policy in effect for this client: external frontends use all endpoints for clients inside. */
  readonly policy: 'Cluster' | 'Local' | null;
  /** Sorted `address:port`. */
  readonly candidates: readonly string[];
  readonly excluded: readonly ExcludedEndpoint[];
  /** At least one candidate other than the client itself would see a node's address. */
  readonly masquerade: boolean;
}

export type TraceLine = TraceAnswer | ProbeFailure;
