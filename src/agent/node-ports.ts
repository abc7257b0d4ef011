/** Finds processes of this node that listen on a node port, which the Service then takes away from them (A22). */
import { compareText, type ObjectName } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import type { RowsChange, ServiceId, ServiceRows } from '../model/rows.ts';
import type { ListeningSocket } from './listening-sockets.ts';

interface NodePort {
  readonly owner: ObjectName;
  readonly protocol: string;
  readonly port: number;
}

export interface NodePortIndex {
  /** Follows a change; true when node ports came or went. */
  apply(change: RowsChange): boolean;
  /** A problem for each node port that a process listens on. */
  conflicts(sockets: readonly ListeningSocket[]): readonly Problem[];
}

/** Knows the node ports in use, kept up by the changes alone. */
export function createNodePortIndex(): NodePortIndex {
  const byService = new Map<ServiceId, readonly NodePort[]>();
  return {
    apply(change) {
      let changed = false;
      for (const [id, row] of change.services) {
        const ports = row === null ? [] : nodePortsOf(row);
        const before = byService.get(id) ?? [];
        changed ||= JSON.stringify(ports) !== JSON.stringify(before);
        if (ports.length === 0) byService.delete(id);
        else byService.set(id, ports);
      }
      return changed;
    },
    conflicts(sockets) {
      const listening = new Map(sockets.map((socket) => [`${socket.protocol}/${socket.port}`, socket]));
      const problems = new Map<string, Problem>();
      for (const nodePort of [...byService.values()].flat()) {
        const key = `${nodePort.protocol}/${nodePort.port}`;
        const socket = listening.get(key);
        if (socket !== undefined) problems.set(`${nodePort.owner} ${key}`, conflict(nodePort, socket));
      }
      return [...problems].sort(([a], [b]) => compareText(a, b)).map(([, problem]) => problem);
    },
  };
}

function nodePortsOf(row: ServiceRows): readonly NodePort[] {
  return row.frontends
    .filter((frontend) => frontend.kind === 'nodePort')
    .map((frontend) => ({ owner: row.owner, protocol: row.protocol, port: frontend.port }));
}

function conflict({ owner, protocol, port }: NodePort, socket: ListeningSocket): Problem {
  const [namespace = '', name = ''] = owner.split('/');
  return {
    severity: 'warning',
    object: { kind: 'Service', namespace, name },
    field: 'spec.ports[].nodePort',
    reason: 'NodePortInUse',
    message: `a process of this node (user ${socket.uid}) listens on node port ${port}/${protocol} too: the Service gets the connections, the process does not`,
    remedy: `stop the process (see \`ss -lnp\`) or give the Service another nodePort`,
    file: null,
  };
}
