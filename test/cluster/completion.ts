/** Completion for tests: manifests as YAML in, objects by kind and name out. */
import { parseAllDocuments } from 'yaml';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type {
  EndpointSliceObject,
  NodeObject,
  PodObject,
  Problem,
  ServiceObject,
  WeirObject,
} from '../../src/model/objects.ts';
import { parseObject } from '../../src/source/parse-object.ts';

export interface Completed {
  readonly objects: readonly WeirObject[];
  readonly problems: readonly Problem[];
  node(name: string): NodeObject | undefined;
  pod(name: string): PodObject | undefined;
  service(name: string): ServiceObject | undefined;
  /** Slices of the Service, by name. */
  slices(service: string): readonly EndpointSliceObject[];
  /** `severity reason kind name field` of each problem. */
  findings(): readonly string[];
}

/** The valid objects of a YAML text; throws for a refused one. */
export function objectsOf(yaml: string): readonly WeirObject[] {
  return parseAllDocuments(yaml).map((document) => {
    const result = parseObject(document.toJS(), null);
    if (result.type !== 'object') throw new Error(JSON.stringify(result));
    return result.object;
  });
}

/** Completes the objects of a YAML text with the default options, or those given in part. */
export function complete(yaml: string, options: Partial<typeof DEFAULT_CLUSTER_OPTIONS> = {}): Completed {
  return completedOf(completeObjects(objectsOf(yaml), { ...DEFAULT_CLUSTER_OPTIONS, ...options }));
}

export function completedOf({
  objects,
  problems,
}: {
  readonly objects: readonly WeirObject[];
  readonly problems: readonly Problem[];
}): Completed {
  const find = (kind: string, name: string) =>
    objects.find((object) => object.kind === kind && object.name === name);
  return {
    objects,
    problems,
    node: (name) => find('Node', name) as NodeObject | undefined,
    pod: (name) => find('Pod', name) as PodObject | undefined,
    service: (name) => find('Service', name) as ServiceObject | undefined,
    slices: (service) =>
      objects.filter(
        (object): object is EndpointSliceObject =>
          object.kind === 'EndpointSlice' && object.service === `default/${service}`,
      ),
    findings: () =>
      problems.map(
        ({ severity, reason, object, field }) =>
          `${severity} ${reason} ${object.kind} ${object.name} ${field}`,
      ),
  };
}

/** A manifest in one line of YAML. */
export function manifest(kind: string, metadata: string, spec = '', more = ''): string {
  const apiVersion = kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1';
  const body = spec === '' ? '' : `spec: {${spec}}\n`;
  return `---\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {${metadata}}\n${body}${more}\n`;
}

export const service = (name: string, spec: string, metadata = ''): string =>
  manifest('Service', `name: ${name}${metadata === '' ? '' : `, ${metadata}`}`, spec);

export const pod = (name: string, spec: string, status = '', metadata = 'labels: {app: web}'): string =>
  manifest('Pod', `name: ${name}, ${metadata}`, spec, status === '' ? '' : `status: {${status}}`);

export const node = (name: string, labels = '', spec = '', status = ''): string =>
  manifest('Node', `name: ${name}, labels: {${labels}}`, spec, status === '' ? '' : `status: {${status}}`);
