/** Takes changes of the input into the state: explicit claims are entered before anything is assigned. */
import { type ObjectName, objectName } from '../model/names.ts';
import type {
  EndpointSliceObject,
  ObjectChange,
  ObjectKind,
  ServiceCidrObject,
  ServiceObject,
  WeirObject,
} from '../model/objects.ts';
import { FOREIGN_MANAGERS, MANAGED_BY_LABEL, OUR_MANAGER } from './labels.ts';
import { keepServiceCidr, letServiceCidrGo } from './network-stage.ts';
import { claimedNodePorts, explicitNodePorts } from './node-ports.ts';
import { claimedNumbers } from './nodes.ts';
import { isContested } from './pods.ts';
import { claimedClusterIps, explicitClusterIps } from './services.ts';
import { serviceNamedBy } from './slice-packing.ts';
import type { Dirty, State } from './state.ts';

/** Enters one change and marks what has to be looked at again. */
export function takeChange(state: State, change: ObjectChange, dirty: Dirty): void {
  if (change.type === 'set') setInput(state, change.object, dirty);
  else deleteInput(state, change.kind, change.namespace, change.name, dirty);
}

function setInput(state: State, object: WeirObject, dirty: Dirty): void {
  const { input, books } = state;
  const owner = objectName(object.namespace, object.name);
  switch (object.kind) {
    case 'Namespace':
      input.namespaces.set(owner, object);
      dirty.namespaces.add(object.name);
      return;
    case 'Node':
      input.nodes.set(owner, object);
      books.nodeNumbers.claim(owner, object.createdAtMs, claimedNumbers(object, state.options), false);
      dirty.nodes.add(owner);
      return;
    case 'Pod':
      input.pods.set(owner, object);
      books.podAddresses.claim(owner, object.createdAtMs, object.addresses, isContested(object));
      dirty.pods.add(owner);
      return;
    case 'Service':
      setService(state, owner, object);
      dirty.services.add(owner);
      return;
    case 'Endpoints':
      input.endpoints.set(owner, object);
      state.output.put(object);
      dirty.sliceOwners.add(owner);
      return;
    case 'ServiceCIDR':
      setServiceCidr(state, owner, object, dirty);
      return;
    case 'NetworkPolicy':
    case 'ClusterNetworkPolicy':
      // Nothing to complete: they only pass through.
      state.output.put(object);
      return;
    case 'EndpointSlice':
      dropSlice(state, owner, dirty);
      if (object.labels[MANAGED_BY_LABEL] !== OUR_MANAGER) addSlice(state, owner, object, dirty);
      return;
  }
}

function deleteInput(state: State, kind: ObjectKind, namespace: string, name: string, dirty: Dirty): void {
  const { input, books } = state;
  const owner = objectName(namespace, name);
  switch (kind) {
    case 'Namespace':
      if (input.namespaces.delete(owner)) dirty.namespaces.add(name);
      return;
    case 'Node':
      if (!input.nodes.delete(owner)) return;
      books.nodeNumbers.claim(owner, null, [], false);
      dirty.nodes.add(owner);
      return;
    case 'Pod':
      if (!input.pods.delete(owner)) return;
      books.podAddresses.claim(owner, null, [], false);
      dirty.pods.add(owner);
      return;
    case 'Service':
      if (!input.services.delete(owner)) return;
      books.clusterIps.claim(owner, null, [], true);
      books.nodePorts.claim(owner, null, [], true);
      dirty.services.add(owner);
      return;
    case 'Endpoints':
      input.endpoints.delete(owner);
      state.output.remove('Endpoints', owner);
      dirty.sliceOwners.add(owner);
      return;
    case 'ServiceCIDR':
      dropServiceCidr(state, owner, dirty);
      return;
    case 'NetworkPolicy':
    case 'ClusterNetworkPolicy':
      state.output.remove(kind, owner);
      return;
    case 'EndpointSlice':
      dropSlice(state, owner, dirty);
      return;
  }
}

/** What a manifest no longer gives stays as it is: an API server fills it in from the object before. */
function setService({ input, books, output }: State, owner: ObjectName, object: ServiceObject): void {
  const before = input.services.get(owner);
  input.services.set(owner, object);
  books.clusterIps.claim(owner, object.createdAtMs, claimedClusterIps(object), true);
  books.nodePorts.claim(owner, object.createdAtMs, claimedNodePorts(object), true);
  // One that was refused had nothing.
  if (before === undefined || output.get('Service', owner) === undefined) return;
  for (const [slot, ip] of explicitClusterIps(before)) books.clusterIps.adopt(owner, slot, ip);
  for (const [slot, port] of explicitNodePorts(before)) books.nodePorts.adopt(owner, slot, port);
}

function setServiceCidr(state: State, owner: ObjectName, object: ServiceCidrObject, dirty: Dirty): void {
  dropServiceCidr(state, owner, dirty);
  state.input.serviceCidrs.set(owner, object);
  keepServiceCidr(state, object);
  dirty.serviceCidrs.add(object.name);
}

function dropServiceCidr(state: State, owner: ObjectName, dirty: Dirty): void {
  const object = state.input.serviceCidrs.get(owner);
  if (object === undefined) return;
  state.input.serviceCidrs.delete(owner);
  letServiceCidrGo(state, object);
  dirty.serviceCidrs.add(object.name);
}

function addSlice(state: State, name: ObjectName, slice: EndpointSliceObject, dirty: Dirty): void {
  state.input.slices.set(name, slice);
  markSliceOwners(slice, dirty);
  // A slice made here under this name gives way in this batch: its Service is marked by its name.
  state.output.put(slice);
  if (slice.service === null || !isForeign(slice)) return;
  const foreign = state.foreignSlices.get(slice.service) ?? new Set<ObjectName>();
  state.foreignSlices.set(slice.service, foreign.add(name));
}

function dropSlice(state: State, name: ObjectName, dirty: Dirty): void {
  const slice = state.input.slices.get(name);
  if (slice === undefined) return;
  state.input.slices.delete(name);
  state.output.remove('EndpointSlice', name);
  markSliceOwners(slice, dirty);
  if (slice.service === null) return;
  const foreign = state.foreignSlices.get(slice.service);
  foreign?.delete(name);
  if (foreign?.size === 0) state.foreignSlices.delete(slice.service);
}

/** The Service a slice belongs to, and the one whose own slices would be named like it. */
function markSliceOwners(slice: EndpointSliceObject, dirty: Dirty): void {
  if (slice.service !== null) dirty.sliceOwners.add(slice.service);
  const named = serviceNamedBy(slice.name);
  if (named !== undefined) dirty.sliceOwners.add(objectName(slice.namespace, named));
}

function isForeign(slice: EndpointSliceObject): boolean {
  return FOREIGN_MANAGERS.includes(slice.labels[MANAGED_BY_LABEL] ?? '');
}
