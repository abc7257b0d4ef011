/** A folder of manifests for tests, and a listener that keeps what a source delivered. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectKey } from '../../src/model/names.ts';
import type { Problem, WeirObject } from '../../src/model/objects.ts';
import type { SourceBatch } from '../../src/model/source.ts';

/** Runs with a fresh folder that is removed afterwards, also on failure. */
export async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-source-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export interface Recorder {
  readonly listen: (batch: SourceBatch) => void;
  readonly batches: SourceBatch[];
  /** Objects in effect, by key. */
  readonly objects: Map<string, WeirObject>;
  problems(): readonly Problem[];
  /** Resolves once the condition holds after some batch. */
  until(condition: () => boolean): Promise<void>;
}

export function createRecorder(): Recorder {
  const batches: SourceBatch[] = [];
  const objects = new Map<string, WeirObject>();
  let waiting: { readonly condition: () => boolean; readonly resolve: () => void } | undefined;
  return {
    batches,
    objects,
    problems: () => batches.at(-1)?.problems ?? [],
    listen(batch) {
      batches.push(batch);
      for (const change of batch.changes) {
        const { kind, namespace, name } = change.type === 'set' ? change.object : change;
        if (change.type === 'set') objects.set(objectKey(kind, namespace, name), change.object);
        else objects.delete(objectKey(kind, namespace, name));
      }
      if (waiting?.condition()) waiting.resolve();
    },
    until: (condition) =>
      new Promise((resolve) => {
        waiting = { condition, resolve };
        if (condition()) resolve();
      }),
  };
}

/** The text of a Service manifest. */
export function serviceManifest(name: string, port: number): string {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  ports:\n  - port: ${port}\n`;
}
