/** An API server filled with the benchmark's cluster, in a namespace of its own, and the processes around it. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { type ApiServer, createApiServer, PORT } from '../../cluster-api/api-server.ts';
import { AGENT_NODE_OPTIONS, type Child, startChild } from '../child-process.ts';
import { createNamespace, removeNamespaces } from '../namespaces.ts';
import type { ScenarioContext } from '../scenario.ts';
import {
  Arrivals,
  Cost,
  type FilledShape,
  type FollowerRequest,
  type ServerAccess,
  Started,
  Whole,
  type WriterRequest,
  Written,
} from './messages.ts';

export interface ApiCluster {
  readonly namespace: string;
  readonly server: ApiServer;
  readonly shape: FilledShape;
  /** Changes slices at a steady pace; when the server had taken each. Numbers go on from the last call. */
  change(count: number, perSecond: number): Promise<NumberedChanges>;
  startFollower(): Follower;
}

export interface NumberedChanges {
  readonly first: number;
  readonly repliedAtMs: readonly number[];
}

export type Access = Extract<FollowerRequest, { type: 'start' }>['access'];

export interface Follower {
  /** Follows the server from nothing; resolves when all of it has arrived. */
  start(access: Access, into: 'nothing' | 'kernel'): Promise<Started>;
  /** How long after the server had taken it each change was there, milliseconds. Waits for all. */
  latencies(changes: NumberedChanges): Promise<readonly number[]>;
  /** When every kind was followed, as it is now or soon will be; milliseconds as of `machineMs`. */
  whole(): Promise<number>;
  /** Since the last question. */
  cost(): Promise<Cost>;
  exit(): Promise<void>;
}

/** Starts and fills a server for `measure`, and removes everything when it ends or throws. */
export async function withApiCluster<Result>(
  shape: FilledShape,
  { progress }: ScenarioContext,
  measure: (cluster: ApiCluster) => Promise<Result>,
): Promise<Result> {
  const namespace = createNamespace('api');
  const server = createApiServer(`/run/netns/${namespace}`);
  // A benchmark that is interrupted ends without the rest of this function.
  const removeNow = (): void => server.removeNow();
  process.once('exit', removeNow);
  const children: Child[] = [];
  const start = (script: string, nodeOptions: readonly string[]): Child => {
    const child = startChild(namespace, script, nodeOptions);
    children.push(child);
    return child;
  };
  try {
    await server.start();
    const access = prepareAccess(server);
    const writer = start('api/writer-child.ts', []);
    progress(`filling an API server with ${shape.services} Services × ${shape.endpoints} endpoints`);
    await writer.ask({ type: 'fill', server: access, shape } satisfies WriterRequest, Written);
    let next = 0;
    return await measure({
      namespace,
      server,
      shape,
      async change(count, perSecond) {
        const first = next;
        next += count;
        const request: WriterRequest = { type: 'change', server: access, shape, first, count, perSecond };
        return { first, ...(await writer.ask(request, Written)) };
      },
      startFollower: () => followerOf(start('api/follower-child.ts', AGENT_NODE_OPTIONS), access),
    });
  } finally {
    for (const child of children) await child.exit();
    await server.remove();
    process.off('exit', removeNow);
    removeNamespaces([namespace]);
  }
}

function prepareAccess(server: ApiServer): ServerAccess {
  const data = dirname(server.kubeconfig);
  const accountFolder = join(server.folder, 'account');
  mkdirSync(accountFolder);
  copyFileSync(join(data, 'token'), join(accountFolder, 'token'));
  copyFileSync(join(data, 'apiserver.crt'), join(accountFolder, 'ca.crt'));
  return { port: PORT, accountFolder, kubeconfig: server.kubeconfig };
}

function followerOf(child: Child, server: ServerAccess): Follower {
  const ask = <Answer>(request: FollowerRequest, answer: z.ZodType<Answer>) => child.ask(request, answer);
  return {
    start: (access, into) => ask({ type: 'start', server, access, into }, Started),
    async latencies({ first, repliedAtMs }) {
      const request = { type: 'arrivals', first, count: repliedAtMs.length } as const;
      const { arrivedAtMs } = await ask(request, Arrivals);
      return arrivedAtMs.map((time, index) => time - (repliedAtMs[index] ?? Number.NaN));
    },
    whole: async () => (await ask({ type: 'whole' }, Whole)).wholeAtMs,
    cost: () => ask({ type: 'cost' }, Cost),
    exit: child.exit,
  };
}
