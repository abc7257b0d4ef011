/**
 * Drafts side by side: who gets a frontend or names an address that several Services want. The older Service has it;
 * when it goes, the next one does.
 */
import { type Address, familyOf } from '../../model/address.ts';
import { compareText, type ObjectName } from '../../model/names.ts';
import type { Problem } from '../../model/objects.ts';
import type { ServiceAddressRow, ServiceRows } from '../../model/rows.ts';
import { type Aged, compareAge } from './age.ts';
import type { PortDraft, ServiceDraft } from './draft.ts';
import type { WantedFrontend } from './frontends.ts';
import type { HealthCheck } from './health-checks.ts';
import { createOwnerIndex } from './owner-index.ts';
import { problemOf } from './problems.ts';

/** The drafts of all Services, and the decisions between them. */
export interface ServiceClaims {
  /**
   * Puts a draft in place of the Service's last one (null: it has none now). Returns the addresses that may have another
   * row now, and adds to `affected` every Service whose frontends may have changed.
   */
  replace(name: ObjectName, draft: ServiceDraft | null, affected: Set<ObjectName>): Iterable<Address>;
  /** The Service's draft; null: it has none. */
  draft(name: ObjectName): ServiceDraft | null;
  /** The Services that want this frontend. */
  claimants(key: string): readonly ObjectName[];
  /** Services one of whose endpoints has the address. */
  withEndpoint(address: string): readonly ObjectName[];
  /** Services that ask for the address as load-balancer or external IP. */
  withExternal(address: string): readonly ObjectName[];
  /** The Service's rows and problems. `shadows`: node ports that host ports have, with the pod. */
  settle(
    name: ObjectName,
    shadows: ReadonlyMap<string, ObjectName>,
  ): { readonly rows: readonly ServiceRows[]; readonly problems: readonly Problem[] };
  addressRow(address: Address): ServiceAddressRow | null;
  healthChecks(): readonly HealthCheck[];
}

/** No Service yet. */
export function createServiceClaims(): ServiceClaims {
  const drafts = new Map<ObjectName, ServiceDraft>();
  const checks = new Map<ObjectName, HealthCheck>();
  const frontends = createOwnerIndex();
  const addresses = createOwnerIndex();
  const endpoints = createOwnerIndex();
  const externals = createOwnerIndex();

  function oldest(owners: readonly ObjectName[]): ServiceDraft | undefined {
    const [only] = owners;
    if (only === undefined || owners.length === 1) return only && drafts.get(only);
    return owners
      .flatMap((owner) => drafts.get(owner) ?? [])
      .sort((a, b) => compareAge(agedOf(a), agedOf(b)))[0];
  }

  return {
    replace(name, draft, affected) {
      const before = drafts.get(name) ?? null;
      if (draft === null) drafts.delete(name);
      else drafts.set(name, draft);
      if (draft?.healthCheck) checks.set(name, draft.healthCheck);
      else checks.delete(name);
      endpoints.replace(name, before?.endpointAddresses ?? [], draft?.endpointAddresses ?? []);
      externals.replace(name, before?.externalAddresses ?? [], draft?.externalAddresses ?? []);
      const [oldKeys, newKeys] = [keysOf(before), keysOf(draft)];
      const moved = frontends.replace(name, oldKeys, newKeys);
      const sameAge = before?.service.createdAtMs === draft?.service.createdAtMs;
      for (const key of sameAge ? moved : [...oldKeys, ...newKeys])
        for (const rival of frontends.owners(key)) affected.add(rival);
      affected.add(name);
      const [oldAddresses, newAddresses] = [addressesOf(before), addressesOf(draft)];
      addresses.replace(name, oldAddresses, newAddresses);
      return new Set([...oldAddresses, ...newAddresses]);
    },
    draft: (name) => drafts.get(name) ?? null,
    claimants: (key) => frontends.owners(key),
    withEndpoint: (address) => endpoints.owners(address),
    withExternal: (address) => externals.owners(address),
    settle(name, shadows) {
      const draft = drafts.get(name);
      if (draft === undefined) return { rows: [], problems: [] };
      return settleDraft(draft, shadows, (wanted) => oldest(frontends.owners(wanted.key)));
    },
    addressRow(address) {
      const owners = addresses.owners(address);
      const owner = oldest(owners);
      const kind = owner?.addresses.find((own) => own.address === address)?.kind;
      if (owner === undefined || kind === undefined) return null;
      const family = familyOf(address);
      const pingable = owners.some((name) => drafts.get(name)?.answering.has(family));
      return { address, owner: owner.name, kind, pingable };
    },
    healthChecks: () => [...checks.values()].sort((a, b) => compareText(a.service, b.service)),
  };
}

function settleDraft(
  draft: ServiceDraft,
  shadows: ReadonlyMap<string, ObjectName>,
  winnerOf: (wanted: WantedFrontend) => ServiceDraft | undefined,
): { readonly rows: readonly ServiceRows[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [...draft.problems];
  const keep = (wanted: WantedFrontend): boolean => {
    const winner = winnerOf(wanted);
    const pod = wanted.row.kind === 'nodePort' ? shadows.get(wanted.key) : undefined;
    if (winner !== undefined && winner.name !== draft.name) problems.push(lost(draft, wanted, winner.name));
    else if (pod !== undefined) problems.push(shadowed(draft, wanted, pod));
    else return true;
    return false;
  };
  return { rows: draft.ports.flatMap((port) => withFrontends(port, keep)), problems };
}

const agedOf = ({ name, service }: ServiceDraft): Aged => ({ name, createdAtMs: service.createdAtMs });

function keysOf(draft: ServiceDraft | null): readonly string[] {
  return draft === null ? [] : draft.ports.flatMap(({ wanted }) => wanted.map(({ key }) => key));
}

function addressesOf(draft: ServiceDraft | null): readonly Address[] {
  return draft === null ? [] : draft.addresses.map(({ address }) => address);
}

// A port that nothing leads to has no rows: nobody could ever meet them.
function withFrontends(
  { rows, wanted }: PortDraft,
  keep: (wanted: WantedFrontend) => boolean,
): readonly ServiceRows[] {
  const frontends = wanted.filter(keep).map(({ row }) => row);
  if (frontends.length === 0) return [];
  const guarded = frontends.some(({ checkSources }) => checkSources);
  return [{ ...rows, frontends, sourceRanges: guarded ? rows.sourceRanges : null }];
}

function lost({ service }: ServiceDraft, { row, field }: WantedFrontend, winner: ObjectName): Problem {
  return problemOf(service, {
    severity: 'error',
    field,
    reason: 'DuplicateFrontend',
    message: `${frontendText(row)} already belongs to Service ${winner}, which is older; it does not lead to this one`,
    remedy: 'use another port or address, or delete one of the two Services',
  });
}

function shadowed({ service }: ServiceDraft, { row, field }: WantedFrontend, pod: ObjectName): Problem {
  return problemOf(service, {
    severity: 'warning',
    field,
    reason: 'HostPortShadowsNodePort',
    message: `on this node, ${frontendText(row)} is a host port of Pod ${pod} and leads there, not to this Service`,
    remedy: 'use another nodePort, or another hostPort in the pod',
  });
}

function frontendText({ kind, address, port }: WantedFrontend['row']): string {
  return kind === 'nodePort' ? `node port ${port}` : `port ${port} of ${address}`;
}
