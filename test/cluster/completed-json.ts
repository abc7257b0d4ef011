/** What `weir objects --json` prints, for tests: manifests in, Kubernetes JSON of all completed objects out. */
import { completeObjects } from '../../src/cluster/complete.ts';
import type { JsonObject } from '../../src/cluster/json-fields.ts';
import { kubernetesJson } from '../../src/cluster/kubernetes-json.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { objectName } from '../../src/model/names.ts';
import type { WeirObject } from '../../src/model/objects.ts';
import { parseObject } from '../../src/source/parse-object.ts';

export const keyOf = ({ kind, namespace, name }: WeirObject): string => `${kind} ${namespace}/${name}`;

/** The object of a manifest; throws where it is refused. */
export function parsedObject(raw: JsonObject): WeirObject {
  const result = parseObject(raw, 'test.yaml');
  if (result.type !== 'object') throw new Error(JSON.stringify(result));
  return result.object;
}

/** JSON of all completed objects, by kind and name. */
export function jsonOfManifests(raws: readonly JsonObject[]): Map<string, JsonObject> {
  const written = new Map(raws.map((raw) => [keyOf(parsedObject(raw)), raw]));
  const { objects } = completeObjects(raws.map(parsedObject), DEFAULT_CLUSTER_OPTIONS);
  const pods = objects.filter(({ kind, uid }) => kind === 'Pod' && uid !== '');
  const uids = new Map(pods.map(({ namespace, name, uid }) => [objectName(namespace, name), uid]));
  return new Map(
    objects.map((object) => [
      keyOf(object),
      kubernetesJson(object, written.get(keyOf(object)) ?? null, uids),
    ]),
  );
}
