/** `weir trace`: the lab's questions answered offline, from the rows that each node would have. */

import { compileAll } from '../compile/services/compiler.ts';
import type { Address } from '../model/address.ts';
import type { CompileOptions } from '../model/compile-options.ts';
import { type NodeName, objectName } from '../model/names.ts';
import type { NodeObject, PodObject, ServiceObject, WeirObject } from '../model/objects.ts';
import { EXTERNAL_ADDRESSES, expandProbes, type Probe } from '../model/probe-expansion.ts';
import type { ParsedRequest, ProbeAnswer, ProbeFailure } from '../model/probe-request.ts';
import type { FrontendKind, Rows } from '../model/rows.ts';
import { unroutableReason } from '../model/unroutable-address.ts';
import { createWorld } from '../world/world.ts';
import type { ExcludedEndpoint } from './candidate-list.ts';
import { type AddressOwner, addressOwners, type FlowNetwork } from './flow-path.ts';
import { type LookupTables, lookupTables } from './lookup-tables.ts';
import { answerEcho, answerProbe } from './trace-answer.ts';

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

/** What the agents are told, and where packets enter. */
export interface TraceOptions {
  /** Flags of every node's agent. */
  readonly compile: Omit<CompileOptions, 'node'>;
  /** `--node`: where every packet enters; null: at its source's node, else at the request's or the first by name. */
  readonly node: NodeName | null;
}

/** What a trace reads of the objects beside their rows: who has which address, and how policies are called. */
export interface TraceScene extends FlowNetwork {
  readonly services: ReadonlyMap<string, ServiceObject>;
  /** Addresses of the external client and of endpoints outside the cluster. */
  readonly outside: ReadonlySet<Address>;
  /** Pods in the host network, by node. */
  readonly hostPods: ReadonlyMap<NodeName, readonly PodObject[]>;
}

/** Traces requests over completed objects. Pure; a node's rows are compiled when the first packet gets there. */
export function traceManifests(input: {
  readonly objects: readonly WeirObject[];
  readonly requests: readonly ParsedRequest[];
  readonly options: TraceOptions;
}): readonly TraceLine[] {
  const { objects, requests, options } = input;
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  const rowsOf = (node: NodeName) => compileAll(world.view, { ...options.compile, node }).rows;
  return traceRows({ objects, requests, node: options.node, rowsOf });
}

/** Traces requests over given rows: `rowsOf` is asked once per node that a packet meets. */
export function traceRows(input: {
  readonly objects: readonly WeirObject[];
  readonly requests: readonly ParsedRequest[];
  readonly node: NodeName | null;
  readonly rowsOf: (node: NodeName) => Rows;
}): readonly TraceLine[] {
  const { objects, requests, node, rowsOf } = input;
  const nodes = objects.filter((object) => object.kind === 'Node');
  if (node !== null && !nodes.some(({ name }) => name === node)) {
    const error = `node: ${node} is no Node; known: ${nodes.map(({ name }) => name).join(', ')}`;
    return expandProbes(
      requests.map(() => ({ error })),
      objects,
    ) as readonly ProbeFailure[];
  }
  const scene = traceScene(objects, nodes, rowsOf);
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

function traceScene(
  objects: readonly WeirObject[],
  nodes: readonly NodeObject[],
  rowsOf: (node: NodeName) => Rows,
): TraceScene {
  const pods = objects.filter((object) => object.kind === 'Pod');
  const services = objects.filter((object) => object.kind === 'Service');
  const owners: ReadonlyMap<Address, AddressOwner> = addressOwners(nodes, pods);
  const tables = new Map<NodeName, LookupTables>();
  const own = (node: NodeName) =>
    nodes.find(({ name }) => name === node)?.addresses.map(({ address }) => address) ?? [];
  return {
    tablesOf(node) {
      const made = tables.get(node) ?? lookupTables(rowsOf(node), own(node));
      tables.set(node, made);
      return made;
    },
    ownerOf: (address) => owners.get(address) ?? null,
    outside: new Set([...Object.values(EXTERNAL_ADDRESSES), ...sliceAddresses(objects)]),
    services: new Map(services.map((service) => [objectName(service.namespace, service.name), service])),
    hostPods: Map.groupBy(
      pods.filter((pod) => pod.hostNetwork && pod.nodeName !== null),
      (pod) => pod.nodeName as NodeName,
    ),
  };
}

/** Where nobody in the cluster has them, hand-made slices tell of servers outside. */
function sliceAddresses(objects: readonly WeirObject[]): readonly Address[] {
  const clusterIps = new Set(
    objects.flatMap((object) =>
      object.kind === 'Service' && object.clusterIps !== 'headless' ? object.clusterIps : [],
    ),
  );
  const slices = objects.filter((object) => object.kind === 'EndpointSlice');
  const addresses = slices.flatMap(({ endpoints }) => endpoints.flatMap((each) => each.addresses));
  return addresses.filter((address) => unroutableReason(address) === null && !clusterIps.has(address));
}
