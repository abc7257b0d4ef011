/** What a trace answers: a line per probe, in the lab's form plus its reasons. */
import type { ProbeAnswer, ProbeFailure } from '../model/probe-request.ts';
import type { FrontendKind, Scheduler } from '../model/rows.ts';
import type { ExcludedEndpoint } from './candidate-list.ts';
import type { PolicyAnswer } from './policy-answer.ts';

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
  /** Their shares beside each other, in the same order. */
  readonly weights: readonly number[];
  /** How the Service asks for one of them to be chosen; null without candidates. */
  readonly scheduler: Scheduler | null;
  readonly excluded: readonly ExcludedEndpoint[];
  /** At least one candidate other than the client itself would see a node's address. */
  readonly masquerade: boolean;
  /**
   * What policies say where the connection ends (of several candidates, at the first that is denied, else at the first);
   * null where that end is no pod, or no connection comes about.
   */
  readonly egress: PolicyAnswer | null;
  readonly ingress: PolicyAnswer | null;
  /** Candidates (`address:port`) that policies deny; when these are all, the verdict is `blocked`. */
  readonly denied: readonly string[];
}

export type TraceLine = TraceAnswer | ProbeFailure;
