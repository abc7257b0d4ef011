import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Source } from '../../src/model/source.ts';
import { directorySource } from '../../src/source/directory.ts';
import { createRecorder, type Recorder, serviceManifest, withFolder } from './folder.ts';

const open: Source[] = [];
afterEach(async () => {
  for (const source of open.splice(0)) await source.stop();
});

async function follow(directory: string): Promise<{ readonly source: Source; readonly seen: Recorder }> {
  const source = directorySource({ directory });
  open.push(source);
  const seen = createRecorder();
  await source.start(seen.listen);
  return { source, seen };
}

/** The first port of the Service in effect; undefined where there is no such Service. */
function portOf({ objects }: Recorder, name: string): number | undefined {
  const service = objects.get(`Service/default/${name}`);
  return service?.kind === 'Service' ? service.ports[0]?.port : undefined;
}

describe('directorySource', () => {
  it('delivers everything at once, and says what it skipped', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), `${serviceManifest('a', 80)}---\n${serviceManifest('b', 81)}`);
      await writeFile(
        join(folder, 'other.yml'),
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n',
      );
      const { source, seen } = await follow(folder);
      expect(seen.batches).toHaveLength(1);
      expect([portOf(seen, 'a'), portOf(seen, 'b')]).toEqual([80, 81]);
      expect(source.state()).toMatchObject({
        origin: folder,
        synced: true,
        reason: null,
        skippedKinds: { Deployment: 1 },
      });
    }));

  it('delivers an empty batch for an empty folder, so that the agent can begin', () =>
    withFolder(async (folder) => {
      const { seen } = await follow(folder);
      expect(seen.batches).toEqual([{ changes: [], problems: [] }]);
    }));

  it('tells why a folder that does not exist can not be followed', async () => {
    const source = directorySource({ directory: '/does/not/exist' });
    open.push(source);
    await expect(source.start(() => undefined)).rejects.toThrow('/does/not/exist');
    expect(source.state()).toMatchObject({ synced: false, reason: expect.stringContaining('ENOENT') });
  });

  it('tells of trouble while it follows, once, and goes on', () =>
    withFolder(async (folder) => {
      const warnings: string[] = [];
      const seen = createRecorder();
      let trouble: string | null = null;
      const warned = Promise.withResolvers<void>();
      const warn = (details: object) => {
        warnings.push(String((details as { readonly err: unknown }).err));
        warned.resolve();
      };
      const source = directorySource({ directory: folder, log: { warn } });
      open.push(source);
      await source.start((batch) => {
        if (trouble !== null) throw new Error(trouble);
        seen.listen(batch);
      });
      trouble = 'no room';
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 80));
      await warned.promise;
      expect(warnings).toEqual(['Error: no room']);
      trouble = null;
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 81));
      await source.rescan();
      expect(portOf(seen, 'a')).toBe(81);
    }));

  it('sees edits, new files in new folders, and deletions by itself', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 80));
      const { seen } = await follow(folder);
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 8080));
      await seen.until(() => portOf(seen, 'a') === 8080);
      await mkdir(join(folder, 'more'));
      await writeFile(join(folder, 'more', 'b.yaml'), serviceManifest('b', 81));
      await seen.until(() => portOf(seen, 'b') === 81);
      await rm(join(folder, 'more'), { recursive: true });
      await seen.until(() => portOf(seen, 'b') === undefined);
      expect(portOf(seen, 'a')).toBe(8080);
    }));

  it('sees a save by rename', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 80));
      const { seen } = await follow(folder);
      await writeFile(join(folder, '.a.yaml.swp'), serviceManifest('a', 81));
      await rename(join(folder, '.a.yaml.swp'), join(folder, 'a.yaml'));
      await seen.until(() => portOf(seen, 'a') === 81);
    }));

  it('sees the swap of the data link of a mounted ConfigMap', () =>
    withFolder(async (folder) => {
      for (const [version, port] of [
        ['..1', 80],
        ['..2', 81],
      ] as const) {
        await mkdir(join(folder, version));
        await writeFile(join(folder, version, 'a.yaml'), serviceManifest('a', port));
      }
      await symlink('..1', join(folder, '..data'));
      await symlink('..data/a.yaml', join(folder, 'a.yaml'));
      const { seen } = await follow(folder);
      expect([...seen.objects.keys()]).toEqual(['Service/default/a']);
      await symlink('..2', join(folder, '..next'));
      await rename(join(folder, '..next'), join(folder, '..data'));
      await seen.until(() => portOf(seen, 'a') === 81);
    }));

  it('follows a link to a folder above only once', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 80));
      await mkdir(join(folder, 'below'));
      await symlink('..', join(folder, 'below', 'up'));
      await symlink('.', join(folder, 'self'));
      const { seen } = await follow(folder);
      expect(seen.objects.size).toBe(1);
      expect(seen.problems()).toEqual([]);
    }));
});

describe('rescan of a directorySource', () => {
  it('has delivered every change when it resolves, even one of the same size right after the last', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 1000));
      const { source, seen } = await follow(folder);
      for (let port = 1001; port < 1020; port++) {
        await writeFile(join(folder, 'a.yaml'), serviceManifest('a', port));
        await source.rescan();
        expect(portOf(seen, 'a')).toBe(port);
      }
      const before = seen.batches.length;
      await source.rescan();
      expect(seen.batches).toHaveLength(before);
    }));

  it('tells only the objects of a file that changed', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), `${serviceManifest('a', 80)}---\n${serviceManifest('b', 81)}`);
      const { source, seen } = await follow(folder);
      await writeFile(join(folder, 'a.yaml'), `${serviceManifest('a', 80)}---\n${serviceManifest('b', 82)}`);
      await source.rescan();
      expect(seen.batches.at(-1)?.changes).toMatchObject([{ type: 'set', object: { name: 'b' } }]);
    }));

  it('keeps the last good objects of a file that can not be parsed, and says where it is wrong', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'a.yaml');
      await writeFile(file, `${serviceManifest('a', 80)}---\n${serviceManifest('b', 81)}`);
      const { source, seen } = await follow(folder);
      await writeFile(file, `${serviceManifest('a', 8080)}---\nkind: [unclosed\n`);
      await source.rescan();
      expect([portOf(seen, 'a'), portOf(seen, 'b')]).toEqual([80, 81]);
      expect(seen.problems()).toMatchObject([{ reason: 'SyntaxError', file, severity: 'error' }]);
      expect(seen.problems()[0]?.message).toMatch(/^line \d+, column \d+: /);
      await writeFile(file, serviceManifest('a', 8080));
      await source.rescan();
      expect([portOf(seen, 'a'), portOf(seen, 'b')]).toEqual([8080, undefined]);
      expect(seen.problems()).toEqual([]);
    }));

  it('keeps the last good state of a refused object while the others of its file change', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'a.yaml');
      await writeFile(file, `${serviceManifest('a', 80)}---\n${serviceManifest('b', 81)}`);
      const { source, seen } = await follow(folder);
      await writeFile(file, `${serviceManifest('a', 70000)}---\n${serviceManifest('b', 82)}`);
      await source.rescan();
      expect([portOf(seen, 'a'), portOf(seen, 'b')]).toEqual([80, 82]);
      expect(seen.problems()).toMatchObject([{ field: 'spec.ports[0].port', object: { name: 'a' }, file }]);
      expect(seen.problems()[0]?.message).toContain('its last good state stays in effect');
      await rm(file);
      await source.rescan();
      expect(seen.objects.size).toBe(0);
      expect(seen.problems()).toEqual([]);
    }));

  it('takes an emptied file for one that is being written, then believes it', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'a.yaml');
      await writeFile(file, serviceManifest('a', 80));
      const { source, seen } = await follow(folder);
      await writeFile(file, '');
      const rescan = source.rescan();
      await writeFile(file, serviceManifest('a', 81));
      await rescan;
      expect(seen.batches.flatMap(({ changes }) => changes).map(({ type }) => type)).not.toContain('delete');
      expect(portOf(seen, 'a')).toBe(81);
      await writeFile(file, '');
      await source.rescan();
      expect(seen.objects.size).toBe(0);
    }));

  it('keeps the first of two files that hold the same object, and names both', () =>
    withFolder(async (folder) => {
      const [a, b] = [join(folder, 'a.yaml'), join(folder, 'b.yaml')];
      await writeFile(a, serviceManifest('web', 80));
      const { source, seen } = await follow(folder);
      await writeFile(b, serviceManifest('web', 81));
      await source.rescan();
      expect(portOf(seen, 'web')).toBe(80);
      expect(seen.problems()).toMatchObject([{ reason: 'DuplicateObject', file: b }]);
      expect(seen.problems()[0]?.message).toContain(a);
      await rm(a);
      await source.rescan();
      expect(portOf(seen, 'web')).toBe(81);
      expect(seen.problems()).toEqual([]);
    }));

  it('fails while the folder is gone, keeps everything, and recovers', () =>
    withFolder(async (parent) => {
      const folder = join(parent, 'objects');
      await mkdir(folder);
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 80));
      const { source, seen } = await follow(folder);
      await rename(folder, join(parent, 'away'));
      await expect(source.rescan()).rejects.toThrow(folder);
      expect(source.state()).toMatchObject({ synced: false });
      expect(portOf(seen, 'a')).toBe(80);
      await rename(join(parent, 'away'), folder);
      await source.rescan();
      expect(source.state()).toMatchObject({ synced: true, retries: 0 });
      await writeFile(join(folder, 'a.yaml'), serviceManifest('a', 81));
      await seen.until(() => portOf(seen, 'a') === 81);
    }));

  it(
    'follows ten thousand files',
    () =>
      withFolder(async (folder) => {
        for (let index = 0; index < 10_000; index += 100) {
          const some = Array.from({ length: 100 }, (_, offset) => index + offset);
          await Promise.all(
            some.map((number) => writeFile(join(folder, `s${number}.json`), serviceJson(`s${number}`, 80))),
          );
        }
        const { source, seen } = await follow(folder);
        expect(seen.objects.size).toBe(10_000);
        await writeFile(join(folder, 's77.json'), serviceJson('s77', 81));
        await source.rescan();
        expect(seen.batches.at(-1)?.changes).toHaveLength(1);
        expect(portOf(seen, 's77')).toBe(81);
      }),
    60_000,
  );
});

function serviceJson(name: string, port: number): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port }] },
  });
}
