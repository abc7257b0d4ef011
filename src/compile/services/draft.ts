/**
 * One Service compiled by itself: what it would have if no other Service wanted the same frontends. Claims decide
 * about those afterwards, so that a change of endpoints never looks at another Service.
 */
import { type Address, type Family, familyOf } from '../../model/address.ts';
import type { CompileOptions } from '../../model/compile-options.ts';
import { type ObjectName, objectName } from '../../model/names.ts';
import type {
  EndpointSliceObject,
  Labels,
  Problem,
  ServiceObject,
  ServicePort,
} from '../../model/objects.ts';
import type { Balancing, ServiceId, ServiceRows } from '../../model/rows.ts';
import { type AddressBook, loadBalancerIpsOf } from './address-book.ts';
import { balancingOf } from './balancing.ts';
import { mergeEndpoints } from './endpoints.ts';
import { type Exposure, exposureOf } from './expose.ts';
import { type WantedFrontend, wantedFrontends } from './frontends.ts';
import { type HealthCheck, healthCheckOf } from './health-checks.ts';
import { type Finding, problemOf } from './problems.ts';
import { type ServiceAddress, serviceAddressesOf } from './service-addresses.ts';
import { refusedAddresses, sliceProblems } from './slice-findings.ts';
import { slotListsOf, type Viewpoint } from './slot-lists.ts';
import { type SourceGuard, sourceGuardOf, sourceRangesOf } from './source-ranges.ts';
import { type EndpointWeights, endpointWeights, type WeightedPods } from './weights.ts';

/** A Service port in one family. */
export interface PortDraft {
  /** Complete but for its frontends. */
  readonly rows: ServiceRows;
  readonly wanted: readonly WantedFrontend[];
}

/** A whole Service before claims are settled. */
export interface ServiceDraft {
  readonly name: ObjectName;
  readonly service: ServiceObject;
  readonly ports: readonly PortDraft[];
  readonly addresses: readonly ServiceAddress[];
  /** Families in which some port has candidates. */
  readonly answering: ReadonlySet<Family>;
  readonly problems: readonly Problem[];
  readonly healthCheck: HealthCheck | null;
  /** Addresses of its endpoints: a Service that takes one of them as its cluster IP changes this draft. */
  readonly endpointAddresses: readonly Address[];
  /** Load-balancer and external IPs that it asks for: whoever else gets or loses one of them changes this draft. */
  readonly externalAddresses: readonly Address[];
}

/** What a draft depends on beside the Service and its slices. */
export interface DraftContext {
  readonly options: CompileOptions;
  readonly here: Viewpoint;
  readonly nodeLabels: Labels;
  readonly book: AddressBook;
  readonly weightedPods: WeightedPods;
}

/** Compiles a Service that is served (see `isServed`). */
export function draftService(
  service: ServiceObject,
  slices: readonly EndpointSliceObject[],
  context: DraftContext,
): ServiceDraft {
  const { options, book, here } = context;
  const exposure = exposureOf(service, context.nodeLabels);
  const guard = sourceGuardOf(service, options.sourceRangesAllTypes);
  const addresses = serviceAddressesOf(service, exposure, book, options.externalIpCidrs);
  const balance = balancingOf(service, options);
  const known = {
    refused: refusedAddresses(slices, book.clusterIps),
    weights: endpointWeights(slices, context.weightedPods),
  };
  const { balancing } = balance;
  const parts = {
    service,
    slices,
    context,
    exposure,
    guard,
    addresses: addresses.accepted,
    balancing,
    ...known,
  };
  const { ports, findings } = draftPorts(parts);
  const allFindings = [exposure, guard, balance, addresses].flatMap((part) => part.findings).concat(findings);
  return {
    name: objectName(service.namespace, service.name),
    service,
    ports,
    addresses: addresses.accepted,
    answering: new Set(ports.filter(({ rows }) => rows.cluster.length > 0).map(({ rows }) => rows.family)),
    problems: [
      ...allFindings.map((finding) => problemOf(service, finding)),
      ...sliceProblems(service, slices, known.refused),
      ...known.weights.problems,
    ],
    healthCheck: healthCheckOf(
      service,
      slices,
      here.node,
      exposure.kinds.has('loadBalancerIP'),
      known.weights,
    ),
    endpointAddresses: slices.flatMap((slice) =>
      slice.endpoints.flatMap(({ addresses: [first] }) => first ?? []),
    ),
    externalAddresses: [...loadBalancerIpsOf(service), ...service.externalIps],
  };
}

interface Parts {
  readonly service: ServiceObject;
  readonly slices: readonly EndpointSliceObject[];
  readonly context: DraftContext;
  readonly exposure: Exposure;
  readonly guard: SourceGuard;
  readonly addresses: readonly ServiceAddress[];
  readonly balancing: Balancing;
  readonly refused: ReadonlyMap<Address, string>;
  readonly weights: EndpointWeights;
}

function draftPorts(parts: Parts): {
  readonly ports: readonly PortDraft[];
  readonly findings: readonly Finding[];
} {
  const { clusterIps } = parts.service;
  const families = clusterIps === 'headless' ? [] : [...new Set(clusterIps.map(familyOf))];
  const drafts = new Map<ServiceId, PortDraft>();
  const findings: Finding[] = [];
  // Within one Service the first port that asks for a frontend has it.
  const taken = new Map<string, number>();
  for (const [index, port] of parts.service.ports.entries()) {
    for (const family of families) {
      const draft = draftPort(parts, port, index, family, families);
      if (drafts.has(draft.rows.id)) {
        findings.push(repeatedPort(port, index));
        continue;
      }
      const wanted = draft.wanted.filter(({ key, field }) => {
        const first = taken.get(key);
        if (first === undefined) taken.set(key, index);
        else if (first !== index) findings.push(repeatedFrontend(field, key, first));
        return first === undefined;
      });
      drafts.set(draft.rows.id, { rows: draft.rows, wanted });
    }
  }
  return { ports: [...drafts.values()], findings };
}

function draftPort(
  parts: Parts,
  port: ServicePort,
  index: number,
  family: Family,
  families: readonly Family[],
): PortDraft {
  const { service, slices, context, guard, refused, weights } = parts;
  const usesLocal = service.internalTrafficPolicy === 'Local' || service.externalTrafficPolicy === 'Local';
  const merged = mergeEndpoints(port, family, slices, refused, families, weights);
  const lists = slotListsOf(merged, context.here, usesLocal);
  const owner = objectName(service.namespace, service.name);
  const sourceRanges = sourceRangesOf(service, guard, family);
  return {
    rows: {
      id: `${owner}:${port.name}/${port.protocol}/${family}` as ServiceId,
      owner,
      displayName: port.name === '' ? owner : `${owner}:${port.name}`,
      protocol: port.protocol,
      family,
      frontends: [],
      cluster: lists.cluster,
      local: lists.local,
      excluded: lists.excluded,
      affinitySeconds: service.affinitySeconds,
      balancing: parts.balancing,
      sourceRanges,
    },
    wanted: wantedFrontends({
      service,
      port,
      index,
      family,
      lists,
      exposure: parts.exposure,
      addresses: parts.addresses,
      guard,
      sourceRanges,
      allowExternalClusterIp: context.options.allowExternalClusterIp,
    }),
  };
}

function repeatedPort(port: ServicePort, index: number): Finding {
  return {
    severity: 'error',
    field: `spec.ports[${index}]`,
    reason: 'DuplicatePort',
    message: `the Service has another ${port.protocol} port named "${port.name}"; this one is skipped`,
    remedy: 'give each port of the Service a name of its own',
  };
}

function repeatedFrontend(field: string, key: string, first: number): Finding {
  return {
    severity: 'error',
    field,
    reason: 'DuplicateFrontend',
    message: `${key} already belongs to spec.ports[${first}] of this Service`,
    remedy: 'give each port of the Service a number of its own',
  };
}
