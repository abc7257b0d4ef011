/** The latest objects with the indexes that compiling needs, and what each batch of changes touched. */
import { isDeepStrictEqual } from 'node:util';
import { type NodeName, type ObjectKey, type ObjectName, objectKey, objectName } from '../model/names.ts';
import type {
  NamespaceObject,
  NodeObject,
  ObjectChange,
  ObjectKind,
  PodObject,
  PolicyObject,
  ServiceCidrObject,
  ServiceObject,
  WeirObject,
} from '../model/objects.ts';
import type { ClusterView, Touched } from '../model/view.ts';
import { createPodIndex, type PodIndex } from './pod-index.ts';
import { createSliceIndex, type SliceIndex } from './slice-index.ts';

export interface World {
  /** Live: shows the objects as of the last apply. */
  readonly view: ClusterView;
  /**
   * Takes changes in order and tells what they touched. Setting an equal object, or deleting an unknown one, touches
   * nothing. Costs what changes, not what exists.
   */
  apply(changes: readonly ObjectChange[]): Touched;
}

export function createWorld(): World {
  const tables = createTables();
  const { sliceIndex, podIndex } = tables;
  return {
    view: {
      namespaces: tables.namespaces,
      nodes: tables.nodes,
      pods: tables.pods,
      services: tables.services,
      serviceCidrs: tables.serviceCidrs,
      policies: tables.policies,
      slicesOf: sliceIndex.slicesOf,
      podsOnNode: podIndex.podsOnNode,
    },
    apply(changes) {
      const touched = createTouched();
      for (const change of changes) {
        if (change.type === 'set') setObject(tables, change.object, touched);
        else deleteObject(tables, change.kind, change.namespace, change.name, touched);
      }
      return touched;
    },
  };
}

interface Tables {
  readonly namespaces: Map<string, NamespaceObject>;
  readonly nodes: Map<NodeName, NodeObject>;
  readonly pods: Map<ObjectName, PodObject>;
  readonly services: Map<ObjectName, ServiceObject>;
  readonly serviceCidrs: Map<string, ServiceCidrObject>;
  readonly policies: Map<ObjectKey, PolicyObject>;
  readonly sliceIndex: SliceIndex;
  readonly podIndex: PodIndex;
}

interface OpenTouched {
  readonly services: Set<ObjectName>;
  readonly pods: Set<ObjectName>;
  readonly nodes: Set<NodeName>;
  readonly namespaces: Set<string>;
  readonly serviceCidrs: Set<string>;
  readonly policies: Set<ObjectKey>;
}

function createTables(): Tables {
  return {
    namespaces: new Map(),
    nodes: new Map(),
    pods: new Map(),
    services: new Map(),
    serviceCidrs: new Map(),
    policies: new Map(),
    sliceIndex: createSliceIndex(),
    podIndex: createPodIndex(),
  };
}

function createTouched(): OpenTouched {
  return {
    services: new Set(),
    pods: new Set(),
    nodes: new Set(),
    namespaces: new Set(),
    serviceCidrs: new Set(),
    policies: new Set(),
  };
}

function setObject(tables: Tables, object: WeirObject, touched: OpenTouched): void {
  const name = objectName(object.namespace, object.name);
  switch (object.kind) {
    case 'Namespace':
      if (replace(tables.namespaces, object.name, object)) touched.namespaces.add(object.name);
      return;
    case 'Node':
      if (replace(tables.nodes, object.name as NodeName, object)) touched.nodes.add(object.name as NodeName);
      return;
    case 'Service':
      if (replace(tables.services, name, object)) touched.services.add(name);
      return;
    case 'Pod': {
      const before = tables.pods.get(name);
      if (!replace(tables.pods, name, object)) return;
      tables.podIndex.replace(before, object);
      touched.pods.add(name);
      return;
    }
    case 'ServiceCIDR':
      if (replace(tables.serviceCidrs, object.name, object)) touched.serviceCidrs.add(object.name);
      return;
    case 'NetworkPolicy':
    case 'ClusterNetworkPolicy': {
      const key = objectKey(object.kind, object.namespace, object.name);
      if (replace(tables.policies, key, object)) touched.policies.add(key);
      return;
    }
    case 'EndpointSlice':
      for (const service of tables.sliceIndex.set(name, object)) touched.services.add(service);
      return;
    case 'Endpoints':
      // The control plane has mirrored them into slices: nothing reads them from here on.
      return;
  }
}

function deleteObject(
  tables: Tables,
  kind: ObjectKind,
  namespace: string,
  plainName: string,
  touched: OpenTouched,
): void {
  const name = objectName(namespace, plainName);
  switch (kind) {
    case 'Namespace':
      if (tables.namespaces.delete(plainName)) touched.namespaces.add(plainName);
      return;
    case 'Node':
      if (tables.nodes.delete(plainName as NodeName)) touched.nodes.add(plainName as NodeName);
      return;
    case 'Service':
      if (tables.services.delete(name)) touched.services.add(name);
      return;
    case 'Pod': {
      const before = tables.pods.get(name);
      if (!tables.pods.delete(name)) return;
      tables.podIndex.replace(before, undefined);
      touched.pods.add(name);
      return;
    }
    case 'ServiceCIDR':
      if (tables.serviceCidrs.delete(plainName)) touched.serviceCidrs.add(plainName);
      return;
    case 'NetworkPolicy':
    case 'ClusterNetworkPolicy': {
      const key = objectKey(kind, namespace, plainName);
      if (tables.policies.delete(key)) touched.policies.add(key);
      return;
    }
    case 'EndpointSlice':
      for (const service of tables.sliceIndex.delete(name)) touched.services.add(service);
      return;
    case 'Endpoints':
      return;
  }
}

function replace<Name, Value>(table: Map<Name, Value>, name: Name, value: Value): boolean {
  if (isDeepStrictEqual(table.get(name), value)) return false;
  table.set(name, value);
  return true;
}
