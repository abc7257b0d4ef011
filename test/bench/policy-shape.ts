/**
 * A cluster for policies: namespaces of a hundred pods in ten apps, and policies that select one app each and let in
 * another app, a team's namespaces and a network. Built as model objects: what is measured begins after parsing.
 */
import { type Address, type Prefix, parsePrefix } from '../../src/model/address.ts';
import type { NodeName, Port } from '../../src/model/names.ts';
import type { NetworkPolicyObject, PodObject, WeirObject } from '../../src/model/objects.ts';
import type { LabelSelector, PolicyRule } from '../../src/model/policy.ts';
import { namespaceObject, networkPolicyObject, nodeObject, podObject } from '../objects.ts';

export interface PolicyShape {
  readonly pods: number;
  readonly policies: number;
  /** Pods are dealt out to this many nodes; the first is the one that compiles. */
  readonly nodes: number;
}

export const POLICY_NODE = 'node-0' as NodeName;
const PODS_PER_NAMESPACE = 100;
const APPS = 10;
const TEAMS = 20;

/** Everything but the policies. */
export function policyCluster(shape: PolicyShape): readonly WeirObject[] {
  const nodes = Array.from({ length: shape.nodes }, (_, index) => nodeObject({ name: `node-${index}` }));
  const namespaces = Array.from({ length: namespaceCount(shape) }, (_, index) =>
    namespaceObject({ name: `space-${index}`, labels: { team: `team-${index % TEAMS}` } }),
  );
  const pods = Array.from({ length: shape.pods }, (_, index) => podAt(shape, index));
  return [...nodes, ...namespaces, ...pods];
}

/** The pods of the first node. */
export function localPods(shape: PolicyShape): readonly PodObject[] {
  return Array.from({ length: shape.pods }, (_, index) => podAt(shape, index)).filter(
    ({ nodeName }) => nodeName === POLICY_NODE,
  );
}

/** Numbers of the policies that select pods of the first node. */
export function localPolicies(shape: PolicyShape): readonly number[] {
  const selectable = new Set(localPods(shape).map(({ namespace, labels }) => `${namespace}/${labels.app}`));
  return Array.from({ length: shape.policies }, (_, index) => index).filter((index) => {
    const { space, app } = subjectsOf(shape, index);
    return selectable.has(`space-${space}/app-${app}`);
  });
}

/** Policy `index`; `port` is what an edit changes. */
export function policyAt(shape: PolicyShape, index: number, port = 8080): NetworkPolicyObject {
  const { space, app } = subjectsOf(shape, index);
  const own = { type: 'pods' as const, namespaces: `space-${space}` };
  const web = [{ type: 'range' as const, protocol: 'TCP' as const, first: port, last: port }];
  return networkPolicyObject({
    namespace: `space-${space}`,
    name: `policy-${index}`,
    podSelector: label('app', `app-${app}`),
    ingress: [
      rule([{ ...own, pods: label('app', `app-${(app + 1) % APPS}`) }], web),
      rule(
        [{ type: 'pods', namespaces: label('team', `team-${index % TEAMS}`), pods: label('tier', 'front') }],
        web,
      ),
      rule(
        [{ type: 'networks', blocks: [block(`10.${index % 200}.0.0/16`, `10.${index % 200}.7.0/24`)] }],
        web,
      ),
    ],
    egress: [
      rule(
        [{ ...own, pods: label('app', `app-${(app + 2) % APPS}`) }],
        [{ type: 'named', name: 'http', protocol: 'TCP' }],
      ),
      rule([{ type: 'networks', blocks: [block('0.0.0.0/0', '10.0.0.0/8')] }], 'every'),
    ],
  });
}

export function podAt(shape: PolicyShape, index: number): PodObject {
  const app = index % APPS;
  const row = Math.floor(index / APPS);
  return podObject({
    namespace: `space-${Math.floor(index / PODS_PER_NAMESPACE)}`,
    name: `pod-${index}`,
    labels: { app: `app-${app}`, tier: app < 3 ? 'front' : 'back', 'pod-template-hash': `h${app}` },
    nodeName: `node-${row % shape.nodes}` as NodeName,
    addresses: [
      `10.${(index >> 14) & 255}.${(index >> 7) & 127}.${(index & 127) + 1}` as Address,
      `fd00:1::${(index + 1).toString(16)}` as Address,
    ],
    ports: [
      { name: 'http', port: (8000 + (app % 3)) as Port, protocol: 'TCP', hostPort: null, hostIp: null },
    ],
  });
}

/** Numbers of the namespace and of the app that policy `index` selects. */
function subjectsOf(shape: PolicyShape, index: number) {
  const spaces = namespaceCount(shape);
  return { space: index % spaces, app: Math.floor(index / spaces) % APPS };
}

function namespaceCount({ pods }: PolicyShape): number {
  return Math.ceil(pods / PODS_PER_NAMESPACE);
}

function label(key: string, value: string): LabelSelector {
  return [{ key, operator: 'In', values: [value] }];
}

function rule(peers: PolicyRule['peers'], ports: PolicyRule['ports']): PolicyRule {
  return { name: '', action: 'Accept', peers, ports };
}

function block(cidr: string, except: string) {
  return { cidr: parsePrefix(cidr) as Prefix, except: [parsePrefix(except) as Prefix] };
}
