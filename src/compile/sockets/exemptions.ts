/** The annotation `weir.dev/socket-lb`: pods whose connections to Services stay packets with the cluster IP in them (E2). */
import type { Address } from '../../model/address.ts';
import { type NodeName, type ObjectName, objectName } from '../../model/names.ts';
import type { Meta, PodObject, Problem } from '../../model/objects.ts';
import { isFinished } from '../../model/probe-targets.ts';
import type { ClusterView } from '../../model/view.ts';

const ANNOTATION = 'weir.dev/socket-lb';

export interface SocketExemptions {
  /** Pods of the node that are exempt and have addresses of their own. */
  readonly pods: ReadonlyMap<ObjectName, readonly Address[]>;
  readonly problems: readonly Problem[];
}

type Subject = Meta & { readonly kind: 'Pod' | 'Namespace' };

/** A pod's own word comes before its namespace's; a value that makes no sense counts as none. */
export function socketExemptions(
  { namespaces, podsOnNode }: Pick<ClusterView, 'namespaces' | 'podsOnNode'>,
  node: NodeName,
): SocketExemptions {
  const problems: Problem[] = [];
  const wordOf = (subject: Subject | undefined): 'on' | 'off' | undefined => {
    const text = subject?.annotations[ANNOTATION];
    if (text === 'on' || text === 'off') return text;
    if (subject !== undefined && text !== undefined) problems.push(badValue(subject, text));
    return undefined;
  };
  const namespaceWords = new Map([...namespaces].map(([name, namespace]) => [name, wordOf(namespace)]));
  const pods = new Map<ObjectName, readonly Address[]>();
  for (const pod of podsOnNode(node)) {
    if (isFinished(pod)) continue;
    const own = wordOf(pod);
    if ((own ?? namespaceWords.get(pod.namespace)) !== 'off') continue;
    // A namespace that is off as a whole is no wish of each of its pods.
    if (pod.hostNetwork && own === 'off') problems.push(onHostNetwork(pod));
    if (!pod.hostNetwork && pod.addresses.length > 0)
      pods.set(objectName(pod.namespace, pod.name), pod.addresses);
  }
  return { pods, problems };
}

function badValue(subject: Subject, text: string): Problem {
  const instead = subject.kind === 'Pod' ? 'what its namespace says counts' : 'its pods’ sockets are served';
  return {
    ...about(subject),
    reason: 'UnknownAnnotationValue',
    message: `"${text}" is not a value of ${ANNOTATION}; ${instead}`,
    remedy: 'use `on` or `off`',
  };
}

function onHostNetwork(pod: PodObject): Problem {
  return {
    ...about(pod),
    reason: 'NotExempt',
    message: 'a pod of the host’s network can’t be told from the node: its sockets are served',
    remedy: 'give it a network of its own, or run with --socket-lb=off',
  };
}

function about({ kind, namespace, name }: Subject): Pick<Problem, 'severity' | 'object' | 'field' | 'file'> {
  return {
    severity: 'warning',
    object: { kind, namespace, name },
    field: `metadata.annotations['${ANNOTATION}']`,
    file: null,
  };
}
