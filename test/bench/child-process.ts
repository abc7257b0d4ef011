/** Child processes of the benchmark inside namespaces: one answer for each request, over Node's channel. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { spawnInNamespace } from './namespaces.ts';

/** What the launcher `weir` starts an agent's Node with. */
export const AGENT_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=4'];

const Reply = z.union([z.object({ failed: z.string() }), z.object({ answer: z.unknown() })]);

export interface Child {
  /** Sends a request and reads its answer. Throws what the child failed with, or that it died. */
  ask<Answer>(request: object, answer: z.ZodType<Answer>): Promise<Answer>;
  /** Ends the process; what is in the kernel stays. */
  exit(): Promise<void>;
}

/** Starts a script of this folder inside `namespace`. */
export function startChild(namespace: string, script: string, nodeOptions: readonly string[]): Child {
  const child = spawnInNamespace(
    namespace,
    process.execPath,
    [...nodeOptions, join(import.meta.dirname, script)],
    // stdout belongs to the report.
    ['ignore', 2, 2, 'ipc'],
  );
  return {
    async ask(request, answer) {
      const reply = Reply.parse(await exchange(child, request));
      if ('failed' in reply) throw new Error(`${script}: ${reply.failed}`);
      return answer.parse(reply.answer);
    },
    exit: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.disconnect();
      }),
  };
}

function exchange(child: ChildProcess, request: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const died = (code: number | null): void => reject(new Error(`the child process ended with ${code}`));
    child.once('exit', died);
    child.once('message', (message) => {
      child.off('exit', died);
      resolve(message);
    });
    child.send(request, (error) => error && reject(error));
  });
}

/**
 * The child's end: answers each request of the parent, and ends when the parent lets go of it or is killed. `close` runs
 * before.
 */
export function answerParent(
  answer: (request: unknown) => Promise<object | null>,
  close: () => Promise<void>,
): void {
  process.on('message', (message) => {
    answer(message).then(
      (reply) => process.send?.({ answer: reply }),
      (error: unknown) =>
        process.send?.({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => {
    close().finally(() => process.exit());
  });
}
