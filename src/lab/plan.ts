/** What a lab consists of, as data: everything that has to be made, and the difference between two of them. */
import type { Address } from '../model/address.ts';
import type { NodeName, Port, Protocol } from '../model/names.ts';

/**
 * One line of iproute2 configuration of a namespace: `text` is what follows `ip -4|-6 OBJECT replace`. Two settings
 * with the same text are the same setting.
 */
export interface Setting {
  readonly family: 4 | 6;
  readonly object: 'address' | 'neighbour' | 'route' | 'rule';
  readonly text: string;
}

export interface NamespacePlan {
  readonly name: string;
  /** `key=value`, set before any device exists. */
  readonly sysctls: readonly string[];
  /** In the order in which they must be made. */
  readonly settings: readonly Setting[];
  /** Changes when the namespace must be made anew though its name stays. */
  readonly incarnation: string;
}

/** A veth pair; removing the near side removes both. */
export interface LinkPlan {
  readonly namespace: string;
  readonly device: string;
  readonly mac: string;
  /** Bridge the near side is plugged into. */
  readonly master: string | null;
  readonly peerNamespace: string;
  readonly peerDevice: string;
  readonly peerMac: string;
}

export interface ServerPort {
  readonly protocol: Protocol;
  readonly port: Port;
}

/** The process of a pod, of a node itself or of the external client. */
export interface ProcessPlan {
  /** `ns/pod`, `node/NAME` or `external`. */
  readonly id: string;
  readonly namespace: string;
  readonly cgroup: string | null;
  readonly socket: string;
  /** What its servers say of themselves. */
  readonly pod: string;
  readonly podNamespace: string;
  readonly node: string;
  readonly servers: readonly ServerPort[];
  /** It answers for the whole network namespace: sets its sysctls, and aborts SCTP at ports nobody serves. */
  readonly owner: boolean;
  /** SCTP ports that other processes of this network namespace serve. */
  readonly sctpPortsOfOthers: readonly Port[];
}

export interface AgentPlan {
  readonly node: NodeName;
  readonly namespace: string;
  readonly instance: string;
  readonly cgroup: string | null;
}

export interface LabPlan {
  readonly namespaces: readonly NamespacePlan[];
  readonly links: readonly LinkPlan[];
  readonly processes: readonly ProcessPlan[];
  readonly agents: readonly AgentPlan[];
  readonly cgroups: readonly string[];
  /** Packet marks by which the external client chooses the node where its packets enter. */
  readonly entryMarks: Readonly<Record<string, number>>;
  /** Addresses that an external client must not take. */
  readonly addresses: readonly Address[];
  /** What could not be had as the manifests ask for it. */
  readonly notes: readonly string[];
}

export const EMPTY_PLAN: LabPlan = {
  namespaces: [],
  links: [],
  processes: [],
  agents: [],
  cgroups: [],
  entryMarks: {},
  addresses: [],
  notes: [],
};

export interface Difference<Item> {
  readonly gone: readonly Item[];
  readonly come: readonly Item[];
}

export interface SettingsChange {
  readonly namespace: string;
  readonly gone: readonly Setting[];
  readonly come: readonly Setting[];
}

export interface PlanChange {
  readonly namespaces: Difference<NamespacePlan>;
  readonly links: Difference<LinkPlan>;
  readonly processes: Difference<ProcessPlan>;
  /** Processes that stay but serve other ports. */
  readonly serving: readonly ProcessPlan[];
  readonly agents: Difference<AgentPlan>;
  readonly cgroups: Difference<string>;
  readonly settings: readonly SettingsChange[];
}

/** What has to be done to get from one plan to the other. */
export function changeOf(before: LabPlan, after: LabPlan): PlanChange {
  const namespaces = difference(
    before.namespaces,
    after.namespaces,
    ({ name, incarnation }) => `${name} ${incarnation}`,
  );
  const renewed = new Set(namespaces.come.map(({ name }) => name));
  const previous = new Map(before.namespaces.map((each) => [each.name, each.settings]));
  const settings = after.namespaces.map(({ name, settings: wanted }) => ({
    namespace: name,
    ...settingsDifference(renewed.has(name) ? [] : (previous.get(name) ?? []), wanted),
  }));
  const processes = difference(before.processes, after.processes, (process, side) =>
    processKey(process, renewed, side),
  );
  const served = new Map(before.processes.map((process) => [process.id, servingKey(process)]));
  const started = new Set(processes.come.map(({ id }) => id));
  return {
    namespaces,
    links: difference(before.links, after.links, (link, side) => linkKey(link, renewed, side)),
    processes,
    serving: after.processes.filter(
      (process) => !started.has(process.id) && served.get(process.id) !== servingKey(process),
    ),
    agents: difference(before.agents, after.agents, ({ node, namespace }) => `${node} ${namespace}`),
    cgroups: difference(before.cgroups, after.cgroups, (path) => path),
    settings: settings.filter(({ gone, come }) => gone.length > 0 || come.length > 0),
  };
}

type Side = 'before' | 'after';

function difference<Item>(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item, side: Side) => string,
): Difference<Item> {
  const old = new Set(before.map((item) => keyOf(item, 'before')));
  const wanted = new Set(after.map((item) => keyOf(item, 'after')));
  return {
    gone: before.filter((item) => !wanted.has(keyOf(item, 'before'))),
    come: after.filter((item) => !old.has(keyOf(item, 'after'))),
  };
}

// A setting that is replaced must not be removed as well: iproute2 would take the new one for the old.
function settingsDifference(before: readonly Setting[], after: readonly Setting[]): Difference<Setting> {
  const { gone, come } = difference(before, after, settingKey);
  const replaced = new Set(come.map(settingTarget));
  return { gone: gone.filter((setting) => !replaced.has(settingTarget(setting))), come };
}

function settingTarget({ family, object, text }: Setting): string {
  const [destination] = text.split(' ');
  const device = object === 'route' ? '' : (/ dev \S+/.exec(text)?.[0] ?? text);
  const table = / table \d+/.exec(text)?.[0] ?? '';
  return `${family} ${object} ${destination}${device}${table}`;
}

function settingKey({ family, object, text }: Setting): string {
  return `${family} ${object} ${text}`;
}

// What is in a namespace goes and comes with it: the key of such a thing differs before and after.
function processKey(process: ProcessPlan, renewed: ReadonlySet<string>, side: Side): string {
  const { id, namespace, cgroup, pod, node } = process;
  return JSON.stringify([id, namespace, cgroup, pod, node, renewed.has(namespace) && side]);
}

function linkKey(link: LinkPlan, renewed: ReadonlySet<string>, side: Side): string {
  return JSON.stringify([link, (renewed.has(link.namespace) || renewed.has(link.peerNamespace)) && side]);
}

function servingKey({ servers, sctpPortsOfOthers }: ProcessPlan): string {
  return JSON.stringify([servers, sctpPortsOfOthers]);
}
