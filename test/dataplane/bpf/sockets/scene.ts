/** A node's and a pod's network namespace with servers, a cgroup, and the programs on its sockets over rows of the test's. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  createServiceDataplane,
  type ServiceDataplane,
} from '../../../../src/dataplane/bpf/services/dataplane.ts';
import { openServiceTables } from '../../../../src/dataplane/bpf/services/tables.ts';
import {
  openSocketServices,
  type SocketOptions,
  type SocketServices,
} from '../../../../src/dataplane/bpf/sockets/backend.ts';
import {
  createSocketBackend,
  type SocketBackend,
} from '../../../../src/dataplane/bpf/sockets/socket-backend.ts';
import { cgroupRoot } from '../../../../src/kernel/cgroup.ts';
import type { Address } from '../../../../src/model/address.ts';
import { familyOf } from '../../../../src/model/address.ts';
import type { ObjectName, Port } from '../../../../src/model/names.ts';
import {
  type BackendRow,
  DEFAULT_BALANCING,
  DEFAULT_WEIGHT,
  type FrontendRow,
  type Rows,
  type ServiceId,
  type ServiceRows,
} from '../../../../src/model/rows.ts';
import { type BpfFileSystem, mountBpfFileSystem } from '../../../bpf-file-system.ts';
import { compileDialler, type Dialler, startDialler } from './dialler.ts';

/** The node's own address, which serves node ports, per family. */
export const NODE = ['192.0.2.1', '2001:db8::1'] as const;
/** Of another node. */
export const OTHER_NODE = ['192.0.2.2', '2001:db8::2'] as const;
/** Who answers, at port 8080; the pod's namespace has all of them, and the node's too. */
export const SERVERS = ['10.9.0.1', '10.9.0.2', '10.9.0.3', 'fd09::1', 'fd09::2', 'fd09::3'] as const;
export const SERVER_PORT = 8080;

export interface SocketScene {
  readonly services: ServiceDataplane;
  readonly directory: string;
  readonly cgroup: string;
  /** Paths of the network namespaces. */
  readonly nodeNamespace: string;
  readonly podNamespace: string;
  /** In the pod's namespace and below the cgroup; on the node and below it; in the pod's namespace, outside the cgroup. */
  readonly pod: Dialler;
  readonly node: Dialler;
  readonly stranger: Dialler;
  /**
   * What becomes of SYNs to servers in the namespace of the pod, or the node's, by a verdict of nft; of no others. Left out:
   * all are answered.
   */
  obstruct(where: 'pod' | 'node', servers?: readonly string[], verdict?: string): void;
  /** One more like `pod`, to be killed. */
  start(): Dialler;
  /** Loads the programs as an agent does that starts. */
  open(options?: Partial<Pick<SocketOptions, 'nodeOnly' | 'kernelTypes'>>): Promise<SocketServices>;
  /** The same, followed by rows through tables of its own: all that an agent does of it. */
  startBackend(options?: Pick<SocketOptions, 'kernelTypes'>): {
    readonly backend: SocketBackend;
    readonly tables: ServiceDataplane;
  };
  /** Brings these Services, and no others, into the tables. */
  sync(...services: readonly ServiceRows[]): Promise<void>;
  remove(): Promise<void>;
}

/** Of the node. */
export const OWN_ADDRESSES = ['127.0.0.1', '::1', ...NODE] as unknown as readonly Address[];
const ADDRESSES = [...SERVERS, ...NODE];

export async function createSocketScene(): Promise<SocketScene> {
  const prefix = `weir-test-sockets-${process.pid}`;
  const cgroup = `${cgroupRoot()}/${prefix}`;
  const folder = mkdtempSync(join(tmpdir(), 'weir-sockets-'));
  const spaces = ['node', 'pod'].map((name) => `${prefix}-${name}`);
  for (const space of spaces) makeSpace(space);
  mkdirSync(`${cgroup}/pod`, { recursive: true });
  const files: BpfFileSystem = mountBpfFileSystem();
  const directory = `${files.path}/pins`;
  const networkNamespace = `/run/netns/${spaces[0]}`;
  const place = { directory, cgroup, nodeOnly: false, networkNamespace };
  const open: SocketScene['open'] = (options) => openSocketServices({ ...place, ...options });
  const first = await open();
  const services = createServiceDataplane(openServiceTables(first.maps));
  const binary = compileDialler(folder);
  const [node, pod] = spaces.map((space) => startDialler(binary, `/run/netns/${space}`, `${cgroup}/pod`));
  if (node === undefined || pod === undefined) throw new Error('two namespaces');
  const start = () => startDialler(binary, `/run/netns/${spaces[1]}`, `${cgroup}/pod`);
  const stranger = startDialler(binary, `/run/netns/${spaces[1]}`, null);
  for (const where of [node, pod]) for (const address of SERVERS) await where.serve(address, SERVER_PORT);
  return {
    services,
    directory,
    cgroup,
    nodeNamespace: networkNamespace,
    podNamespace: `/run/netns/${spaces[1]}`,
    pod,
    node,
    stranger,
    obstruct(where, servers = [], verdict = 'accept') {
      const rules = servers.map((server) => `ip daddr ${server} tcp flags syn ${verdict};`);
      const input = `table ip obstructing { chain input { type filter hook input priority 0; ${rules.join(' ')} }; }`;
      const reset = 'table ip obstructing;\ndelete table ip obstructing;\n';
      const space = `/run/netns/${spaces[where === 'node' ? 0 : 1]}`;
      execFileSync('nsenter', [`--net=${space}`, 'nft', '-f', '-'], { input: `${reset}${input}\n` });
    },
    start,
    open,
    startBackend(options) {
      const backend = createSocketBackend({ ...place, ...options });
      return { backend, tables: backend.over(null) };
    },
    async sync(...rows) {
      await services.sync(rowsOf(rows), OWN_ADDRESSES);
    },
    async remove() {
      await Promise.all([pod.end(), node.end(), stranger.end()]);
      first.close();
      files.remove();
      for (const space of spaces) execFileSync('ip', ['netns', 'del', space]);
      await removeCgroup(cgroup);
      rmSync(folder, { recursive: true });
    },
  };
}

/** With those below it, and whoever is still in them. Processes leave theirs a moment after they ended. */
async function removeCgroup(cgroup: string): Promise<void> {
  writeFileSync(`${cgroup}/cgroup.kill`, '1');
  for (const name of readdirSync(cgroup, { withFileTypes: true }))
    if (name.isDirectory()) await removeCgroup(`${cgroup}/${name.name}`);
  for (let tries = 1; ; tries++) {
    try {
      return rmdirSync(cgroup);
    } catch (error) {
      if (tries === 100) throw error;
      await setTimeout(50);
    }
  }
}

function makeSpace(space: string): void {
  execFileSync('ip', ['netns', 'add', space]);
  const ip = (...argv: readonly string[]) => execFileSync('ip', ['-n', space, ...argv]);
  ip('link', 'set', 'lo', 'up');
  for (const address of ADDRESSES)
    ip('address', 'add', `${address}/${address.includes(':') ? 128 : 32}`, 'dev', 'lo');
}

/** A frontend for connections from inside; a cluster IP that serves all backends, where nothing else is said. */
export function frontend(
  row: Partial<Omit<FrontendRow, 'address' | 'port'>> & { address: string | null; port: number },
): FrontendRow {
  return {
    kind: 'clusterIP',
    inside: 'cluster',
    outside: 'pass',
    elsewhere: 'pass',
    checkSources: false,
    ...row,
    address: row.address as Address | null,
    port: row.port as Port,
  };
}

/** A Service port whose servers are these of SERVERS, all of them in both lists. */
export function serviceOf(
  name: string,
  frontends: readonly FrontendRow[],
  servers: readonly string[],
  more: Partial<ServiceRows> = {},
): ServiceRows {
  const backends = servers.map(
    (address): BackendRow => ({
      address: address as Address,
      port: SERVER_PORT as Port,
      weight: DEFAULT_WEIGHT,
      nodeLocal: true,
      nodeName: null,
      zone: null,
      pod: null,
    }),
  );
  const family = familyOf((servers[0] ?? frontends[0]?.address ?? '0.0.0.0') as Address);
  const { protocol = 'TCP' } = more;
  return {
    id: `test/${name}:/${protocol}/${family}` as ServiceId,
    owner: `test/${name}` as ObjectName,
    displayName: `test/${name}`,
    protocol,
    family,
    frontends,
    cluster: backends,
    local: backends,
    excluded: [],
    affinitySeconds: null,
    balancing: DEFAULT_BALANCING,
    sourceRanges: null,
    ...more,
  };
}

/** All rows of a node that has these Services, and no others. */
export function rowsOf(services: readonly ServiceRows[]): Rows {
  const clusterIps = services.flatMap(({ owner, frontends }) =>
    frontends.flatMap(({ kind, address }) =>
      kind === 'clusterIP' && address !== null ? [{ address, owner, kind, pingable: false } as const] : [],
    ),
  );
  return {
    services: new Map(services.map((service) => [service.id, service])),
    addresses: new Map(clusterIps.map((row) => [row.address, row])),
    node: {
      node: 'n' as Rows['node']['node'],
      inside: [],
      nodePortAddresses: NODE.map((address) => `${address}/${address.includes(':') ? 128 : 32}`) as never,
      otherNodeAddresses: [...OTHER_NODE] as unknown as readonly Address[],
      serviceCidrs: ['10.96.0.0/16', 'fd96::/112'] as never,
      masqueradeSources: [],
      nonMasquerade: [],
      nodeAddresses: [],
      externalClusterIp: 'drop',
      masqueradeAll: false,
      nodePortRange: [30000, 32767] as never,
    },
  };
}
