/** One probe answered from the rows: follow it, then say in the lab's words what its client would see. */
import type { Address } from '../model/address.ts';
import { type NodeName, type ObjectName, objectName, type Port, type Protocol } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';
import type { Probe } from '../model/probe-expansion.ts';
import { type ProbeVerdict, transportOf } from '../model/probe-request.ts';
import type { BackendRow } from '../model/rows.ts';
import { type CandidateList, candidateList, type ListName } from './candidate-list.ts';
import { type Decision, decide, type Packet } from './decide.ts';
import { decideEcho, type EchoDecision } from './echo-decision.ts';
import { type FlowPath, followPacket, masqueradeAddress, sourceAfter } from './flow-path.ts';
import type { TraceAnswer } from './trace-line.ts';
import { type Arrival, withPolicies } from './trace-policies.ts';
import type { TraceScene } from './trace-scene.ts';
import { decisionText } from './why-text.ts';

type Path = FlowPath<Packet, Decision>;
type UntouchedPath = FlowPath<Omit<Packet, 'port' | 'protocol'>, unknown>;

const VERDICTS: Readonly<Record<Decision['verdict'], ProbeVerdict>> = {
  translated: 'allowed',
  rejected: 'refused',
  dropped: 'blocked',
  untouched: 'allowed',
};
const ECHO_VERDICTS: Readonly<Record<EchoDecision['verdict'], ProbeVerdict>> = {
  answered: 'allowed',
  refused: 'refused',
  dropped: 'blocked',
  untouched: 'allowed',
};
const NO_CANDIDATES: CandidateList = { candidates: [], weights: [], excluded: [] };

/** Answers a TCP, UDP or SCTP probe that enters at `node`. */
export function answerProbe(scene: TraceScene, probe: Probe, node: NodeName): TraceAnswer {
  const protocol = transportOf(probe.protocol);
  if (protocol === null || probe.port === null)
    throw new TypeError(`${probe.protocol} has no ports to decide by`);
  const packet: Packet = { ...packetOf(scene, probe, node), port: probe.port, protocol };
  const path = followPacket(scene, { node, packet }, decide);
  const origin = { ...originOf(scene, probe), protocol };
  if (path.decision.verdict === 'untouched') {
    const { destination, source } = path.packet;
    const place = { address: destination, port: probe.port };
    const arrival = { ...place, client: source, leaving: place };
    return withPolicies(scene, origin, untouchedAnswer(scene, probe, path), [arrival]);
  }
  return withPolicies(scene, origin, serviceAnswer(scene, probe, path), arrivalsOf(scene, path));
}

/** Answers an echo request that enters at `node`. */
export function answerEcho(scene: TraceScene, probe: Probe, node: NodeName): TraceAnswer {
  const path = followPacket(scene, { node, packet: packetOf(scene, probe, node) }, decideEcho);
  const { decision } = path;
  const { verdict, row } = decision;
  const origin = { ...originOf(scene, probe), protocol: null };
  const judgedAt = (address: Address) => {
    const place = { address, port: 0 };
    return [{ ...place, client: path.packet.source, leaving: place }];
  };
  if (verdict === 'untouched') {
    const answeredBy = path.owner?.pod ? nameOf(path.owner.pod) : null;
    const answer = { ...arrival(scene, probe, path, answeredBy), why: passedText(scene, path) };
    return withPolicies(scene, origin, answer, judgedAt(path.packet.destination));
  }
  const owner = row === null ? 'no Service has the address' : `${row.owner} ${row.kind}`;
  const answer = {
    ...withoutService(probe, ECHO_VERDICTS[verdict]),
    service: row?.owner ?? null,
    frontend: row?.kind ?? null,
    why: `echo request to a Service address: ${owner}, ${verdict} by ${path.node}`,
  };
  return withPolicies(scene, origin, answer, verdict === 'answered' ? judgedAt(decision.answering) : []);
}

/** hostNetwork pods speak as their node, and policies are never about them (C14). */
function originOf(scene: TraceScene, { source, sourceAddress, node }: Probe) {
  const pod = source.kind === 'pod' ? (scene.ownerOf(sourceAddress)?.pod ?? null) : null;
  return { pod, node: source.kind === 'external' || pod !== null ? null : node };
}

/** Where a translated connection may end. A server elsewhere sees the node, one here the client (C23). */
function arrivalsOf(scene: TraceScene, { decision, node, packet, passed }: Path): readonly Arrival[] {
  const dialled = { address: packet.destination, port: packet.port };
  return decision.candidates.map(({ backend, masquerade }) => {
    const isElsewhere = scene.ownerOf(backend.address)?.node !== node;
    const shown = masquerade && isElsewhere ? masqueradeAddress(scene.tablesOf(node), packet.source) : null;
    const { address, port } = backend;
    const leaving = passed.length === 0 ? { address, port } : dialled;
    return { address, port, client: shown ?? packet.source, leaving };
  });
}

function packetOf(scene: TraceScene, probe: Probe, node: NodeName) {
  const owner = scene.ownerOf(probe.sourceAddress);
  // hostNetwork pods send with the node's own address and through its own stack.
  const sourceIsThisNode = probe.source.kind !== 'external' && owner?.pod === null && owner.node === node;
  // To an address of its own, a node speaks from that very address.
  const isOwn = sourceIsThisNode && scene.tablesOf(node).own.has(probe.address);
  const source = isOwn ? probe.address : probe.sourceAddress;
  return { source, sourceIsThisNode, destination: probe.address };
}

function serviceAnswer(scene: TraceScene, probe: Probe, path: Path): TraceAnswer {
  const { decision, node, packet } = path;
  const { service, frontend, candidates, verdict } = decision;
  const row = scene.tablesOf(node).addresses.get(packet.destination);
  const policy = policyOf(scene, decision);
  const list = service === null ? NO_CANDIDATES : candidateList(service, listName(decision));
  const isUnknownPort = frontend === null && row !== undefined;
  const [only, ...others] = candidates;
  const owned = isUnknownPort ? `${row.owner} ${row.kind}: ` : '';
  return {
    ...withoutService(probe, VERDICTS[verdict]),
    answeredBy:
      only !== undefined && others.length === 0 ? serverOf(scene, only.backend, packet.protocol) : null,
    clientSeen: clientSeen(scene, path),
    why: `${passedPrefix(path)}${owned}${decisionText(node, decision, list, policy)}`,
    service: service?.displayName ?? row?.owner ?? null,
    frontend: frontend?.kind ?? row?.kind ?? null,
    policy,
    candidates: verdict === 'translated' ? list.candidates : [],
    weights: verdict === 'translated' ? list.weights : [],
    scheduler: verdict === 'translated' ? (service?.balancing.scheduler ?? null) : null,
    excluded: decision.step === 'source-range' ? [] : list.excluded,
    masquerade: candidates.some((each) => each.masquerade && each.backend.address !== packet.source),
  };
}

/** What is left out of the list chosen from; without a list, of both. */
function listName({ list, verdict }: Decision): ListName {
  return list ?? (verdict === 'dropped' ? 'local' : 'none');
}

/**
 * The policy in effect. A row that refuses does not say under which policy; only then the Service is asked, for the
 * name of it.
 */
function policyOf(scene: TraceScene, { list, verdict, service, frontend, inside, step }: Decision) {
  if (service === null || frontend === null || step === 'source-range') return null;
  if (list !== null) return list === 'local' ? 'Local' : 'Cluster';
  if (verdict === 'dropped') return 'Local';
  const object = scene.services.get(service.owner);
  if (object === undefined) return null;
  if (frontend.kind === 'clusterIP') return object.internalTrafficPolicy;
  return inside ? 'Cluster' : object.externalTrafficPolicy;
}

/** The address that every possible server would see; null where they would differ or nobody answers. */
function clientSeen(scene: TraceScene, { node, packet, decision }: Path): Address | null {
  const seen = new Set(
    decision.candidates.map(({ masquerade }) =>
      masquerade ? masqueradeAddress(scene.tablesOf(node), packet.source) : packet.source,
    ),
  );
  const [only] = seen;
  return seen.size === 1 ? (only ?? null) : null;
}

function untouchedAnswer(scene: TraceScene, probe: Probe, path: Path): TraceAnswer {
  const { destination, port, protocol } = path.packet;
  const answeredBy = serverAt(scene, destination, port, protocol);
  return { ...arrival(scene, probe, path, answeredBy), why: passedText(scene, path) };
}

/** Hand-made slices rarely say which pod they mean; the address does. */
function serverOf(
  scene: TraceScene,
  { address, port, pod }: BackendRow,
  protocol: Protocol,
): ObjectName | null {
  const owner = scene.ownerOf(address)?.pod ?? null;
  return pod ?? (owner === null ? serverAt(scene, address, port, protocol) : nameOf(owner));
}

/** The pod at the address that declares the port; at a node's address one in the host network. Nobody else listens. */
function serverAt(scene: TraceScene, address: Address, port: Port, protocol: Protocol): ObjectName | null {
  const owner = scene.ownerOf(address);
  if (owner === null) return null;
  const pods = owner.pod === null ? (scene.hostPods.get(owner.node) ?? []) : [owner.pod];
  const server = pods.find((pod) =>
    pod.ports.some((each) => each.port === port && each.protocol === protocol),
  );
  return server === undefined ? null : nameOf(server);
}

/** What is left untouched arrives at whoever has the address, here or outside the cluster. */
function arrival(scene: TraceScene, probe: Probe, path: UntouchedPath, answeredBy: ObjectName | null) {
  const { owner, packet, node } = path;
  if (owner === null)
    return withoutService(probe, scene.outside.has(packet.destination) ? 'allowed' : 'blocked');
  const source = owner.pod === null ? packet.source : sourceAfter(scene.tablesOf(node), packet);
  return { ...withoutService(probe, 'allowed'), answeredBy, clientSeen: answeredBy === null ? null : source };
}

function passedText(scene: TraceScene, path: UntouchedPath): string {
  const { owner, packet, node } = path;
  if (owner === null) {
    const { destination } = packet;
    const place = scene.outside.has(destination)
      ? `${destination} is outside the cluster`
      : `nobody has ${destination}`;
    return `${passedPrefix(path)}no row of ${node} concerns it, and ${place}`;
  }
  const place = owner.pod === null ? `node ${owner.node}` : `${nameOf(owner.pod)} on ${owner.node}`;
  return `no Service is concerned: ${packet.destination} is ${place}`;
}

function passedPrefix({ passed }: FlowPath<unknown, unknown>): string {
  return passed.length === 0 ? '' : `untouched at ${passed.join(', ')}; `;
}

function nameOf(pod: PodObject): ObjectName {
  return objectName(pod.namespace, pod.name);
}

function withoutService(probe: Probe, verdict: ProbeVerdict): TraceAnswer {
  const { index, from, to, address, port, protocol } = probe;
  return {
    index,
    from,
    to,
    address,
    port,
    protocol,
    verdict,
    answeredBy: null,
    clientSeen: null,
    ms: 0,
    why: '',
    service: null,
    frontend: null,
    policy: null,
    candidates: [],
    weights: [],
    scheduler: null,
    excluded: [],
    masquerade: false,
    egress: null,
    ingress: null,
    denied: [],
  };
}
