/**
 * The cluster that every variant is loaded with: numbered Services with numbered endpoints on other nodes, and one
 * target Service whose only endpoint is the pod that really answers. All peers get the same addresses.
 */

export interface ClusterShape {
  /** Services in all, the target among them. */
  readonly services: number;
  /** Endpoints of each Service but the target. */
  readonly endpoints: number;
  /** Where the answering pod listens; null: the target Service looks like the others. */
  readonly target: { readonly address: string; readonly port: number } | null;
}

export const NODE = 'bench-node';
export const NODE_ADDRESS = '172.31.0.1';
export const POD_CIDR = '10.244.1.0/24';
export const CLUSTER_CIDR = '10.244.0.0/16';
export const SERVICE_CIDR = '10.96.0.0/16';
export const SERVICE_PORT = 80;
export const ENDPOINT_PORT = 8080;
/** Of the target pod's other server. */
export const LASTING_PORT = 8081;
/** The nodes that filler endpoints are on. */
export const REMOTE_NODES = Array.from({ length: 100 }, (_, index) => ({
  name: `remote-${index}`,
  address: numbered((172 << 24) | (31 << 16) | (1 << 8), index + 1),
}));

/** The target stands in the middle: what a ruleset that is walked from its start costs on average. */
export function targetIndex(shape: ClusterShape): number {
  return shape.services >> 1;
}

/** The cluster IP of the Service whose endpoint is at LASTING_PORT. */
export function lastingAddress(shape: ClusterShape): string {
  return serviceAddress(shape.services);
}

/** The cluster IP of Service `index`: 10.96.0.1 and on, one by one. */
export function serviceAddress(index: number): string {
  return numbered((10 << 24) | (96 << 16), index + 1);
}

/** One endpoint of a Service; filler endpoints count through 10.128.0.0/9. */
export function endpointOf(
  shape: ClusterShape,
  service: number,
  endpoint: number,
): { address: string; port: number } {
  if (shape.target !== null && service === targetIndex(shape)) return shape.target;
  return {
    address: numbered((10 << 24) | (128 << 16), service * shape.endpoints + endpoint + 1),
    port: ENDPOINT_PORT,
  };
}

/** All endpoints of Service `service`. */
export function endpointsOf(shape: ClusterShape, service: number): { address: string; port: number }[] {
  const count = shape.target !== null && service === targetIndex(shape) ? 1 : shape.endpoints;
  return Array.from({ length: count }, (_, endpoint) => endpointOf(shape, service, endpoint));
}

/** The node that a filler endpoint is on; never the one under test. */
export function remoteNode(endpoint: number): string {
  return `remote-${endpoint % REMOTE_NODES.length}`;
}

function numbered(base: number, offset: number): string {
  const value = base + offset;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}
