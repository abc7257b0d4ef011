/** `weir objects`: all objects as the standalone control plane completes them, as an API server would hold them. */
import { filledIn } from '../cluster/filled-in.ts';
import type { JsonObject } from '../cluster/json-fields.ts';
import { kubernetesJson } from '../cluster/kubernetes-json.ts';
import { type ObjectName, objectKey, objectName } from '../model/names.ts';
import type { Problem, WeirObject } from '../model/objects.ts';
import { parseObject } from '../source/parse-object.ts';
import { type OfflineCluster, readCluster, tellProblems } from './offline-cluster.ts';
import { print, printJson, table } from './output.ts';
import { type PoolFlags, poolOptions } from './pool-flags.ts';

export interface ObjectsFlags extends PoolFlags {
  readonly manifests: readonly string[];
  readonly json?: true;
}

/** An object as it was written. */
interface Written {
  readonly raw: JsonObject;
  readonly object: WeirObject;
}

/** Prints a List of Kubernetes JSON, or a table of what was filled in; exit code 1 where an object is not in effect. */
export async function objects(flags: ObjectsFlags): Promise<void> {
  const { objects: completed, problems, documents } = await readCluster(flags.manifests, poolOptions(flags));
  const { written, unused } = sortDocuments(documents);
  tellProblems(problems);
  if (problems.some(isError)) process.exitCode = 1;
  if (flags.json) {
    const uids = podUids(completed);
    const items = completed.map((object) =>
      kubernetesJson(object, written.get(keyOf(object))?.raw ?? null, uids),
    );
    printJson({ apiVersion: 'v1', kind: 'List', items: [...items, ...unused] });
    return;
  }
  const rows = completed.map((object) => {
    const what = filledIn(object, written.get(keyOf(object))?.object ?? null);
    return [object.kind, nameOf(object), what === '' ? 'as written' : what];
  });
  const others = unused.map((raw) => [String(raw.kind), nameOf(identityOf(raw)), 'as written, not used']);
  print(table(['kind', 'name', 'filled in'], [...rows, ...others]));
}

/** Documents of objects in use by key, the first valid one of each name as in a folder; and all of other kinds. */
function sortDocuments(documents: OfflineCluster['documents']): {
  readonly written: ReadonlyMap<string, Written>;
  readonly unused: readonly JsonObject[];
} {
  const written = new Map<string, Written>();
  const unused: JsonObject[] = [];
  for (const { raw, file } of documents) {
    const result = parseObject(raw, file);
    if (result.type === 'skipped') unused.push(raw);
    if (result.type !== 'object') continue;
    const key = keyOf(result.object);
    if (!written.has(key)) written.set(key, { raw, object: result.object });
  }
  return { written, unused };
}

function podUids(objects: readonly WeirObject[]): ReadonlyMap<ObjectName, string> {
  const pods = objects.filter(({ kind, uid }) => kind === 'Pod' && uid !== '');
  return new Map(pods.map(({ namespace, name, uid }) => [objectName(namespace, name), uid]));
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

function keyOf({ kind, namespace, name }: WeirObject): string {
  return objectKey(kind, namespace, name);
}

function identityOf(raw: JsonObject): { readonly namespace: string; readonly name: string } {
  const { namespace, name } = (raw.metadata ?? {}) as JsonObject;
  return { namespace: typeof namespace === 'string' ? namespace : '', name: String(name ?? '') };
}

function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
