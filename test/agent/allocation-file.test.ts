import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openAllocationFile, readAllocations } from '../../src/agent/allocation-file.ts';
import { allocationText, readAllocationText } from '../../src/agent/allocation-text.ts';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { type ControlPlaneMemory, keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { boundToParent } from '../bound-command.ts';
import { anyWalk, SCARCE_POOLS, unordered } from '../cluster/clusters.ts';
import { serviceObject } from '../objects.ts';

const WRITER = fileURLToPath(new URL('./allocation-writer.ts', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-allocations-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function recorder() {
  const lines: string[] = [];
  return { lines, log: { warn: (line: string) => lines.push(line) } as never };
}

function planeOf(memory?: ControlPlaneMemory) {
  const options = { ...DEFAULT_CLUSTER_OPTIONS, loadBalancerPools: SCARCE_POOLS };
  return keepLastGood(createControlPlane(options, memory?.allocations), memory?.given);
}

function memoryOf(...names: readonly string[]): ControlPlaneMemory {
  const plane = planeOf();
  plane.apply(names.map((name) => ({ type: 'set', object: serviceObject({ name }) })));
  return plane.memory();
}

async function textOf(memory: ControlPlaneMemory, by: string): Promise<string> {
  const pieces = await allocationText(memory, by);
  return pieces.join('');
}

/** Slices are not written down. */
function written({ allocations, given }: ControlPlaneMemory): ControlPlaneMemory {
  return { allocations: { ...allocations, slices: new Map() }, given };
}

describe('allocationText', () => {
  it('[A65] brings back all that any control plane remembers', async () => {
    const property = fc.asyncProperty(anyWalk, async (walk) => {
      const plane = planeOf();
      for (const batch of walk) plane.apply(batch);
      const memory = plane.memory();
      const read = readAllocationText(await textOf(memory, '1.0.0'), '1.0.0');
      expect(unordered(read)).toEqual(unordered(written(memory)));
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it('[A65] of many objects is made in turns, and tells of the moment at which it was begun', async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `s${index}`);
    const plane = planeOf();
    const set = (count: number): void => {
      const some = names.slice(0, count);
      plane.apply(some.map((name) => ({ type: 'set', object: serviceObject({ name }) })));
    };
    set(2000);
    const memory = plane.memory();
    const before = structuredClone(unordered(written(memory)));
    const making = textOf(memory, '1.0.0');
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      if (turns === 1) plane.apply([{ type: 'delete', kind: 'Service', namespace: 'default', name: 's7' }]);
      if (turns === 2) set(3000);
      following = setImmediate(turn);
    };
    let following = setImmediate(turn);
    const text = await making;
    clearImmediate(following);
    expect(turns).toBeGreaterThan(3);
    expect(unordered(readAllocationText(text, '1.0.0'))).toEqual(before);
  });

  it('leaves objects of another Weir out, and keeps its addresses', async () => {
    const memory = { ...memoryOf('a'), given: [serviceObject({ name: 'b' })] };
    expect(readAllocationText(await textOf(memory, '1.0.0'), '1.1.0')).toEqual({
      ...written(memory),
      given: [],
    });
  });
});

describe('the allocation file', async () => {
  const path = () => join(folder, 'run', 'allocations.json');

  it('[A65] holds at the end what was noted, and makes its directory', async () => {
    const { lines, log } = recorder();
    let memory = memoryOf('a');
    const file = openAllocationFile({ path: path(), memory: () => memory, log });
    file.note('1');
    memory = memoryOf('a', 'b');
    file.note('2');
    await file.close();
    expect(await readAllocations(path(), log)).toEqual(written(memory));
    expect(lines).toEqual([]);
  });

  it('is not written for a revision that it holds', async () => {
    const { log } = recorder();
    let asked = 0;
    const memory = () => {
      asked += 1;
      return memoryOf('a');
    };
    const file = openAllocationFile({ path: path(), memory, log, pauseMs: 0 });
    for (const revision of ['1', '1', '1']) file.note(revision);
    await file.close();
    file.note('1');
    await file.close();
    expect(asked).toBe(1);
  });

  it('is none where there is none, without a word', async () => {
    const { lines, log } = recorder();
    expect(await readAllocations(path(), log)).toBeNull();
    expect(lines).toEqual([]);
  });

  it.each([
    ['empty', '', 'it is no JSON'],
    ['something else', '{"kind":"List"}\n', 'it is no file of allocations'],
    ['cut short', (await textOf(memoryOf('a'), '1')).slice(0, -20), 'the checksum differs'],
    ['of another version', '{"weir":"allocations","version":7}\n{}\n', 'it has version 7'],
  ])('that is %s is told once with what is lost, and kept aside', async (_, text, why) => {
    const file = join(folder, 'allocations.json');
    writeFileSync(file, text);
    const { lines, log } = recorder();
    expect(await readAllocations(file, log)).toBeNull();
    expect(lines).toEqual([expect.stringContaining(file)]);
    expect(lines[0]).toContain(why);
    expect(lines[0]).toContain('may be chosen differently');
    expect(existsSync(file)).toBe(false);
    expect(readFileSync(`${file}.unusable`, 'utf8')).toBe(text);
  });

  it('that can’t be written is told once, and written when it can be', async () => {
    const { lines, log } = recorder();
    writeFileSync(join(folder, 'run'), 'in the way');
    const file = openAllocationFile({ path: path(), memory: () => memoryOf('a'), log, pauseMs: 0 });
    file.note('1');
    await file.close();
    await file.close();
    expect(lines).toEqual([expect.stringContaining('can’t be written'.replace('’', "'"))]);
    rmSync(join(folder, 'run'));
    await file.close();
    expect(await readAllocations(path(), log)).toEqual(written(memoryOf('a')));
  });

  it('that finds no room leaves nothing in the way of others', async () => {
    const { lines, log } = recorder();
    mkdirSync(path(), { recursive: true });
    const file = openAllocationFile({ path: path(), memory: () => memoryOf('a'), log });
    file.note('1');
    await file.close();
    expect(lines).toHaveLength(1);
    expect(readdirSync(dirname(path()))).toEqual(['allocations.json']);
  });

  it('[A65] is whole after the writer was killed at any moment', async () => {
    const { lines, log } = recorder();
    const file = path();
    let newest = 0;
    for (let round = 0; round < 8; round++) {
      const child = spawn(...boundToParent(process.execPath, [WRITER, file]), {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      // The first one gets to the end of a write, however busy the machine is.
      if (round === 0) await vi.waitUntil(() => existsSync(file), { timeout: 20_000 });
      await new Promise((resolve) => setTimeout(resolve, round * 7));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const memory = await readAllocations(file, log);
      const size = memory?.allocations.clusterIps.assigned.keys.length ?? 0;
      // Each writer goes on from what its predecessor left.
      expect(size).toBeGreaterThanOrEqual(newest);
      newest = size;
    }
    expect(newest).toBeGreaterThan(0);
    expect(lines).toEqual([]);
  });
});
