/** What is given to Services, judged by a naive model: one that only knows what may be, not how it is found. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numberedAddress } from '../../src/cluster/address-range.ts';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { type Address, type Family, familyOf, type Prefix } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import type { Problem, ServiceObject, WeirObject } from '../../src/model/objects.ts';
import { anyCluster, SCARCE_POOLS } from './clusters.ts';

const OPTIONS = {
  ...DEFAULT_CLUSTER_OPTIONS,
  serviceCidrs: ['10.96.0.0/29', 'fd96::/126'] as readonly string[] as readonly Prefix[],
  nodePortRange: [30000 as Port, 30004 as Port] as const,
  loadBalancerPools: SCARCE_POOLS,
};

interface Outcome {
  readonly input: ReadonlyMap<string, ServiceObject>;
  readonly done: ReadonlyMap<string, ServiceObject>;
  readonly problems: readonly Problem[];
  /** Every address that a chosen cluster IP may be. */
  readonly clusterIps: readonly string[];
}

function outcomeOf(objects: readonly WeirObject[]): Outcome {
  const { objects: completed, problems } = completeObjects(objects, OPTIONS);
  const extra = objects.flatMap((object) =>
    object.kind === 'ServiceCIDR' && !object.deleting ? object.cidrs : [],
  );
  return {
    input: servicesIn(objects),
    done: servicesIn(completed),
    problems,
    clusterIps: [...OPTIONS.serviceCidrs, ...extra].flatMap((cidr) => {
      const size = 2 ** ((cidr.includes(':') ? 128 : 32) - Number(cidr.split('/')[1]));
      return Array.from({ length: size - 2 }, (_, index) => numberedAddress(cidr, index + 1));
    }),
  };
}

function servicesIn(objects: readonly WeirObject[]): ReadonlyMap<string, ServiceObject> {
  const services = objects.flatMap((object) => (object.kind === 'Service' ? [object] : []));
  return new Map(services.map((service) => [`${service.namespace}/${service.name}`, service]));
}

function everyOutcome(check: (outcome: Outcome) => void): void {
  fc.assert(
    fc.property(anyCluster, (objects) => check(outcomeOf(objects))),
    { numRuns: 400 },
  );
}

const explicitIps = ({ clusterIps }: ServiceObject): readonly string[] =>
  clusterIps === 'headless' ? [] : clusterIps;
const explicitPorts = ({ ports, healthCheckNodePort: health }: ServiceObject): readonly number[] => [
  ...new Set([...ports.map(({ nodePort }) => nodePort), health].filter((port) => port !== null)),
];
const repeats = (values: readonly unknown[]) =>
  values.filter((value, index) => values.indexOf(value) < index);
const found = ({ problems }: Outcome, reason: string) =>
  problems.filter((problem) => problem.reason === reason);
const ownerOf = ({ object }: Problem) => `${object.namespace}/${object.name}`;

/** The eldest of those who ask for the value, by time, then name. */
function eldest({ input }: Outcome, asks: (service: ServiceObject) => boolean): string | undefined {
  const age = ({ createdAtMs }: ServiceObject) => createdAtMs ?? Number.MAX_VALUE;
  const claimants = [...input].filter(([, service]) => asks(service));
  claimants.sort(([a, left], [b, right]) => age(left) - age(right) || (a < b ? -1 : 1));
  return claimants[0]?.[0];
}

describe('cluster IPs, by the model', () => {
  it('[A65] [A63] are one of each family, each one Service’s, and explicit ones are as given', () => {
    everyOutcome(({ input, done }) => {
      expect(repeats([...done.values()].flatMap(explicitIps))).toEqual([]);
      for (const [name, service] of done) {
        if (service.type === 'ExternalName' || service.clusterIps === 'headless') continue;
        expect(service.clusterIps.map(familyOf)).toEqual(service.ipFamilies);
        for (const ip of explicitIps(input.get(name) as ServiceObject))
          expect(service.clusterIps).toContain(ip);
      }
    });
  });

  it('[A65] that are chosen are in the networks, and nobody asked for them', () => {
    everyOutcome(({ input, done, clusterIps }) => {
      const claimed = [...input.values()].flatMap(explicitIps);
      for (const [name, service] of done) {
        const given = explicitIps(input.get(name) as ServiceObject);
        for (const ip of explicitIps(service)) {
          if (given.includes(ip)) continue;
          expect(clusterIps).toContain(ip);
          expect(claimed).not.toContain(ip);
        }
      }
    });
  });

  it('[A65] lack only where none is free, and are refused only for an elder’s claim', () => {
    everyOutcome((outcome) => {
      const { input, done, clusterIps } = outcome;
      const taken = new Set([...input.values(), ...done.values()].flatMap(explicitIps));
      for (const { message } of found(outcome, 'AddressesExhausted')) {
        const family = message.split(' ')[1] as Family;
        const free = clusterIps.filter((ip) => familyOf(ip as Address) === family && !taken.has(ip));
        if (message.includes('cluster IP')) expect(free).toEqual([]);
      }
      for (const problem of found(outcome, 'DuplicateClusterIP')) {
        const [ip = ''] = problem.message.split(' ');
        const winner = eldest(outcome, (service) => explicitIps(service).includes(ip));
        expect(problem.message).toContain(`Service ${winner} already`);
        expect(ownerOf(problem)).not.toBe(winner);
      }
    });
  });
});

describe('node ports, by the model', () => {
  it('[A22] [A27] are of one Service each, in the range, and where the type wants them', () => {
    everyOutcome(({ done }) => {
      expect(repeats([...done.values()].flatMap(explicitPorts))).toEqual([]);
      for (const { type, ports, externalTrafficPolicy, healthCheckNodePort } of done.values()) {
        const exposed = type === 'NodePort' || type === 'LoadBalancer';
        for (const { nodePort } of ports) {
          if (!exposed) expect(nodePort).toBeNull();
          else expect(nodePort).toSatisfy((port: number) => port >= 30000 && port <= 30004);
        }
        const checked = type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
        expect(healthCheckNodePort !== null).toBe(checked);
      }
    });
  });

  it('[A22] lack only where fewer are free than the Service wants, and are refused only for an elder’s claim', () => {
    everyOutcome((outcome) => {
      const { input, done } = outcome;
      const taken = new Set([...input.values(), ...done.values()].flatMap(explicitPorts));
      const free = [30000, 30001, 30002, 30003, 30004].filter((port) => !taken.has(port)).length;
      for (const problem of found(outcome, 'NodePortsExhausted')) {
        const service = input.get(ownerOf(problem)) as ServiceObject;
        const numbers = new Set(service.ports.map(({ port }) => port)).size;
        const health = service.type === 'LoadBalancer' && service.externalTrafficPolicy === 'Local' ? 1 : 0;
        expect(free).toBeLessThan(numbers + health);
      }
      for (const problem of found(outcome, 'DuplicateNodePort')) {
        const port = Number(problem.message.split(' ')[0]);
        const winner = eldest(outcome, (service) => explicitPorts(service).includes(port));
        expect(problem.message).toContain(`Service ${winner} already`);
      }
    });
  });
});

describe('load-balancer addresses, by the model', () => {
  const key = ({ annotations }: ServiceObject) => annotations['weir.dev/allow-shared-ip'];
  const at = ({ done }: Outcome, ip: string) =>
    [...done.values()].filter((service) => ingressOf(service).includes(ip));
  const ingressOf = ({ loadBalancerIngress }: ServiceObject) =>
    loadBalancerIngress.map(({ address }) => address as string);
  const mayShare = (a: ServiceObject, b: ServiceObject) =>
    key(a) !== undefined &&
    key(a) === key(b) &&
    a.externalTrafficPolicy === b.externalTrafficPolicy &&
    (a.externalTrafficPolicy === 'Cluster' ||
      (a.selector !== null && a.namespace === b.namespace && a.selector.app === b.selector?.app)) &&
    !a.ports.some((port) =>
      b.ports.some((other) => port.port === other.port && port.protocol === other.protocol),
    );
  const poolOf = (service: ServiceObject, family: Family) =>
    (service.loadBalancerClass === null
      ? ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2']
      : service.loadBalancerClass === 'example.com/internal'
        ? ['192.0.2.9']
        : []
    ).filter((ip) => familyOf(ip as Address) === family);

  it('[A29] [E24] are of a pool of the class, one of each family at most, and shared only by those who may', () => {
    everyOutcome((outcome) => {
      for (const [name, service] of outcome.done) {
        if ((outcome.input.get(name) as ServiceObject).loadBalancerIngress.length > 0) continue;
        const ips = ingressOf(service);
        if (service.type !== 'LoadBalancer') expect(ips).toEqual([]);
        expect(repeats(ips.map((ip) => familyOf(ip as Address)))).toEqual([]);
        for (const ip of ips) {
          expect(poolOf(service, familyOf(ip as Address))).toContain(ip);
          for (const other of at(outcome, ip))
            if (other !== service) expect(mayShare(service, other)).toBe(true);
        }
      }
    });
  });

  it('[A29] [E24] lack only where each is somebody’s who does not share', () => {
    everyOutcome((outcome) => {
      for (const problem of outcome.problems) {
        const service = outcome.done.get(ownerOf(problem));
        if (service === undefined) continue;
        const isFree = (ip: string) =>
          at(outcome, ip).every((other) => other === service || mayShare(service, other));
        const [first = '', second = ''] = problem.message.split(' ');
        if (problem.reason === 'LoadBalancerAddressesExhausted')
          expect(poolOf(service, second as Family).filter(isFree)).toEqual([]);
        if (problem.reason === 'LoadBalancerAddressTaken') expect(isFree(first)).toBe(false);
      }
      for (const [name, service] of outcome.done) {
        const had = service.loadBalancerIngress.map(({ address }) => familyOf(address));
        const mayLack = (family: Family) =>
          service.ipFamilyPolicy === 'PreferDualStack' &&
          family !== service.ipFamilies[0] &&
          poolOf(service, family).length === 0;
        const lacking = service.ipFamilies.filter(
          (family) => !had.includes(family) && !mayLack(family),
        ).length;
        const isOurs = service.type === 'LoadBalancer' && poolOf(service, 'IPv4').length > 0;
        const given = (outcome.input.get(name) as ServiceObject).loadBalancerIngress.length > 0;
        const told = outcome.problems.filter(
          (problem) => ownerOf(problem) === name && problem.reason.startsWith('LoadBalancerAddress'),
        );
        if (isOurs && !given && lacking > 0) expect(told.length).toBeGreaterThanOrEqual(lacking);
      }
    });
  });
});
