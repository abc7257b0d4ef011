/** `weir trace`: the lab's questions answered offline, from the rows that each node would have. */

import { compilePolicies } from '../compile/policies/compiler.ts';
import { compileAll } from '../compile/services/compiler.ts';
import type { CompileOptions } from '../model/compile-options.ts';
import type { NodeName } from '../model/names.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import type { PolicyRows } from '../model/policy-rows.ts';
import { expandProbes, type Probe } from '../model/probe-expansion.ts';
import type { ParsedRequest, ProbeFailure } from '../model/probe-request.ts';
import type { Rows } from '../model/rows.ts';
import { createWorld } from '../world/world.ts';
import type { PolicyEnd } from './policy-answer.ts';
import { answerEcho, answerProbe } from './trace-answer.ts';
import type { TraceAnswer, TraceLine } from './trace-line.ts';
import { type NodeRowSource, traceScene } from './trace-scene.ts';

/** What a running agent has compiled. */
export interface InstalledRows {
  readonly node: NodeName;
  readonly rows: Rows;
  readonly policyRows: PolicyRows;
}

/** Hears for each answer which ends policies were asked about, on whatever node. */
export type PolicyEndsListener = (line: TraceAnswer, ends: readonly PolicyEnd[]) => void;

/** What the agents are told, and where packets enter. */
export interface TraceOptions {
  /** Flags of every node's agent. */
  readonly compile: Omit<CompileOptions, 'node'>;
  /** `--node`: where every packet enters; null: at its source's node, else at the request's or the first by name. */
  readonly node: NodeName | null;
}

/** Completed objects and what is asked about them. */
export interface TraceInput {
  readonly objects: readonly WeirObject[];
  readonly requests: readonly ParsedRequest[];
  readonly options: TraceOptions;
  /** Hears what is wrong with the policies of each node that is asked about one. */
  readonly onProblems?: (problems: readonly Problem[]) => void;
  /** Rows that one node has, in the place of compiled ones. */
  readonly installed?: InstalledRows;
  readonly onPolicyEnds?: PolicyEndsListener;
}

/** Traces requests over completed objects. Pure; a node's rows are compiled when the first packet gets there. */
export function traceManifests(input: TraceInput): readonly TraceLine[] {
  const { objects, requests, options, onProblems, installed, onPolicyEnds } = input;
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  const rowsOf = (node: NodeName) =>
    node === installed?.node ? installed.rows : compileAll(world.view, { ...options.compile, node }).rows;
  const policyRowsOf = (node: NodeName) => {
    if (node === installed?.node) return installed.policyRows;
    const { rows, problems } = compilePolicies(world.view, node);
    onProblems?.(problems);
    return rows;
  };
  return traceRows({ objects, requests, node: options.node, rowsOf, policyRowsOf, onPolicyEnds });
}

/** Traces requests over given rows, which are asked for once per node that a packet meets. */
export function traceRows(input: {
  readonly objects: readonly WeirObject[];
  readonly requests: readonly ParsedRequest[];
  readonly node: NodeName | null;
  readonly rowsOf: NodeRowSource['rowsOf'];
  readonly policyRowsOf: NodeRowSource['policyRowsOf'];
  readonly onPolicyEnds?: PolicyEndsListener | undefined;
}): readonly TraceLine[] {
  const { objects, requests, node, onPolicyEnds } = input;
  const nodes = objects.filter((object) => object.kind === 'Node');
  if (node !== null && !nodes.some(({ name }) => name === node)) {
    const error = `node: ${node} is no Node; known: ${nodes.map(({ name }) => name).join(', ')}`;
    return expandProbes(
      requests.map(() => ({ error })),
      objects,
    ) as readonly ProbeFailure[];
  }
  const ends: PolicyEnd[] = [];
  const scene = traceScene(objects, nodes, { ...input, onPolicyEnd: (end) => void ends.push(end) });
  return expandProbes(requests, objects).map((probe) => {
    if ('error' in probe) return probe;
    const entered = entryNode(probe, requests[probe.index], node);
    const line =
      probe.protocol === 'icmp' ? answerEcho(scene, probe, entered) : answerProbe(scene, probe, entered);
    onPolicyEnds?.(line, ends.splice(0));
    return line;
  });
}

/** A request that names its node knows better than the flag for all. */
function entryNode(probe: Probe, request: ParsedRequest | undefined, node: NodeName | null): NodeName {
  const isNamed =
    probe.source.kind === 'external' && request !== undefined && 'from' in request && request.node !== null;
  return isNamed ? probe.node : (node ?? probe.node);
}
