/** One Kubernetes object of any kind: unknown JSON to the model. Every source uses this, and nothing else. */
import { type ObjectKey, objectKey } from '../model/names.ts';
import type { ObjectKind, ObjectReference, Problem, WeirObject } from '../model/objects.ts';
import { readClusterNetworkPolicyObject } from './cluster-network-policy.ts';
import { readEndpointSliceObject } from './endpoint-slice.ts';
import { readEndpointsObject } from './endpoints.ts';
import {
  childField,
  type Field,
  type Finding,
  readItems,
  readRecord,
  readText,
  refuse,
  rootField,
  shown,
} from './field.ts';
import { peekIdentity, type Scope } from './meta.ts';
import { readNamespaceObject } from './namespace.ts';
import { readNetworkPolicyObject } from './network-policy.ts';
import { readNodeObject } from './node.ts';
import { readPodObject } from './pod.ts';
import { readServiceObject } from './service.ts';
import { readServiceCidrObject } from './service-cidr.ts';

/** `problems` of a taken object are warnings and errors of single parts; those of a refused one hold an error of the whole. */
export type ParseResult =
  | { readonly type: 'object'; readonly object: WeirObject; readonly problems: readonly Problem[] }
  | { readonly type: 'skipped'; readonly kind: string }
  | {
      readonly type: 'refused';
      /** Names the object whose last good state goes on; null where kind or name could not be read. */
      readonly key: ObjectKey | null;
      readonly problems: readonly Problem[];
    };

interface Kind {
  readonly apiVersion: string;
  readonly scope: Scope;
  readonly read: (root: Field) => WeirObject;
}

const KINDS: Readonly<Record<ObjectKind, Kind>> = {
  Namespace: { apiVersion: 'v1', scope: 'cluster', read: readNamespaceObject },
  Node: { apiVersion: 'v1', scope: 'cluster', read: readNodeObject },
  Pod: { apiVersion: 'v1', scope: 'namespaced', read: readPodObject },
  Service: { apiVersion: 'v1', scope: 'namespaced', read: readServiceObject },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', scope: 'namespaced', read: readEndpointSliceObject },
  Endpoints: { apiVersion: 'v1', scope: 'namespaced', read: readEndpointsObject },
  ServiceCIDR: { apiVersion: 'networking.k8s.io/v1', scope: 'cluster', read: readServiceCidrObject },
  NetworkPolicy: { apiVersion: 'networking.k8s.io/v1', scope: 'namespaced', read: readNetworkPolicyObject },
  ClusterNetworkPolicy: {
    apiVersion: 'policy.networking.k8s.io/v1alpha2',
    scope: 'cluster',
    read: readClusterNetworkPolicyObject,
  },
};

/**
 * Parses one object. Kinds that Weir does not use are skipped, by name; a same-named kind of another API group
 * (`Service` of serving.knative.dev/v1) is one of them.
 *
 * @param file the manifest it came from, for problems; null for an API server
 */
export function parseObject(raw: unknown, file: string | null): ParseResult {
  const findings: Finding[] = [];
  const root = rootField(raw, findings);
  const kindName = readKind(root);
  if (kindName === undefined) return refusal(root, 'Object', null, file);
  const apiVersionField = childField(root, 'apiVersion');
  const apiVersion = readText(apiVersionField) ?? '';
  const kind = Object.hasOwn(KINDS, kindName) ? KINDS[kindName as ObjectKind] : undefined;
  if (kind === undefined) {
    // A list was taken apart before, unless that could not be done.
    if (isListOf(kindName)) readItems(childField(root, 'items'));
    const isRefused = isListOf(kindName) && findings.length > 0;
    return isRefused ? refusal(root, kindName, null, file) : { type: 'skipped', kind: kindName };
  }
  if (apiVersion === '') {
    refuse(
      apiVersionField,
      'MissingValue',
      'the object has no apiVersion',
      `set apiVersion to ${kind.apiVersion}`,
    );
  } else if (apiVersion !== kind.apiVersion) {
    return { type: 'skipped', kind: `${kindName}.${apiVersion}` };
  }
  const object = kind.read(root);
  const told = file === null ? findings.map(asServed) : findings;
  if (told.some(({ severity, partial }) => severity === 'error' && partial !== true))
    return refusal({ ...root, findings: told }, kindName, kind.scope, file);
  const problems = told.map((finding) => problemOf(finding, object, file));
  return { type: 'object', object, problems };
}

/** Whether such a list would hold objects that Weir uses; any kind may be called so, a list of another kind or none. */
function isListOf(kindName: string): boolean {
  const kind = kindName.replace(/List$/, '');
  return kindName.endsWith('List') && (kind === '' || Object.hasOwn(KINDS, kind));
}

/** What the finding is about an object that an API server serves: see reject. */
function asServed(finding: Finding): Finding {
  return finding.rule === true ? { ...finding, severity: 'warning' } : finding;
}

/** Makes a Problem of a finding; `file` as in parseObject. */
function problemOf(finding: Finding, reference: ObjectReference, file: string | null): Problem {
  const { severity, field, reason, message, remedy } = finding;
  const { kind, namespace, name } = reference;
  return { severity, object: { kind, namespace, name }, field, reason, message, remedy, file };
}

function readKind(root: Field): string | undefined {
  if (readRecord(root) === undefined) {
    return refuse(
      root,
      'InvalidType',
      `${shown(root.value)} is not an object`,
      'write an object with kind and metadata',
    );
  }
  const kindField = childField(root, 'kind');
  const kind = readText(kindField);
  if (kind !== undefined && kind !== '') return kind;
  return refuse(kindField, 'MissingValue', 'the object has no kind', 'set kind and apiVersion');
}

function refusal(root: Field, kind: string, scope: Scope | null, file: string | null): ParseResult {
  const identity = peekIdentity(root);
  const namespace = scope === 'cluster' ? '' : identity.namespace || (scope === null ? '' : 'default');
  const reference = { kind, namespace, name: identity.name };
  const problems = root.findings.map((finding) => problemOf(finding, reference, file));
  const known = scope !== null && identity.name !== '';
  return { type: 'refused', key: known ? objectKey(kind, namespace, identity.name) : null, problems };
}
