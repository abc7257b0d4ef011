/** `weir trace`: the lab's questions answered offline, from the rows that each node would have. */

import { compilePolicies } from '../compile/policies/compiler.ts';
import { compileAll } from '../compile/services/compiler.ts';
import type { CompileOptions } from '../model/compile-options.ts';
import type { NodeName } from '../model/names.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import { expandProbes, type Probe } from '../model/probe-expansion.ts';
import type { ParsedRequest, ProbeFailure } from '../model/probe-request.ts';
import { createWorld } from '../world/world.ts';
import { answerEcho, answerProbe } from './trace-answer.ts';
import type { TraceLine } from './trace-line.ts';
import { type NodeRowSource, traceScene } from './trace-scene.ts';

/** What the agents are told, and where packets enter. */
export interface TraceOptions {
  /** Flags of every node's agent. */
  readonly compile: Omit<CompileOptions, 'node'>;
  /** `--node`: where every packet enters; null: at its source's node, else at the request's or the first by name. */
  readonly node: NodeName | null;
}

/**
 * Traces requests over completed objects. Pure; a node's rows are compiled when the first packet gets there. `onProblems`
 * hears what is wrong with the policies of each node that is asked about one.
 */
export function traceManifests(input: {
  readonly objects: readonly WeirObject[];
  readonly requests: readonly ParsedRequest[];
  readonly options: TraceOptions;
  readonly onProblems?: (problems: readonly Problem[]) => void;
}): readonly TraceLine[] {
  const { objects, requests, options, onProblems } = input;
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  const rowsOf = (node: NodeName) => compileAll(world.view, { ...options.compile, node }).rows;
  const policyRowsOf = (node: NodeName) => {
    const { rows, problems } = compilePolicies(world.view, node);
    onProblems?.(problems);
    return rows;
  };
  return traceRows({ objects, requests, node: options.node, rowsOf, policyRowsOf });
}

/** Traces requests over given rows, which are asked for once per node that a packet meets. */
export function traceRows(input: {
  readonly objects: readonly WeirObject[];
  readonly requests: readonly ParsedRequest[];
  readonly node: NodeName | null;
  readonly rowsOf: NodeRowSource['rowsOf'];
  readonly policyRowsOf: NodeRowSource['policyRowsOf'];
}): readonly TraceLine[] {
  const { objects, requests, node } = input;
  const nodes = objects.filter((object) => object.kind === 'Node');
  if (node !== null && !nodes.some(({ name }) => name === node)) {
    const error = `node: ${node} is no Node; known: ${nodes.map(({ name }) => name).join(', ')}`;
    return expandProbes(
      requests.map(() => ({ error })),
      objects,
    ) as readonly ProbeFailure[];
  }
  const scene = traceScene(objects, nodes, input);
  return expandProbes(requests, objects).map((probe) => {
    if ('error' in probe) return probe;
    const entered = entryNode(probe, requests[probe.index], node);
    return probe.protocol === 'icmp' ? answerEcho(scene, probe, entered) : answerProbe(scene, probe, entered);
  });
}

/** A request that names its node knows better than the flag for all. */
function entryNode(probe: Probe, request: ParsedRequest | undefined, node: NodeName | null): NodeName {
  const isNamed =
    probe.source.kind === 'external' && request !== undefined && 'from' in request && request.node !== null;
  return isNamed ? probe.node : (node ?? probe.node);
}
