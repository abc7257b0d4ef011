/** The annotation `weir.dev/expose`: which kinds of frontend a Service has, and on which nodes (E11). */
import type { Labels, ServiceObject } from '../../model/objects.ts';
import { type LabelSelector, selectorMatches } from '../../model/policy.ts';
import type { FrontendKind } from '../../model/rows.ts';
import { parseLabelSelector } from './label-selector.ts';
import { annotationValue, type Finding } from './problems.ts';

const ANNOTATION = 'weir.dev/expose';

type ServiceFrontendKind = Exclude<FrontendKind, 'hostPort'>;

const KIND_OF_TYPE: Readonly<Record<string, ServiceFrontendKind>> = {
  ClusterIP: 'clusterIP',
  LoadBalancer: 'loadBalancerIP',
  ExternalIP: 'externalIP',
  NodePort: 'nodePort',
};
const ALL: ReadonlySet<ServiceFrontendKind> = new Set(Object.values(KIND_OF_TYPE));
const NOWHERE: ReadonlySet<ServiceFrontendKind> = new Set();
const EVERYWHERE: Exposed = { kinds: ALL, nodes: [] };

/** What the annotation says: kinds of frontend, and the nodes that have them. */
interface Exposed {
  readonly kinds: Exposure['kinds'];
  readonly nodes: LabelSelector;
}

/** The kinds of frontend that a Service has on a node. */
export interface Exposure {
  readonly kinds: ReadonlySet<ServiceFrontendKind>;
  readonly findings: readonly Finding[];
}

/** The frontends that this Service has on a node with these labels; a value that makes no sense exposes everything. */
export function exposureOf(service: ServiceObject, nodeLabels: Labels): Exposure {
  const findings: Finding[] = [];
  const { kinds, nodes } = annotationValue(service, findings, {
    name: ANNOTATION,
    parse: parseExpose,
    otherwise: EVERYWHERE,
    effect: 'the Service is exposed on every node by all of its types',
    remedy:
      'use `all` or a list of ClusterIP, NodePort, LoadBalancer, ExternalIP, then ` on ` and a node selector',
  });
  return { kinds: selectorMatches(nodes, nodeLabels) ? kinds : NOWHERE, findings };
}

function parseExpose(text: string): Exposed | undefined {
  const [, types = '', selector] = /^\s*(\S(?:.*?\S)?)(?:\s+on\s+(\S.*?))?\s*$/s.exec(text) ?? [];
  const kinds = types === 'all' ? ALL : parseTypes(types);
  const nodes = selector === undefined ? [] : parseLabelSelector(selector);
  return kinds === undefined || nodes === undefined ? undefined : { kinds, nodes };
}

function parseTypes(text: string): Exposure['kinds'] | undefined {
  const kinds = text.split(',').map((type) => {
    const name = type.trim();
    return Object.hasOwn(KIND_OF_TYPE, name) ? KIND_OF_TYPE[name] : undefined;
  });
  return kinds.every((kind) => kind !== undefined) ? new Set(kinds) : undefined;
}
