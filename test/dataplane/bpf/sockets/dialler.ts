/** Processes that open, connect and send as they are told, in a network namespace and a cgroup of the test's choice. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type SocketKind = 'tcp4' | 'tcp6' | 'udp4' | 'udp6' | 'mptcp4';

/** A process with sockets; every method resolves with the line it answers: `ok`, an error's name, or what was asked for. */
export interface Dialler {
  /** TCP and UDP servers that answer `ADDRESS PORT CLIENT-ADDRESS CLIENT-PORT`. */
  serve(address: string, port: number): Promise<string>;
  open(kind: SocketKind): Promise<TestSocket>;
  /** Gives it a child that has all its sockets, and dies with it. */
  fork(): Promise<string>;
  kill(): Promise<void>;
  /** Moves the process; sockets stay where they were made. */
  moveTo(cgroup: string): void;
  end(): Promise<void>;
}

export interface TestSocket {
  connect(address: string, port: number): Promise<string>;
  /** Connects it to nobody. */
  disconnect(): Promise<string>;
  send(): Promise<string>;
  sendTo(address: string, port: number): Promise<string>;
  /** What came and from whom: `SERVER-ADDRESS PORT … from ADDRESS PORT`; waits a second at most. */
  receive(): Promise<string>;
  /** What getpeername tells. */
  peer(): Promise<string>;
  close(): Promise<string>;
}

/** Compiles the program into `folder`; returns its path. */
export function compileDialler(folder: string): string {
  const binary = join(folder, 'dialler');
  execFileSync('cc', ['-O1', '-o', binary, join(import.meta.dirname, 'dialler.c')]);
  return binary;
}

/** `cgroup` null: it stays in the test's own. */
export function startDialler(binary: string, networkNamespace: string, cgroup: string | null): Dialler {
  const join = cgroup === null ? ':' : `echo $$ > ${cgroup}/cgroup.procs`;
  const child: ChildProcess = spawn(
    'sh',
    ['-c', `${join} && exec nsenter --net=${networkNamespace} ${binary}`],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  if (child.stdout === null || child.stdin === null) throw new Error('a process without pipes');
  const { stdin } = child;
  const waiting: ((line: string) => void)[] = [];
  createInterface(child.stdout).on('line', (line) => waiting.shift()?.(line));
  const ask = (command: string): Promise<string> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      stdin.write(`${command}\n`);
    });
  return {
    serve: (address, port) => ask(`serve ${address} ${port}`),
    async open(kind) {
      const number = await ask(`open ${kind}`);
      return {
        connect: (address, port) => ask(`connect ${number} ${address} ${port}`),
        disconnect: () => ask(`disconnect ${number}`),
        send: () => ask(`send ${number}`),
        sendTo: (address, port) => ask(`sendto ${number} ${address} ${port}`),
        receive: () => ask(`receive ${number}`),
        peer: () => ask(`peer ${number}`),
        close: () => ask(`close ${number}`),
      };
    },
    fork: () => ask('fork'),
    kill: () =>
      new Promise((resolve) => {
        child.on('exit', () => resolve());
        child.kill('SIGKILL');
      }),
    moveTo: (cgroup) => writeFileSync(`${cgroup}/cgroup.procs`, String(child.pid)),
    end: () =>
      new Promise((resolve) => {
        child.on('exit', () => resolve());
        stdin.end();
      }),
  };
}
