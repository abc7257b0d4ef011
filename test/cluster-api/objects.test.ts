import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weir } from '../cli/weir.ts';
import { jsonOfManifests } from '../cluster/completed-json.ts';
import { anyManifests } from '../cluster/random-manifests.ts';
import type { Manifest } from '../e2e/manifests.ts';
import { type ApiServer, createApiServer } from './api-server.ts';

const NAME = `weir-objects-${process.pid}`;
const SHOP = fileURLToPath(new URL('../../examples/shop', import.meta.url));

type Fields = Readonly<Record<string, unknown>>;

let server: ApiServer;

beforeAll(async () => {
  server = createApiServer(`/run/netns/${NAME}`);
  execFileSync('ip', ['netns', 'add', NAME]);
  execFileSync('ip', ['-n', NAME, 'link', 'set', 'lo', 'up']);
  await server.start();
});

afterAll(async () => {
  await server.remove();
  execFileSync('ip', ['netns', 'delete', NAME]);
});

/** Without what only the server knows, and without empty fields: Go writes some of them, others not. */
function comparable(object: Fields): unknown {
  const own = ['uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'generation'];
  const metadata = Object.entries(object.metadata as Fields).filter(([name]) => !own.includes(name));
  return withoutEmpty({ ...object, metadata: Object.fromEntries(metadata) });
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value === null ? undefined : value;
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const kept = withoutEmpty(field);
    return kept === undefined || kept === '' || kept === 0 ? [] : [[name, kept] as const];
  });
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}

describe('what weir objects prints', () => {
  it('is taken for any manifests: an API server knows every field', async () => {
    for (const manifests of fc.sample(anyManifests, { numRuns: 25, seed: 7 })) {
      const json = jsonOfManifests(manifests);
      // That one a server makes itself.
      json.delete('Namespace /default');
      if (json.size > 0) await server.dryRun(...(json.values() as Iterable<unknown> as Iterable<Manifest>));
    }
  });

  it('is held by an API server as it was printed: no default is missing', async () => {
    const { code, stdout } = await weir(['objects', '--manifests', SHOP, '--json']);
    expect(code).toBe(0);
    const { items } = JSON.parse(stdout) as { readonly items: readonly Manifest[] };
    await server.create(...items);
    const kinds = 'namespaces,nodes,pods,services,endpoints,endpointslices';
    const held = JSON.parse(await server.kubectl('get', kinds, '-A', '-o', 'json')) as {
      readonly items: readonly Manifest[];
    };
    const byKey = new Map(held.items.map((item) => [keyOf(item), comparable(item)]));
    const printed = items.filter(({ kind }) => kinds.includes(kind.toLowerCase()));
    expect(printed.length).toBeGreaterThan(40);
    for (const item of printed) expect(byKey.get(keyOf(item))).toEqual(comparable(item));
  });
});

function keyOf({ kind, metadata }: Manifest): string {
  const { namespace = '', name } = metadata as { readonly namespace?: string; readonly name: string };
  return `${kind} ${namespace}/${name}`;
}
