/** core/v1 Pod. */
import { type Address, familyOf } from '../model/address.ts';
import { type NodeName, PROTOCOLS } from '../model/names.ts';
import type { ContainerPort, PodObject } from '../model/objects.ts';
import {
  childField,
  type Field,
  isPresent,
  readAddress,
  readBoolean,
  readChoice,
  readHostAddress,
  readItems,
  readOptionalPort,
  readPort,
  readText,
  refuse,
  reject,
} from './field.ts';
import { readMeta, readTime } from './meta.ts';
import { readContainerPortName, readDnsLabel, readDnsSubdomain } from './name-syntax.ts';
import { sharedText } from './shared-values.ts';

const PHASES = ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'] as const;

/**
 * Findings say what is wrong; the result holds only where none is an error. Manifests rarely carry a status: a pod
 * without a phase counts as Running, and a running pod without conditions as ready.
 */
export function readPodObject(root: Field): PodObject {
  const [spec, status] = [childField(root, 'spec'), childField(root, 'status')];
  const phase = readChoice(childField(status, 'phase'), PHASES) ?? 'Running';
  const hostNetwork = readBoolean(childField(spec, 'hostNetwork'), false);
  rejectHostPortClashes(readItems(childField(spec, 'containers')), hostNetwork);
  return {
    kind: 'Pod',
    ...readMeta(root, 'namespaced', 'subdomain'),
    nodeName: readNodeName(childField(spec, 'nodeName')),
    hostNetwork,
    hostname: readOptionalLabel(childField(spec, 'hostname')),
    subdomain: readOptionalLabel(childField(spec, 'subdomain')),
    phase,
    ...readReady(childField(status, 'conditions'), phase),
    addresses: readPodAddresses(status),
    ports: containerFields(spec).flatMap((container) => readContainerPorts(container, hostNetwork)),
  };
}

/** A node's name, or null where the field is absent or empty. */
export function readNodeName(field: Field): NodeName | null {
  const name = field.value === '' ? undefined : (readDnsSubdomain(field) as NodeName | undefined);
  return name === undefined ? null : sharedText(name);
}

function readOptionalLabel(field: Field): string {
  return field.value === '' ? '' : (readDnsLabel(field) ?? '');
}

/** Containers, then those init containers that keep running beside them (sidecars): of equal names the first counts. */
function containerFields(spec: Field): readonly Field[] {
  const sidecars = readItems(childField(spec, 'initContainers')).filter(
    (container) => childField(container, 'restartPolicy').value === 'Always',
  );
  return [...readItems(childField(spec, 'containers')), ...sidecars];
}

/** Whether the condition Ready is True, and since when; without any condition, whether the pod is running. */
function readReady(
  conditions: Field,
  phase: PodObject['phase'],
): Pick<PodObject, 'ready' | 'readyChangedAtMs'> {
  const items = readItems(conditions);
  if (items.length === 0) return { ready: phase === 'Running' };
  const condition = items.find((item) => childField(item, 'type').value === 'Ready');
  if (condition === undefined) return { ready: false };
  const ready = readChoice(childField(condition, 'status'), ['True', 'False', 'Unknown']) === 'True';
  const changedAtMs = readTime(childField(condition, 'lastTransitionTime'));
  return { ready, ...(changedAtMs === null ? {} : { readyChangedAtMs: changedAtMs }) };
}

function readPodAddresses(status: Field): readonly Address[] {
  const [list, single] = [childField(status, 'podIPs'), childField(status, 'podIP')];
  const fields = isPresent(list)
    ? readItems(list).map((item) => childField(item, 'ip'))
    : single.value === ''
      ? []
      : [single];
  const addresses: Address[] = [];
  for (const field of fields) {
    const address = readHostAddress(field);
    if (address === undefined) continue;
    if (addresses.some((other) => familyOf(other) === familyOf(address))) {
      const remedy = 'keep at most one IPv4 and one IPv6 address';
      refuse(field, 'DuplicateFamily', `${address} is the pod's second ${familyOf(address)} address`, remedy);
    }
    addresses.push(address);
  }
  return addresses;
}

function readContainerPorts(container: Field, hostNetwork: boolean): readonly ContainerPort[] {
  const names = new Set<string>();
  return readItems(childField(container, 'ports')).flatMap((item) => {
    const nameField = childField(item, 'name');
    const name = nameField.value === '' ? '' : (readContainerPortName(nameField) ?? '');
    if (name !== '' && names.has(name)) {
      const remedy = 'give each port of a container its own name';
      refuse(nameField, 'DuplicatePortName', `another port of the container is named "${name}" too`, remedy);
    }
    names.add(name);
    return readContainerPort(item, name, hostNetwork) ?? [];
  });
}

function readContainerPort(item: Field, name: string, hostNetwork: boolean): ContainerPort | undefined {
  const portField = childField(item, 'containerPort');
  const port = readPort(portField);
  const protocol = readChoice(childField(item, 'protocol'), PROTOCOLS) ?? 'TCP';
  const hostPort = readHostPort(childField(item, 'hostPort'), port, hostNetwork);
  const hostIp = readHostIp(childField(item, 'hostIP'));
  if (port !== undefined) return { name, port, protocol, hostPort, hostIp };
  return refuse(portField, 'MissingValue', 'the port has no number', 'set containerPort');
}

/** Containers of a pod that want the same port of the node, at the same hostIP. */
function rejectHostPortClashes(containers: readonly Field[], hostNetwork: boolean): void {
  const taken = new Set<string>();
  for (const item of containers.flatMap((container) => readItems(childField(container, 'ports')))) {
    const [hostPort, port] = ['hostPort', 'containerPort'].map((name) => childField(item, name));
    const wanted = hostPort?.value || (hostNetwork ? port?.value : undefined);
    if (hostPort === undefined || wanted === undefined) continue;
    const protocol = childField(item, 'protocol').value ?? 'TCP';
    const key = [protocol, childField(item, 'hostIP').value ?? '', wanted].join(' ');
    if (taken.has(key)) {
      const remedy = 'give each port of the pod its own host port';
      reject(hostPort, 'DuplicatePort', `host port ${wanted}/${protocol} is used twice`, remedy);
    }
    taken.add(key);
  }
}

/** null for hostNetwork pods: their ports are the node's already, there is nothing to forward. */
function readHostPort(
  field: Field,
  port: number | undefined,
  hostNetwork: boolean,
): ContainerPort['hostPort'] {
  const hostPort = readOptionalPort(field);
  if (!hostNetwork) return hostPort;
  if (hostPort !== null && port !== undefined && hostPort !== port) {
    const remedy = 'a hostNetwork pod listens on the node itself: leave hostPort out or repeat containerPort';
    refuse(field, 'InvalidHostPort', `${hostPort} differs from containerPort ${port}`, remedy);
  }
  return null;
}

function readHostIp(field: Field): Address | null {
  if (readText(field) === '') return null;
  const address = readAddress(field);
  return address === undefined || address === '0.0.0.0' || address === '::' ? null : address;
}

/** The name in a reference of kind Pod; null for other kinds. */
export function readPodReference(field: Field): { readonly namespace: string; readonly name: string } | null {
  if (childField(field, 'kind').value !== 'Pod') return null;
  const name = readText(childField(field, 'name'));
  if (name === undefined || name === '') return null;
  return { namespace: readText(childField(field, 'namespace')) ?? '', name };
}
