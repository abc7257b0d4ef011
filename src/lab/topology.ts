/** From completed objects to the plan of a lab. Pure. */
import type { WeirObject } from '../model/objects.ts';
import {
  entryMarks,
  externalNamespacePlan,
  externalProcess,
  externalStation,
  outsideEndpoints,
} from './external-plan.ts';
import { agentInstance, labCgroup, underlayNamespace } from './lab-names.ts';
import { type LabNode, membersOf } from './members.ts';
import { nodeNamespacePlan, nodeProcesses, podLink, podNamespacePlan, underlayLink } from './node-plan.ts';
import type { LabPlan, NamespacePlan } from './plan.ts';

export interface TopologyOptions {
  readonly lab: string;
  /** There is a cgroup2 hierarchy to put pods into. */
  readonly cgroups: boolean;
  /** Run an agent on each node. */
  readonly agents: boolean;
}

/** Plans the namespaces, links, addresses, routes, processes and agents of the objects. */
export function planLab(objects: readonly WeirObject[], options: TopologyOptions): LabPlan {
  const { lab, cgroups, agents } = options;
  const { nodes, notes } = membersOf(lab, objects);
  const external = externalStation(lab);
  const outside = outsideEndpoints(objects, nodes);
  const pods = nodes.flatMap((node) => node.pods.map((pod) => ({ node, pod })));
  return {
    namespaces: [
      underlay(lab),
      externalNamespacePlan(external, nodes, outside.addresses),
      ...nodes.map((node) =>
        nodeNamespacePlan(
          node,
          nodes.filter((other) => other !== node),
          external,
        ),
      ),
      ...pods.map(({ pod }) => podNamespacePlan(pod)),
    ],
    links: [
      ...[external, ...nodes].map((station) => underlayLink(lab, station)),
      ...pods.map(({ node, pod }) => podLink(node, pod)),
    ],
    processes: [
      externalProcess(lab, external, outside.ports),
      ...nodes.flatMap((node) => nodeProcesses(lab, node, cgroups)),
    ],
    agents: agents ? nodes.map((node) => agentOf(lab, node, cgroups)) : [],
    cgroups: cgroups ? cgroupsOf(lab, nodes) : [],
    entryMarks: entryMarks(nodes),
    addresses: [
      ...external.addresses,
      ...nodes.flatMap(({ addresses }) => addresses),
      ...pods.flatMap(({ pod }) => pod.pod.addresses),
    ],
    notes: cgroups ? notes : [...notes, 'no cgroup2 hierarchy here: pods have no cgroups'],
  };
}

function underlay(lab: string): NamespacePlan {
  return { name: underlayNamespace(lab), sysctls: [], settings: [], incarnation: 'underlay' };
}

function agentOf(lab: string, node: LabNode, cgroups: boolean) {
  return {
    node: node.name,
    namespace: node.namespace,
    instance: agentInstance(lab, node.name),
    cgroup: cgroups ? node.cgroup : null,
  };
}

/** Parents before their children. */
function cgroupsOf(lab: string, nodes: readonly LabNode[]): readonly string[] {
  return [
    labCgroup(lab),
    ...nodes.flatMap((node) => [
      node.cgroup,
      `${node.cgroup}/node`,
      ...[...node.pods, ...node.hostPods].map(({ cgroup }) => cgroup),
    ]),
  ];
}
