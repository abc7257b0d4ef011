/** Metrics of network policy, read from the status of the scrape. Without policies they have no samples. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ServiceFigures } from '../dataplane/bpf/services/dataplane.ts';
import type { PolicyReference } from '../model/policy-rows.ts';
import type { PolicyStatus } from './policy-record.ts';

type Sample = readonly [Readonly<Record<string, string>>, number];

interface PolicyMetric {
  readonly kind: typeof Gauge | typeof Counter;
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (status: PolicyStatus) => readonly Sample[];
}

const METRICS: readonly PolicyMetric[] = [
  {
    kind: Counter,
    name: 'weir_policy_drops_total',
    help: 'Packets dropped on pods’ interfaces, by reason',
    labels: ['reason', 'direction'],
    samples: ({ kernel }) =>
      (kernel?.drops ?? []).flatMap(({ reason, ingress, egress }): Sample[] => [
        [{ reason, direction: 'ingress' }, ingress],
        [{ reason, direction: 'egress' }, egress],
      ]),
  },
  {
    kind: Counter,
    name: 'weir_policy_outcomes_total',
    help: 'Flows and events by what became of them',
    labels: ['outcome'],
    samples: ({ kernel }) => samplesOf('outcome', kernel?.tallies),
  },
  {
    kind: Counter,
    name: 'weir_policy_rule_hits_total',
    help: 'Flows that a policy’s rules decided, and packets they denied',
    labels: ['policy', 'direction', 'kind'],
    samples: ruleHits,
  },
  {
    kind: Gauge,
    name: 'weir_policy_rows',
    help: 'Policy rows in effect',
    labels: ['table'],
    samples: ({ rows }) => samplesOf('table', rows),
  },
  {
    kind: Gauge,
    name: 'weir_policy_flows',
    help: 'Open flows, as of the last sweep',
    labels: [],
    samples: ({ kernel }) => (typeof kernel?.flows === 'number' ? [[{}, kernel.flows]] : []),
  },
  {
    kind: Gauge,
    name: 'weir_policy_capacity',
    help: 'Entries that a table in the kernel can hold',
    labels: ['table'],
    samples: ({ kernel }) => samplesOf('table', kernel?.capacities),
  },
  {
    kind: Counter,
    name: 'weir_policy_repairs_total',
    help: 'Times another process’s change to what enforces policies was undone',
    labels: [],
    samples: ({ kernel }) => (kernel === null ? [] : [[{}, kernel.repairs]]),
  },
  {
    kind: Gauge,
    name: 'weir_policy_service_entries',
    help: 'Entries in the tables by which policy programs translate Service addresses',
    labels: ['table'],
    samples: ({ services }) => figureSamples(services?.tables, 'entries'),
  },
  {
    kind: Gauge,
    name: 'weir_policy_service_capacity',
    help: 'Entries that such a table can hold',
    labels: ['table'],
    samples: ({ services }) => figureSamples(services?.tables, 'capacity'),
  },
  {
    kind: Gauge,
    name: 'weir_policy_service_unprogrammed',
    help: 'Service ports, addresses and networks that found no room in these tables',
    labels: [],
    samples: ({ services }) => (services === null ? [] : [[{}, services.unprogrammed.length]]),
  },
  {
    kind: Counter,
    name: 'weir_policy_service_failures_total',
    help: 'Attempts to write these tables that failed',
    labels: [],
    samples: ({ services }) => (services === null ? [] : [[{}, services.failures]]),
  },
  {
    kind: Gauge,
    name: 'weir_policy_unenforced_pods',
    help: 'Local pods where nothing can be enforced, by reason',
    labels: ['reason'],
    samples: ({ unenforced }) =>
      [...Map.groupBy(unenforced, ({ reason }) => reason)].map(([reason, pods]) => [{ reason }, pods.length]),
  },
  {
    kind: Gauge,
    name: 'weir_policy_closed',
    help: 'Policies that are closed for the pods they select since they could not be compiled or programmed',
    labels: ['policy', 'reason'],
    samples: ({ closed }) => closed.map(({ policy, reason }) => [{ policy: textOf(policy), reason }, 1]),
  },
];

/** `status`: null where nothing enforces policies. */
export function addPolicyMetrics(registry: Registry, status: () => PolicyStatus | null): void {
  for (const { kind, name, help, labels, samples } of METRICS)
    new kind({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        const policies = status();
        for (const [values, value] of policies === null ? [] : samples(policies)) this.inc(values, value);
      },
    });
}

function samplesOf(label: string, counts: Readonly<Record<string, number>> = {}): readonly Sample[] {
  return Object.entries(counts).map(([name, count]) => [{ [label]: name }, count]);
}

function textOf({ kind, namespace, name }: PolicyReference): string {
  return [kind, namespace, name].filter(Boolean).join('/');
}

function figureSamples(
  tables: ServiceFigures | null | undefined,
  what: keyof ServiceFigures['services'],
): readonly Sample[] {
  return Object.entries(tables ?? {}).map(([table, figure]) => [{ table }, figure[what]]);
}

/** By policy, since there is no end to the rules of a cluster. */
function ruleHits({ rules }: PolicyStatus) {
  const hits = new Map<string, { readonly labels: Readonly<Record<string, string>>; count: number }>();
  for (const { rule, hits: count } of rules) {
    const policies = rule.kind === 'rule' ? [rule.policy] : rule.kind === 'default-deny' ? rule.policies : [];
    const policy = policies.map(textOf).join(' ');
    const labels = { policy, direction: rule.direction, kind: rule.kind };
    const key = JSON.stringify(labels);
    hits.set(key, { labels, count: (hits.get(key)?.count ?? 0) + count });
  }
  return [...hits.values()].map(({ labels, count }) => [labels, count] as const);
}
