/** Sockets that come and go in every way, and what is left of them in the kernel. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TABLES } from '../../../../src/generated/policy.ts';
import { openTable } from '../../../../src/kernel/bpf-table.ts';
import { nativeAddon } from '../../../../src/kernel/native.ts';
import type { Address, Family } from '../../../../src/model/address.ts';
import type { Port, Protocol } from '../../../../src/model/names.ts';
import { type BackendRow, DEFAULT_WEIGHT, type ServiceRows } from '../../../../src/model/rows.ts';
import { frontend, SERVER_PORT, SERVERS, type SocketScene, serviceOf } from './scene.ts';

export interface Churn {
  /** Opens and closes so many sockets, one after the other. Rejects where one fares otherwise than it has to. */
  run(cycles: number): Promise<void>;
  /**
   * Entries of each map that is pinned, but for what goes with its socket; connections that count as open; and sockets of the
   * pod's namespace.
   */
  remains(): Promise<Readonly<Record<string, number>>>;
  end(): void;
}

/** Of a Service beside, whose connections last as long as their client wants. */
export const HOLDING_PORT = 85;
export const CHURN_ADDRESSES: Readonly<Record<Family, string>> = { IPv4: '10.96.0.99', IPv6: 'fd96::99' };
const ANSWERING_PORT = 9090;
const CLOSED_PORT = 9091;
/** Networks that end in the loopback interface, where nobody has their addresses. */
const SILENT: Readonly<Record<Family, string>> = { IPv4: '203.0.113.9', IPv6: '2001:db8:dead::9' };
const UNROUTED: Readonly<Record<Family, string>> = { IPv4: '198.51.100.9', IPv6: '2001:db8:beef::9' };

const run = promisify(execFile);

/** Brings the Services that `churn.c` dials, and no others, into the scene's tables. */
export async function prepareChurn(scene: SocketScene): Promise<Churn> {
  const { podNamespace, cgroup, directory } = scene;
  const folder = mkdtempSync(join(tmpdir(), 'weir-churn-'));
  const binary = join(folder, 'churn');
  execFileSync('cc', ['-O1', '-o', binary, join(import.meta.dirname, 'churn.c')]);
  const inside = (...command: readonly string[]) => ['nsenter', `--net=${podNamespace}`, ...command];
  const script = [
    // Ports of connections that ended would run out.
    'echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets',
    `ip route add ${SILENT.IPv4} dev lo`,
    `ip route add ${SILENT.IPv6} dev lo`,
  ].join(' && ');
  await run('nsenter', inside('sh', '-c', script).slice(1));
  const [command = '', ...rest] = inside(binary, 'serve', ...answering(), String(ANSWERING_PORT));
  const server = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout, 'data');
  await scene.sync(...churnServices());
  return {
    async run(cycles) {
      const enter = `echo $$ > ${cgroup}/pod/cgroup.procs && exec "$@"`;
      const cycling = inside(binary, 'run', String(cycles), CHURN_ADDRESSES.IPv4, CHURN_ADDRESSES.IPv6);
      await run('sh', ['-c', enter, 'sh', ...cycling]).catch((error: { stdout?: string }) => {
        throw new Error(`sockets: ${error.stdout}`, { cause: error });
      });
    },
    remains: async () => ({
      ...(await entries(`${directory}/maps`)),
      open: await openConnections(`${directory}/maps`),
      sockets: await sockets(inside),
    }),
    end() {
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    },
  };
}

function answering(): readonly string[] {
  return [SERVERS[0], SERVERS[3]];
}

/** What `churn.c` dials. */
export function churnServices(): readonly ServiceRows[] {
  return (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const [own = ''] = answering().filter((address) => address.includes(':') === (family === 'IPv6'));
    const of = (port: number, address: string | null, target: number, protocol: Protocol = 'TCP') =>
      service(family, protocol, port, address === null ? [] : [backend(address, target)]);
    return [
      of(80, own, ANSWERING_PORT),
      of(80, own, ANSWERING_PORT, 'UDP'),
      of(81, null, 0),
      of(81, null, 0, 'UDP'),
      of(82, own, CLOSED_PORT),
      of(83, UNROUTED[family], ANSWERING_PORT),
      of(84, SILENT[family], ANSWERING_PORT),
      of(84, SILENT[family], ANSWERING_PORT, 'UDP'),
      of(HOLDING_PORT, own, SERVER_PORT),
    ];
  });
}

function service(
  family: Family,
  protocol: Protocol,
  port: number,
  backends: readonly BackendRow[],
): ServiceRows {
  const inside = backends.length === 0 ? 'reject' : 'cluster';
  return {
    ...serviceOf(`churn-${port}`, [frontend({ address: CHURN_ADDRESSES[family], port, inside })], [], {
      protocol,
    }),
    id: `test/churn-${port}:/${protocol}/${family}` as ServiceRows['id'],
    family,
    cluster: backends,
    local: backends,
  };
}

function backend(address: string, port: number): BackendRow {
  return {
    address: address as Address,
    port: port as Port,
    weight: DEFAULT_WEIGHT,
    nodeLocal: true,
    nodeName: null,
    zone: null,
    pod: null,
  };
}

/** BPF_MAP_TYPE_*. */
const HASHES = [1, 9, 5, 10, 11];

async function entries(maps: string): Promise<Readonly<Record<string, number>>> {
  const native = nativeAddon();
  const counts: Record<string, number> = {};
  for (const name of readdirSync(maps)) {
    const map = await native.openPinned(`${maps}/${name}`);
    const { type } = await native.describeMap(map);
    if (HASHES.includes(type)) counts[name] = (await native.readMap(map)).count;
    native.closeDescriptor(map);
  }
  return counts;
}

async function openConnections(maps: string): Promise<number> {
  const map = await nativeAddon().openPinned(`${maps}/backend_states`);
  const states = await openTable(map, TABLES.backend_states).entries();
  nativeAddon().closeDescriptor(map);
  return states.reduce((total, [, { open }]) => total + open, 0);
}

async function sockets(inside: (...command: readonly string[]) => readonly string[]): Promise<number> {
  const [command = '', ...rest] = inside('cat', '/proc/net/sockstat');
  const { stdout } = await run(command, rest);
  return Number(/^sockets: used (\d+)/m.exec(stdout)?.[1]);
}
