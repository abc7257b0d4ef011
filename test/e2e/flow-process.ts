/**
 * Runs inside a pod's namespace and holds flows: `node flow-process.ts '{"address","port","tcp","udp","rate"}'` keeps so many
 * TCP connections and UDP sockets talking, and opens `rate` new connections a second besides. Prints `ready` once all
 * have been answered, `answered` when as many more answers as stdin asks for have come, and on SIGTERM one line of JSON with
 * what happened.
 */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';

interface Order {
  readonly address: string;
  readonly port: number;
  readonly tcp: number;
  readonly udp: number;
  /** New connections per second. */
  readonly rate: number;
  /** Local port of the first TCP flow; 0: any. */
  readonly sourcePort: number;
}

/** What the flows went through. `moved`: flows that another backend answered than the first time. */
export interface FlowReport {
  opened: number;
  failed: number;
  broken: number;
  moved: number;
  answers: number;
  /** Pods that answer the held flows now. */
  backends: string[];
}

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
const report: FlowReport = { opened: 0, failed: 0, broken: 0, moved: 0, answers: 0, backends: [] };
const answeredBy = new Map<number, string>();
let ending = false;
let isReady = false;
let awaited = 0;
const TALK_EVERY_MS = 50;

function note(flow: number, line: string): void {
  const { namespace, pod } = JSON.parse(line) as { namespace: string; pod: string };
  const name = `${namespace}/${pod}`;
  report.answers += 1;
  if ((answeredBy.get(flow) ?? name) !== name) report.moved += 1;
  answeredBy.set(flow, name);
  if (!isReady && answeredBy.size === order.tcp + order.udp) {
    isReady = true;
    process.stdout.write('ready\n');
  }
  if (report.answers === awaited) process.stdout.write('answered\n');
}

function holdTcp(flow: number): void {
  const socket: Socket = connect({
    port: order.port,
    host: order.address,
    ...(flow === 0 && order.sourcePort > 0 ? { localPort: order.sourcePort } : {}),
  });
  let pending = '';
  socket.on('data', (data) => {
    const lines = (pending + data.toString()).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) note(flow, line);
  });
  socket.on('close', () => {
    if (!ending) report.broken += 1;
  });
  socket.on('error', () => {});
  setInterval(() => socket.write('again\n'), TALK_EVERY_MS);
}

function holdUdp(flow: number): void {
  const socket = createSocket(order.address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (data) => note(flow, data.toString().split('\n')[0] ?? ''));
  socket.on('error', () => {
    report.broken += 1;
  });
  socket.bind(() => setInterval(() => socket.send('again', order.port, order.address), TALK_EVERY_MS));
}

function openOne(): void {
  const socket = connect(order.port, order.address);
  socket.setTimeout(3_000, () => socket.destroy(new Error('no answer')));
  socket.once('data', () => {
    report.opened += 1;
    socket.end();
  });
  socket.on('error', () => {
    if (!ending) report.failed += 1;
  });
}

for (let flow = 0; flow < order.tcp; flow++) holdTcp(flow);
for (let flow = 0; flow < order.udp; flow++) holdUdp(order.tcp + flow);
if (order.rate > 0) {
  const startedAt = performance.now();
  let begun = 0;
  setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * order.rate;
    for (; begun < due; begun++) openOne();
  }, 10);
}
process.stdin.on('data', (count) => {
  awaited = report.answers + Number(count);
});
process.on('SIGTERM', () => {
  ending = true;
  report.backends = [...new Set(answeredBy.values())].sort();
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
});
