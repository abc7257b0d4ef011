/** A cluster's view made of objects, and the parts of compiled rows that tests look at. */
import { compileAll } from '../../../src/compile/services/compiler.ts';
import { formatEndpoint } from '../../../src/model/address.ts';
import type { CompileOptions } from '../../../src/model/compile-options.ts';
import { compareText, type NodeName, type ObjectName, objectName } from '../../../src/model/names.ts';
import type {
  EndpointSliceObject,
  NodeObject,
  PodObject,
  ServiceCidrObject,
  ServiceObject,
  WeirObject,
} from '../../../src/model/objects.ts';
import type { BackendRow, FrontendRow, Rows, ServiceId, ServiceRows } from '../../../src/model/rows.ts';
import type { ClusterView } from '../../../src/model/view.ts';
import { defaultOptions } from './sample-objects.ts';

/** The objects as the world would show them; of two with one name the later counts. */
export function viewOf(objects: readonly WeirObject[]): ClusterView {
  const nodes = new Map<NodeName, NodeObject>();
  const pods = new Map<ObjectName, PodObject>();
  const services = new Map<ObjectName, ServiceObject>();
  const slices = new Map<ObjectName, EndpointSliceObject>();
  const serviceCidrs = new Map<string, ServiceCidrObject>();
  for (const object of objects) {
    const name = objectName(object.namespace, object.name);
    if (object.kind === 'Node') nodes.set(object.name as NodeName, object);
    if (object.kind === 'Pod') pods.set(name, object);
    if (object.kind === 'Service') services.set(name, object);
    if (object.kind === 'EndpointSlice') slices.set(name, object);
    if (object.kind === 'ServiceCIDR') serviceCidrs.set(object.name, object);
  }
  return {
    namespaces: new Map(),
    nodes,
    pods,
    services,
    serviceCidrs,
    policies: new Map(),
    slicesOf: (service) =>
      [...slices.values()]
        .filter((slice) => slice.service === service)
        .sort((a, b) => compareText(a.name, b.name)),
    podsOnNode: (node) => [...pods.values()].filter(({ nodeName }) => nodeName === node),
  };
}

/** Everything compiled from scratch. */
export function compile(
  objects: readonly WeirObject[],
  options: Partial<CompileOptions> = {},
): ReturnType<typeof compileAll> {
  return compileAll(viewOf(objects), defaultOptions(options));
}

/** The rows of this id; throws when there are none, naming those there are. */
export function rowsOf(rows: Rows, id: string): ServiceRows {
  const found = rows.services.get(id as ServiceId);
  if (found === undefined) throw new Error(`no rows ${id} among: ${[...rows.services.keys()].join(', ')}`);
  return found;
}

/** `address:port` of each backend, in slot order. */
export function targets(backends: readonly BackendRow[]): readonly string[] {
  return backends.map(({ address, port }) => formatEndpoint(address, port));
}

/** `kind address:port inside/outside/elsewhere` of each frontend; `*` for any address. */
export function frontends({
  frontends: list,
}: {
  readonly frontends: readonly FrontendRow[];
}): readonly string[] {
  return list.map(
    ({ kind, address, port, inside, outside, elsewhere }) =>
      `${kind} ${address === null ? `*:${port}` : formatEndpoint(address, port)} ${inside}/${outside}/${elsewhere}`,
  );
}

/** `REASON field` of each problem, sorted as they come. */
export function reasons(problems: ReturnType<typeof compileAll>['problems']): readonly string[] {
  return problems
    .filter(({ reason }) => reason !== 'NodeNotFound')
    .map(({ reason, object, field }) => `${object.kind} ${object.name}: ${reason} ${field}`);
}
