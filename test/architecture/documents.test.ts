import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sourceFiles } from './source-files.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const DOCUMENTS = [
  'README.md',
  'CHANGELOG.md',
  'examples/shop/README.md',
  'native/README.md',
  'native/nft-js/README.md',
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
  ...sourceFiles('src', ['.md']).map(({ path }) => path),
];

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .trim()
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Why a link of the document leads nowhere; undefined where it leads somewhere, or to another site. */
function deadLink(document: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? document : normalize(join(dirname(document), path));
  if (!existsSync(join(ROOT, target))) return `${document}: ${link}: no such file`;
  const lost = anchor !== undefined && !anchorsOf(target).has(anchor);
  return lost ? `${document}: ${link}: no such heading` : undefined;
}

/** `A36–A39` and `A1, E27` as single rows. */
function rowsNamed(text: string): readonly string[] {
  return [...text.matchAll(/([A-Z])(\d+)(?:–[A-Z](\d+))?/g)].flatMap(([, letter, first, last = first]) =>
    Array.from(
      { length: Number(last) - Number(first) + 1 },
      (_, index) => `${letter}${Number(first) + index}`,
    ),
  );
}

function rowsInTitles(text: string): readonly string[] {
  return [...text.matchAll(/\[([A-Z]\d+(?:, ?[A-Z]\d+)*)\]/g)].flatMap(([, list = '']) => list.split(/, ?/));
}

describe('documents', () => {
  it('link to files and headings that exist', () => {
    const dead = DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => deadLink(path, link) ?? []),
    );
    expect(DOCUMENTS.length).toBeGreaterThan(15);
    expect(dead).toEqual([]);
  });

  it('name for each row of a field a test that holds it', () => {
    const cells = [...read('docs/services.md').matchAll(/^\|.*\| ([^|]*) \| ([^|]*) \|$/gm)];
    const wrong = cells.flatMap(([, rows = '', tests = '']) => {
      const files = [...tests.matchAll(/`([a-z0-9/-]+)`/g)].map(([, name]) => `test/${name}.test.ts`);
      const missing = files.filter((path) => !existsSync(join(ROOT, path)));
      const held = new Set(
        files.filter((path) => !missing.includes(path)).flatMap((path) => rowsInTitles(read(path))),
      );
      return [
        ...missing,
        ...rowsNamed(rows)
          .filter((row) => !held.has(row))
          .map((row) => `${row}: ${tests}`),
      ];
    });
    expect(cells.length).toBeGreaterThan(50);
    expect(wrong).toEqual([]);
  });
});
