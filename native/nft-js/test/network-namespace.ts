/** A network namespace of a test's own, so that nothing touches the machine's ruleset. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { type Nftables, openNftables } from '../src/index.ts';

const run = promisify(execFile);

export interface TestNamespace {
  /** Path of the namespace. */
  readonly path: string;
  /** A connection in it. */
  readonly nftables: Nftables;
  /** Runs the nft program in it and returns what it prints. */
  readonly nft: (...words: readonly string[]) => Promise<string>;
}

/** Makes a namespace before the tests of the file and removes it after them, also when they fail. */
export function useNetworkNamespace(subject: string): TestNamespace {
  const name = `nftjs-${subject}-${process.pid}`;
  const path = `/run/netns/${name}`;
  let nftables: Nftables | undefined;
  beforeAll(async () => {
    await run('ip', ['netns', 'add', name]);
    nftables = await openNftables({ netns: path });
  });
  afterAll(async () => {
    await nftables?.close();
    await run('ip', ['netns', 'delete', name]);
  });
  return {
    path,
    get nftables(): Nftables {
      if (nftables === undefined) throw new Error('the namespace is used before its tests run');
      return nftables;
    },
    async nft(...words) {
      return (await run('nsenter', [`--net=${path}`, 'nft', words.join(' ')])).stdout;
    },
  };
}
