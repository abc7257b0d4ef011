/** The frontends that one Service port asks for in one family, and what happens at each. */
import { type Family, familyOf } from '../../model/address.ts';
import type { ServiceObject, ServicePort } from '../../model/objects.ts';
import type { FrontendKind, FrontendRow, ServiceRows } from '../../model/rows.ts';
import type { Exposure } from './expose.ts';
import { addressKey, nodePortKey } from './frontend-keys.ts';
import type { ServiceAddress } from './service-addresses.ts';
import type { SlotLists } from './slot-lists.ts';
import type { SourceGuard } from './source-ranges.ts';
import { clusterIpTreatments, externalTreatments } from './treatments.ts';

/** A frontend that the Service gets unless an older one has it. */
export interface WantedFrontend {
  /** What is competed for: see frontend-keys. */
  readonly key: string;
  /** Where the Service asks for it. */
  readonly field: string;
  readonly row: FrontendRow;
}

/** What decides about a port's frontends. */
export interface FrontendParts {
  readonly service: ServiceObject;
  readonly port: ServicePort;
  /** Of the port in spec.ports. */
  readonly index: number;
  readonly family: Family;
  readonly lists: SlotLists;
  readonly exposure: Exposure;
  readonly addresses: readonly ServiceAddress[];
  readonly guard: SourceGuard;
  readonly sourceRanges: ServiceRows['sourceRanges'];
  readonly allowExternalClusterIp: boolean;
}

/** Frontends at the Service's addresses of this family, then its node port. */
export function wantedFrontends(parts: FrontendParts): readonly WantedFrontend[] {
  const { port, family, exposure, service } = parts;
  const wanted = parts.addresses
    .filter(({ address }) => familyOf(address) === family)
    .map((own): WantedFrontend => atAddress(parts, own));
  const { nodePort } = port;
  if (nodePort === null || !hasNodePorts(service) || !exposure.kinds.has('nodePort')) return wanted;
  const row: FrontendRow = {
    kind: 'nodePort',
    address: null,
    port: nodePort,
    ...externalTreatments(parts.lists, service.externalTrafficPolicy, 'nodePort'),
    checkSources: isGuarded(parts, 'nodePort'),
  };
  const key = nodePortKey(family, nodePort, port.protocol);
  return [...wanted, { key, field: `spec.ports[${parts.index}].nodePort`, row }];
}

function atAddress(parts: FrontendParts, { address, kind, field }: ServiceAddress): WantedFrontend {
  const { service, port, lists } = parts;
  const treatments =
    kind === 'clusterIP'
      ? clusterIpTreatments(lists, service.internalTrafficPolicy, parts.allowExternalClusterIp)
      : externalTreatments(lists, service.externalTrafficPolicy, kind);
  return {
    key: addressKey(address, port.port, port.protocol),
    field,
    row: { kind, address, port: port.port, ...treatments, checkSources: isGuarded(parts, kind) },
  };
}

function isGuarded({ guard, sourceRanges }: FrontendParts, kind: FrontendKind): boolean {
  return sourceRanges !== null && guard.kinds.has(kind);
}

function hasNodePorts({ type }: ServiceObject): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}
