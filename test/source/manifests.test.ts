import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readManifests } from '../../src/source/manifests.ts';
import { serviceManifest, withFolder } from './folder.ts';

describe('readManifests', () => {
  it('reads files and folders below, several documents, YAML and JSON, hidden files not', () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'below', '.git'), { recursive: true });
      await writeFile(
        join(folder, 'b.yaml'),
        `# nothing\n---\n${serviceManifest('b', 80)}---\n${serviceManifest('c', 80)}`,
      );
      await writeFile(
        join(folder, 'below', 'd.json'),
        JSON.stringify({ kind: 'Node', apiVersion: 'v1', metadata: { name: 'n' } }),
      );
      await writeFile(join(folder, 'below', '.git', 'e.yaml'), 'kind: [');
      await writeFile(join(folder, '.hidden.yaml'), 'kind: [');
      await writeFile(join(folder, 'README.md'), 'kind: [');
      await writeFile(join(folder, 'single'), serviceManifest('a', 80));
      const { objects, documents, problems } = await readManifests([
        join(folder, 'single'),
        folder,
        join(folder, 'b.yaml'),
      ]);
      expect(problems).toEqual([]);
      expect(objects.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'n']);
      expect(documents.map(({ file, raw }) => [file.slice(folder.length + 1), raw.kind])).toEqual([
        ['single', 'Service'],
        ['b.yaml', 'Service'],
        ['b.yaml', 'Service'],
        [join('below', 'd.json'), 'Node'],
      ]);
    }));

  it('takes lists apart, typed ones too, and counts what it skips', () =>
    withFolder(async (folder) => {
      const items = (extra: object) => [
        { ...extra, metadata: { name: 'x' } },
        { ...extra, metadata: { name: 'y' } },
      ];
      const lists = {
        kind: 'List',
        apiVersion: 'v1',
        items: [
          { kind: 'NodeList', apiVersion: 'v1', items: items({}) },
          ...items({ kind: 'Ingress', apiVersion: 'networking.k8s.io/v1' }),
        ],
      };
      await writeFile(join(folder, 'all.json'), JSON.stringify(lists));
      const { objects, skippedKinds, documents, problems } = await readManifests([folder]);
      expect(problems).toEqual([]);
      expect(objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['Node x', 'Node y']);
      expect(skippedKinds).toEqual({ Ingress: 2 });
      expect(documents).toHaveLength(4);
    }));

  it('tells of a list that can not be taken apart, and takes one of nothing', () =>
    withFolder(async (folder) => {
      const list = (kind: string, items: unknown) => JSON.stringify({ kind, apiVersion: 'v1', items });
      const texts = [
        list('List', { a: 1 }),
        list('ServiceList', 'x'),
        list('List', null),
        list('AllowList', 5),
      ];
      await writeFile(join(folder, 'all.yaml'), texts.join('\n---\n'));
      const { skippedKinds, problems } = await readManifests([folder]);
      expect(problems.map(({ object, field, message }) => [object.kind, field, message])).toEqual([
        ['List', 'items', '{"a":1} is not a list'],
        ['ServiceList', 'items', '"x" is not a list'],
      ]);
      expect(skippedKinds).toEqual({ AllowList: 1 });
    }));

  it('names file and line of a syntax error and reads everything else', () =>
    withFolder(async (folder) => {
      const [bad, json] = [join(folder, 'bad.yaml'), join(folder, 'bad.json')];
      await writeFile(bad, `${serviceManifest('a', 80)}---\nkind: Service\n  indented: wrong\n`);
      await writeFile(json, '{"kind":\n  nope}');
      await writeFile(join(folder, 'good.yaml'), serviceManifest('b', 80));
      const { objects, problems } = await readManifests([folder]);
      expect(objects.map(({ name }) => name)).toEqual(['a', 'b']);
      expect(problems).toMatchObject([
        { reason: 'SyntaxError', file: json, severity: 'error', message: expect.stringContaining('line 2') },
        {
          reason: 'SyntaxError',
          file: bad,
          severity: 'error',
          message: expect.stringMatching(/^line [78], column \d+: /),
        },
      ]);
    }));

  it('is not harmed by a file that expands without end', () =>
    withFolder(async (folder) => {
      const levels = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
      for (let level = 1; level < 9; level++) {
        const [name, former] = ['abcdefghi'.charAt(level), 'abcdefghi'.charAt(level - 1)];
        levels.push(`${name}: &${name} [${Array(9).fill(`*${former}`).join(', ')}]`);
      }
      await writeFile(join(folder, 'bomb.yaml'), levels.join('\n'));
      const { problems } = await readManifests([folder]);
      expect(problems).toMatchObject([{ reason: 'SyntaxError' }]);
    }));

  it('says in one line what is wrong with values that contain themselves or never seem to end', () =>
    withFolder(async (folder) => {
      await writeFile(join(folder, 'a.yaml'), 'kind: Service\nmetadata: &m\n  name: a\n  labels: *m\n');
      await writeFile(join(folder, 'b.yaml'), `kind: Service\nspec: ${'['.repeat(20000)}`);
      await writeFile(join(folder, 'good.yaml'), serviceManifest('good', 80));
      const { objects, problems } = await readManifests([folder]);
      expect(objects.map(({ name }) => name)).toEqual(['good']);
      expect(problems).toMatchObject([
        { reason: 'SyntaxError', message: 'an anchor contains an alias of itself' },
        { reason: 'SyntaxError', message: expect.stringMatching(/nested too deeply$/) },
      ]);
    }));

  it('[A65] keeps the first of the same object and names both files', () =>
    withFolder(async (folder) => {
      const [a, b] = [join(folder, 'a.yaml'), join(folder, 'b.yaml')];
      await writeFile(a, serviceManifest('web', 80));
      await writeFile(b, serviceManifest('web', 81));
      const { objects, problems } = await readManifests([folder]);
      expect(objects).toMatchObject([{ name: 'web', ports: [{ port: 80 }] }]);
      expect(problems).toMatchObject([
        { reason: 'DuplicateObject', file: b, object: { kind: 'Service', name: 'web' } },
      ]);
      expect(problems[0]?.message).toContain(a);
    }));

  it('names a path that does not exist', async () => {
    const { objects, problems } = await readManifests(['/does/not/exist']);
    expect(objects).toEqual([]);
    expect(problems).toMatchObject([
      { reason: 'Unreadable', object: { kind: 'File', name: '/does/not/exist' } },
    ]);
  });
});
