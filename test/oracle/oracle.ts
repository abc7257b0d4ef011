/**
 * A naive evaluator: what Kubernetes' documentation (and the few choices of Weir that it leaves open) says about one
 * packet, found by looping over all objects. Slow and plain on purpose; it shares nothing with the compiler.
 */
import { familyOf, type Prefix, prefixContains } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import { objectName } from '../../src/model/names.ts';
import type { ContainerPort, PodObject, ServiceObject, WeirObject } from '../../src/model/objects.ts';
import { clusterPlaces, localPlaces, type Place, placeNames, placeWeights } from './endpoints.ts';
import { isExposed } from './expose.ts';
import {
  hostPortOwner,
  isNodePortShadowed,
  isOurs,
  isWithin,
  nodePortAddresses,
  nodePortFrontend,
  type ServiceFrontend,
  virtualFrontend,
} from './frontends.ts';
import { masqueradedPlaces } from './masquerade.ts';
import { type Cluster, clusterOf, type Expectation, type Question } from './question.ts';

const UNTOUCHED: Expectation = {
  verdict: 'untouched',
  candidates: [],
  weights: [],
  masqueraded: [],
  service: null,
  frontend: null,
  affinitySeconds: null,
};

/** What must happen to the packet of the question, in a cluster of these (completed) objects. */
export function expectService(
  objects: readonly WeirObject[],
  question: Question,
  options: CompileOptions,
): Expectation {
  const cluster = clusterOf(objects);
  const local = { ...options, node: question.node };
  return (
    atVirtualAddress(cluster, question, local) ??
    atThisNode(cluster, question, local) ??
    atAnotherNode(cluster, question, local) ??
    atUnservedAddress(cluster, question, local)
  );
}

function atVirtualAddress(cluster: Cluster, question: Question, options: CompileOptions): Expectation | null {
  const { destination: address, port, protocol } = question;
  const frontend = virtualFrontend(cluster, options, { address, port, protocol });
  if (frontend === null) return null;
  if (frontend.kind === 'clusterIP' && isOutside(question) && !options.allowExternalClusterIp) return null;
  return served(cluster, question, options, frontend);
}

function atThisNode(cluster: Cluster, question: Question, options: CompileOptions): Expectation | null {
  const { destination: address, port, protocol } = question;
  const owner = hostPortOwner(cluster, question.node, { address, port, protocol });
  if (owner !== null) return toPod(cluster, question, options, owner.pod, owner.port);
  const node = cluster.nodes.find(({ name }) => name === question.node);
  if (node === undefined || !nodePortAddresses(node, options).includes(address)) return null;
  const frontend = nodePortFrontend(cluster, options, { family: familyOf(address), port, protocol });
  return frontend === null ? null : served(cluster, question, options, frontend);
}

/** A25: from inside, policy Cluster is decided here; under Local only the node that was dialled can decide. */
function atAnotherNode(cluster: Cluster, question: Question, options: CompileOptions): Expectation | null {
  const { destination: address, port, protocol } = question;
  if (isOutside(question)) return null;
  const others = cluster.nodes.filter(({ name }) => name !== question.node);
  if (!others.some((node) => nodePortAddresses(node, options).includes(address))) return null;
  const wanted = { family: familyOf(address), port, protocol };
  const frontend = nodePortFrontend(cluster, options, wanted);
  if (frontend === null || frontend.service.externalTrafficPolicy === 'Local') return null;
  if (isNodePortShadowed(cluster, question.node, wanted)) return null;
  return served(cluster, question, options, frontend);
}

/** A18, E27 (E11: what is not exposed here is not known here): known cluster IPs refuse what they don't have; nobody else lives in the service ranges. */
function atUnservedAddress(cluster: Cluster, question: Question, options: CompileOptions): Expectation {
  const { destination } = question;
  const isKnown = cluster.services.some(
    (each) =>
      isOurs(each, options) &&
      each.clusterIps !== 'headless' &&
      each.clusterIps.includes(destination) &&
      isExposed(cluster, each, 'clusterIP', question.node),
  );
  if (isKnown && (!isOutside(question) || options.allowExternalClusterIp)) {
    return { ...UNTOUCHED, verdict: 'rejected' };
  }
  // A62: another proxy's Services are its business, and must reach it.
  const isForeign = cluster.services.some(
    (each) =>
      !isOurs(each, options) && each.clusterIps !== 'headless' && each.clusterIps.includes(destination),
  );
  if (isForeign) return UNTOUCHED;
  if (isKnown || isWithin(options.serviceCidrs, destination)) return { ...UNTOUCHED, verdict: 'dropped' };
  return UNTOUCHED;
}

function served(
  cluster: Cluster,
  question: Question,
  options: CompileOptions,
  frontend: ServiceFrontend,
): Expectation {
  const { service, port, kind } = frontend;
  const name = objectName(service.namespace, service.name);
  const met = {
    ...UNTOUCHED,
    service: port.name === '' ? name : `${name}:${port.name}`,
    frontend: kind,
    affinitySeconds: service.affinitySeconds,
  };
  if (!isSourceAllowed(service, kind, question, options)) return { ...met, verdict: 'dropped' };
  const family = familyOf(question.destination);
  const everywhere = clusterPlaces(cluster, service, port, family, question.node);
  const here = localPlaces(cluster, service, port, family, question.node);
  if (everywhere.length === 0 && here.length === 0) return { ...met, verdict: 'rejected' };
  const places = isLocalOnly(service, kind, question) ? here : everywhere;
  if (places.length === 0) return { ...met, verdict: 'dropped' };
  return translated(cluster, question, options, met, places);
}

/** A41–A45: cluster IPs follow the internal policy, the rest the external one, which binds only traffic from outside. */
function isLocalOnly(service: ServiceObject, kind: ServiceFrontend['kind'], question: Question): boolean {
  if (kind === 'clusterIP') return service.internalTrafficPolicy === 'Local';
  return service.externalTrafficPolicy === 'Local' && isOutside(question);
}

/** A30, E12: ranges guard the load-balancer IP (all external frontends if asked) against clients outside. */
function isSourceAllowed(
  service: ServiceObject,
  kind: ServiceFrontend['kind'],
  question: Question,
  options: CompileOptions,
): boolean {
  const ranges: readonly Prefix[] = service.loadBalancerSourceRanges;
  if (ranges.length === 0 || !isOutside(question) || kind === 'clusterIP') return true;
  const [policy = 'allow', scope] = (service.annotations['weir.dev/source-ranges-policy'] ?? 'allow').split(
    ',',
  );
  const guardsAll = options.sourceRangesAllTypes || scope === 'all-types';
  if (kind !== 'loadBalancerIP' && !guardsAll) return true;
  const isListed = ranges.some((range) => prefixContains(range, question.source.address));
  return policy === 'deny' ? !isListed : isListed;
}

function toPod(
  cluster: Cluster,
  question: Question,
  options: CompileOptions,
  pod: PodObject,
  port: ContainerPort,
): Expectation {
  const address = pod.addresses.find((each) => familyOf(each) === familyOf(question.destination));
  if (address === undefined) return UNTOUCHED;
  const name = objectName(pod.namespace, pod.name);
  const service = port.name === '' ? name : `${name}:${port.name}`;
  const met = { ...UNTOUCHED, service, frontend: 'hostPort' as const };
  return translated(cluster, question, options, met, [
    { address, port: port.port, nodeName: question.node, weight: 1 },
  ]);
}

function translated(
  cluster: Cluster,
  question: Question,
  options: CompileOptions,
  met: Expectation,
  places: readonly Place[],
): Expectation {
  const masqueraded = placeNames(masqueradedPlaces(cluster, question, options, places));
  const [candidates, weights] = [placeNames(places), placeWeights(places)];
  return { ...met, verdict: 'translated', candidates, weights, masqueraded };
}

function isOutside(question: Question): boolean {
  return question.source.origin === 'outside';
}
