import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProcessPlan } from '../../src/lab/plan.ts';
import { podProgram, probeFrom, serve, startPodProcess } from '../../src/lab/pod-process.ts';
import { endProcesses, isRunning } from '../../src/lab/processes.ts';
import type { Port } from '../../src/model/names.ts';

const NAMESPACE = `weirpod-${process.pid}`;
const directory = mkdtempSync(join(tmpdir(), 'weir-pod-test-'));
const plan: ProcessPlan = {
  id: 'test/pod',
  namespace: NAMESPACE,
  cgroup: null,
  socket: `${directory}/pod.sock`,
  pod: 'pod',
  podNamespace: 'test',
  node: 'here',
  servers: [{ protocol: 'TCP', port: 80 as Port }],
  owner: true,
  sctpPortsOfOthers: [],
};
let pid = 0;

/** Sends text and resolves with what came back when the connection was closed, or a line was answered. */
function say(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(plan.socket);
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (data) => {
      answer += data;
      if (answer.endsWith('\n')) socket.end();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    socket.write(text);
  });
}

function inNamespace(...argv: readonly string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${NAMESPACE}`, ...argv], { encoding: 'utf8' });
}

beforeAll(() => {
  execFileSync('ip', ['netns', 'add', NAMESPACE]);
  execFileSync('ip', ['-n', NAMESPACE, 'link', 'set', 'lo', 'up']);
});

afterAll(async () => {
  await endProcesses([pid]);
  execFileSync('ip', ['netns', 'del', NAMESPACE]);
  rmSync(directory, { recursive: true, force: true });
});

describe('the process of a pod', () => {
  beforeEach(async () => {
    if (pid === 0 || !isRunning(pid)) pid = await startPodProcess(plan, ['net.ipv4.icmp_ratelimit=400']);
  });

  it('sets the sysctls of its own namespace only', () => {
    const read = ['cat', '/proc/sys/net/ipv4/icmp_ratelimit'] as const;
    expect(inNamespace(...read).trim()).toBe('400');
    expect(execFileSync(read[0], [read[1]], { encoding: 'utf8' }).trim()).not.toBe('400');
  });

  it('serves what it is told, and something else when it is told so', async () => {
    const [probe80, probe81] = [80, 81].map(
      (port) =>
        ({ protocol: 'TCP', address: '127.0.0.1', port, source: null, sourcePort: 0, mark: 0 }) as const,
    );
    const probes = [probe80, probe81].filter((probe) => probe !== undefined);
    const verdicts = async () =>
      (await probeFrom(plan.socket, probes)).map((answer) => 'verdict' in answer && answer.verdict);
    expect(await serve(plan)).toEqual([]);
    expect(await verdicts()).toEqual(['allowed', 'refused']);
    expect(await serve({ ...plan, servers: [{ protocol: 'TCP', port: 81 as Port }] })).toEqual([]);
    expect(await verdicts()).toEqual(['refused', 'allowed']);
  });

  it('stays through SIGHUP', async () => {
    process.kill(pid, 'SIGHUP');
    expect(await serve(plan)).toEqual([]);
  });

  it.each(['nonsense\n', 'serve too few\n', 'probe many\n', '\n'])(
    'answers %j with an error and goes on',
    async (line) => {
      expect(JSON.parse(await say(line))).toEqual({ error: expect.stringContaining('cannot understand') });
      expect(await serve(plan)).toEqual([]);
    },
  );

  it('answers a bad probe among good ones in its place', async () => {
    const good = '0 TCP 127.0.0.1 80 - 0 0';
    const lines = [good, '1 TCP nowhere 80 - 0 0', '2 TCP 127.0.0.1 80 ::1 0 0', good.replace('0', '3')];
    await serve(plan);
    const answers = await new Promise<string>((resolve) => {
      const socket = connect(plan.socket);
      let text = '';
      socket.on('data', (data) => {
        text += data.toString();
        if (text.includes('"done"')) socket.destroy();
      });
      socket.on('close', () => resolve(text));
      socket.write(`probe 4\n${lines.join('\n')}\n`);
    });
    const parsed = answers
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const fieldOf = (id: string, field: string) => parsed.find((line) => line.id === id)?.[field];
    expect(['0', '3'].map((id) => fieldOf(id, 'verdict'))).toEqual(['allowed', 'allowed']);
    expect(['1', '2'].map((id) => fieldOf(id, 'error'))).toEqual(
      Array(2).fill(expect.stringContaining('cannot understand')),
    );
    expect(parsed.at(-1)).toEqual({ done: 4 });
  });

  it('survives a lab command that goes away in the middle of its probes', async () => {
    const socket = connect(plan.socket);
    socket.write(
      `probe 200\n${Array.from({ length: 200 }, (_, id) => `${id} UDP 127.0.0.9 9 - 0 0\n`).join('')}`,
    );
    await sleep(20);
    socket.destroy();
    expect(await serve(plan)).toEqual([]);
  });

  it('waits as long for answers when it stood still in between', { retry: 3 }, async () => {
    await serve({ ...plan, servers: [{ protocol: 'UDP', port: 80 as Port }] });
    // What is sent before comes to nothing, and is sent again.
    inNamespace(
      'nft',
      'add table inet mute; add chain inet mute in { type filter hook input priority 0; policy drop; }',
    );
    const probe = {
      protocol: 'UDP',
      address: '127.0.0.1',
      port: 80,
      source: null,
      sourcePort: 0,
      mark: 0,
    } as const;
    const answers = probeFrom(plan.socket, [probe]);
    await sleep(20);
    process.kill(pid, 'SIGSTOP');
    await sleep(700);
    inNamespace('nft', 'delete table inet mute');
    process.kill(pid, 'SIGCONT');
    expect(await answers).toEqual([expect.objectContaining({ verdict: 'allowed' })]);
  });

  it.each(['SIGTERM', 'exit'] as const)('ends by %s and takes its socket along', async (how) => {
    if (how === 'exit') await say('exit\n');
    else process.kill(pid, how);
    while (isRunning(pid)) await sleep(2);
    expect(existsSync(plan.socket)).toBe(false);
  });

  it('says in one line why it cannot start', () => {
    const { status, stderr } = spawnSync(podProgram(), ['--control', plan.socket, '--netns', '/nowhere'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toBe('weir-pod: cannot join /nowhere: No such file or directory\n');
  });
});
