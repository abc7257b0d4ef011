/** BPF objects: compared with what this process expects of them, given options and sizes, loaded. */
import { readFile } from 'node:fs/promises';
import { nativeAddon } from './native.ts';
import type { Descriptor, NativeObjectOptions } from './native-bpf.ts';
import { describeObjectFile, type ObjectLayout } from './object-file.ts';

export interface BpfObject {
  readonly maps: Readonly<Record<string, Descriptor>>;
  readonly programs: Readonly<Record<string, Descriptor>>;
  /** Lets go of all; what is pinned or attached stays. */
  close(): void;
}

/** The object file was made from other headers than this process's codecs. Each difference is a line of `message`. */
export class BpfLayoutError extends Error {
  readonly differences: readonly string[];
  constructor(path: string, differences: readonly string[]) {
    super(`${path} does not fit this version of Weir, build both again:\n${differences.join('\n')}`);
    this.name = 'BpfLayoutError';
    this.differences = differences;
  }
}

/**
 * Loads the object at `path`. Rejects with a BpfLayoutError before anything is loaded when it is not laid out as
 * `expected`, and with an Error that has `code` and ends in the verifier's words when the kernel refuses it.
 */
export async function loadBpfObject(
  path: string,
  expected: ObjectLayout,
  options: Partial<NativeObjectOptions> = {},
): Promise<BpfObject> {
  const differences = layoutDifferences(expected, describeObjectFile(path, await readFile(path)));
  if (differences.length > 0) throw new BpfLayoutError(path, differences);
  const loaded = await nativeAddon().loadBpfObject(path, {
    constants: {},
    maxEntries: {},
    pins: {},
    ...options,
  });
  return {
    ...loaded,
    close() {
      for (const descriptor of [...Object.values(loaded.maps), ...Object.values(loaded.programs)])
        nativeAddon().closeDescriptor(descriptor);
    },
  };
}

/**
 * Why an object was not loaded, in one line: what was tried, the kernel's reason, and what the verifier or libbpf said at last.
 * The Error itself has all that they said, thousands of lines.
 */
export function describeRefusal(error: Error): string {
  const [first = '', ...more] = error.message.split('\n').map((line) => line.trim());
  const reason = more.at(-1)?.startsWith(': ') ? more.at(-1) : '';
  const end = more.findLastIndex((line) => /^processed \d+ insns/.test(line));
  const said =
    end > 0 ? more[end - 1] : more.findLast((line) => /^libbpf: (?!failed to load object)/.test(line));
  return `${first}${reason}${said === undefined ? '' : ` (${said.replace(/^libbpf: /, '')})`}`;
}

/** What differs in what is expected, and maps and constants that are not: a line each; none when the object fits. */
export function layoutDifferences(expected: ObjectLayout, found: ObjectLayout): readonly string[] {
  return (['structs', 'enums', 'maps', 'constants'] as const).flatMap((part) => {
    const names = new Set([
      ...Object.keys(expected[part]),
      // A program may have structures and enums of its own.
      ...(part === 'maps' || part === 'constants' ? Object.keys(found[part]) : []),
    ]);
    return [...names].flatMap((name) =>
      valueDifferences(`${part} ${name}`, expected[part][name], found[part][name]),
    );
  });
}

function valueDifferences(place: string, expected: unknown, found: unknown): readonly string[] {
  if (typeof expected !== 'object' || typeof found !== 'object' || expected === null || found === null)
    return expected === found ? [] : [`${place}: ${told(found)} instead of ${told(expected)}`];
  const wanted = new Map(Object.entries(expected));
  const there = new Map(Object.entries(found));
  return [...new Set([...wanted.keys(), ...there.keys()])].flatMap((key) =>
    valueDifferences(`${place}.${key}`, wanted.get(key), there.get(key)),
  );
}

function told(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
