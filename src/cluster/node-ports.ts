/** Node ports: one for each port of a NodePort or LoadBalancer Service, and the health check's. */
import type { ObjectName, Port } from '../model/names.ts';
import type { ServiceObject, ServicePort } from '../model/objects.ts';
import { bandedTurn, staticNodePorts } from './bands.ts';
import type { Candidates, ClaimBook } from './claims.ts';
import { hashName } from './hash.ts';
import type { ClusterOptions } from './options.ts';
import type { ProblemText } from './problems.ts';

const HEALTH_SLOT = 'health';

/** The Service's explicit node ports. A number is the Service's alone, for all protocols, as in the API server. */
export function claimedNodePorts(service: ServiceObject): readonly string[] {
  const ports = service.ports.flatMap(({ nodePort }) => nodePort ?? []);
  const health = service.healthCheckNodePort === null ? [] : [service.healthCheckNodePort];
  return [...new Set([...ports, ...health])].map(String);
}

/** The same, by the slot that holds one that is chosen. */
export function explicitNodePorts(service: ServiceObject): readonly (readonly [string, string])[] {
  const ports = service.ports.flatMap((port) =>
    port.nodePort === null ? [] : [[portSlot(port), String(port.nodePort)] as const],
  );
  const { healthCheckNodePort: health } = service;
  return health === null ? ports : [...ports, [HEALTH_SLOT, String(health)]];
}

/** The Service with its node ports; null, with a problem, where one it asks for can't be had. */
export function completeNodePorts(
  owner: ObjectName,
  service: ServiceObject,
  book: ClaimBook,
  options: ClusterOptions,
  problems: ProblemText[],
): ServiceObject | null {
  if (!explicitPortsCount(owner, service, book, options, problems)) return null;
  const wanted = wantedSlots(service, (slot) => book.assigned(owner, slot) !== undefined);
  book.retain(owner, new Set(wanted));
  const given = new Map<string, Port>();
  for (const slot of wanted) {
    const port = book.assign(owner, slot, portCandidates(`${owner}:${slot}`, options));
    if (port === undefined) {
      problems.push(exhausted(options));
      return null;
    }
    given.set(slot, Number(port) as Port);
  }
  return {
    ...service,
    ports: service.ports.map((port) => ({
      ...port,
      nodePort: port.nodePort ?? siblingNodePort(service, port) ?? given.get(portSlot(port)) ?? null,
    })),
    healthCheckNodePort: service.healthCheckNodePort ?? given.get(HEALTH_SLOT) ?? null,
  };
}

/** A load balancer that begins to do without keeps the node ports it has, as in the API server: they may be in use. */
function wantedSlots(service: ServiceObject, has: (slot: string) => boolean): readonly string[] {
  const balanced = service.type === 'LoadBalancer';
  const allocates = service.type === 'NodePort' || (balanced && service.allocateLoadBalancerNodePorts);
  const open = service.ports.filter(
    (port) =>
      port.nodePort === null &&
      siblingNodePort(service, port) === undefined &&
      (allocates || (balanced && has(portSlot(port)))),
  );
  const health =
    balanced && service.externalTrafficPolicy === 'Local' && service.healthCheckNodePort === null;
  // The same port on TCP and UDP shares one slot, and so one node port.
  return [...new Set([...open.map(portSlot), ...(health ? [HEALTH_SLOT] : [])])];
}

function portSlot(port: ServicePort): string {
  return `port ${port.port}`;
}

/** The explicit node port of the same port number under another protocol. */
function siblingNodePort(service: ServiceObject, { port, protocol }: ServicePort): Port | undefined {
  if (service.type === 'LoadBalancer' && !service.allocateLoadBalancerNodePorts) return undefined;
  const sibling = service.ports.find(
    (other) => other.port === port && other.protocol !== protocol && other.nodePort !== null,
  );
  return sibling?.nodePort ?? undefined;
}

function explicitPortsCount(
  owner: ObjectName,
  service: ServiceObject,
  book: ClaimBook,
  options: ClusterOptions,
  problems: ProblemText[],
): boolean {
  const explicit: (readonly [string, Port | null])[] = [
    ...service.ports.map(({ nodePort }, index) => [`spec.ports[${index}].nodePort`, nodePort] as const),
    ['spec.healthCheckNodePort', service.healthCheckNodePort],
  ];
  const [first, last] = options.nodePortRange;
  for (const [field, port] of explicit) {
    if (port === null) continue;
    const winner = book.winner(String(port));
    if (port < first || port > last) problems.push(outsideRange(field, port, options));
    else if (winner !== owner) problems.push(duplicateNodePort(field, port, winner));
  }
  return !problems.some(({ severity }) => severity === 'error');
}

function portCandidates(seed: string, { nodePortRange: [first, last] }: ClusterOptions): Candidates {
  const count = last - first + 1;
  return {
    has: (value) => Number(value) >= first && Number(value) <= last,
    *values() {
      const start = hashName(seed) % count;
      for (const number of bandedTurn(count, start, staticNodePorts(count))) yield String(first + number);
    },
  };
}

function outsideRange(
  field: string,
  port: Port,
  { nodePortRange: [first, last] }: ClusterOptions,
): ProblemText {
  return {
    severity: 'error',
    field,
    reason: 'NodePortOutsideRange',
    message: `${port} is outside the node port range ${first}-${last}`,
    remedy: `use a port of that range, leave it out to be given one, or run with another --service-node-port-range`,
  };
}

function duplicateNodePort(field: string, port: Port, winner: ObjectName | undefined): ProblemText {
  return {
    severity: 'error',
    field,
    reason: 'DuplicateNodePort',
    message: `${port} is a node port of Service ${winner} already`,
    remedy: 'choose another port, or leave it out to be given one',
  };
}

function exhausted({ nodePortRange: [first, last] }: ClusterOptions): ProblemText {
  return {
    severity: 'error',
    field: 'spec.ports',
    reason: 'NodePortsExhausted',
    message: `every node port from ${first} to ${last} is taken`,
    remedy: 'remove unused node ports or use a wider --service-node-port-range',
  };
}
