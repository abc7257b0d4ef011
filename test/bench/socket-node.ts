/** A node whose sockets are served, with a pod that dials and one that answers. */
import {
  type ClusterShape,
  ENDPOINT_PORT,
  LASTING_PORT,
  lastingAddress,
  SERVICE_PORT,
  serviceAddress,
  targetIndex,
} from './cluster-shape.ts';
import { CLIENT_ADDRESS, createTriple, removeNamespaces, SERVER_ADDRESS, type Triple } from './namespaces.ts';
import { type SocketProcess, startSocketProcess } from './socket-process.ts';
import type { ClientPlace, Traffic } from './traffic.ts';

export interface Destination {
  readonly address: string;
  readonly port: number;
}

export interface SocketNode extends Pick<SocketProcess, 'counting'> {
  readonly triple: Triple;
  /** In the pod that dials: below the cgroup that is served, and not. */
  readonly inside: ClientPlace;
  readonly outside: ClientPlace;
  /** A server of many connections: by its Service, and itself. */
  readonly service: Destination;
  readonly pod: Destination;
  /** The server of lasting connections, and of datagrams. */
  readonly lasting: { readonly service: Destination; readonly pod: Destination };
  /** Removes programs, cgroup and namespaces. */
  exit(): Promise<void>;
}

/** So many Services, each with two endpoints but for the one whose pod answers. */
export function targetShape(services: number): ClusterShape {
  return { services, endpoints: 2, target: { address: SERVER_ADDRESS, port: ENDPOINT_PORT } };
}

/** `traffic` keeps what answers in its pod. */
export async function prepareSocketNode(
  shape: ClusterShape,
  traffic: Pick<Traffic, 'serve'>,
): Promise<SocketNode> {
  const triple = createTriple();
  const sockets = await startSocketProcess(triple.node, {
    shape,
    localPods: [CLIENT_ADDRESS, SERVER_ADDRESS],
  });
  traffic.serve(triple.server, ENDPOINT_PORT);
  traffic.serve(triple.server, LASTING_PORT, 'exchange');
  const namespace = triple.client;
  return {
    triple,
    inside: { namespace, cgroup: sockets.cgroup },
    outside: { namespace },
    service: { address: serviceAddress(targetIndex(shape)), port: SERVICE_PORT },
    pod: { address: SERVER_ADDRESS, port: ENDPOINT_PORT },
    lasting: {
      service: { address: lastingAddress(shape), port: SERVICE_PORT },
      pod: { address: SERVER_ADDRESS, port: LASTING_PORT },
    },
    counting: sockets.counting,
    async exit() {
      await sockets.exit();
      removeNamespaces(Object.values(triple));
    },
  };
}
