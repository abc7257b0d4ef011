/** What is kept of an object: agents of large clusters hold every pod, and need little of those on other nodes. */
import type { NodeName } from '../../model/names.ts';
import type { ContainerPort, Labels, PodObject, WeirObject } from '../../model/objects.ts';
import { sharedData } from '../shared-values.ts';

/** `kubectl apply` keeps the whole manifest in it, which nobody here reads. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Of annotations of pods, nodes and namespaces only Weir's own are read. */
const OWN_PREFIX = 'weir.dev/';
/** What other nodes read of a pod's. */
const WEIGHT = 'weir.dev/weight';

const NO_ANNOTATIONS: Labels = {};

/** The object as the agent of `node` needs it. What it does not need equals what an object without it has. */
export function trimmed(object: WeirObject, node: NodeName): WeirObject {
  switch (object.kind) {
    case 'Pod':
      return object.nodeName === node ? withOwnAnnotations(object) : remotePod(object);
    case 'Namespace':
    case 'Node':
      return withOwnAnnotations(object);
    default:
      return withoutLastApplied(object);
  }
}

/**
 * Whom a policy may mean: address, labels and named ports; what decides whether the address is in use, its node, and its
 * weight. How it was made and what it serves is its own node's business.
 */
function remotePod(pod: PodObject): PodObject {
  const named = pod.ports.filter(({ name }) => name !== '').map(withoutHostPort);
  return {
    ...pod,
    uid: '',
    annotations: kept(pod.annotations, (name) => name === WEIGHT),
    createdAtMs: null,
    hostname: '',
    subdomain: '',
    ports: sharedData(named),
  };
}

function withoutHostPort({ name, port, protocol }: ContainerPort): ContainerPort {
  return { name, port, protocol, hostPort: null, hostIp: null };
}

function withOwnAnnotations<Kind extends WeirObject>(object: Kind): Kind {
  return { ...object, annotations: kept(object.annotations, (name) => name.startsWith(OWN_PREFIX)) };
}

function kept(annotations: Labels, isKept: (name: string) => boolean): Labels {
  const entries = Object.entries(annotations).filter(([name]) => isKept(name));
  return entries.length === 0 ? NO_ANNOTATIONS : sharedData(Object.fromEntries(entries));
}

function withoutLastApplied(object: WeirObject): WeirObject {
  if (!Object.hasOwn(object.annotations, LAST_APPLIED)) return object;
  const { [LAST_APPLIED]: _, ...annotations } = object.annotations;
  return { ...object, annotations };
}
