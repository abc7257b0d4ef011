/** spec.ports of a Service. */
import { type Port, PROTOCOLS, type Protocol } from '../model/names.ts';
import type { ServiceObject, ServicePort } from '../model/objects.ts';
import {
  childField,
  type Field,
  readChoice,
  readItems,
  readOptionalPort,
  readPort,
  refuse,
  shown,
} from './field.ts';
import { isContainerPortName, readDnsLabel, readQualifiedName } from './name-syntax.ts';

/** Ports in order; a missing or refused one leaves a finding. Headless Services and ExternalNames may have none. */
export function readServicePorts(
  field: Field,
  type: ServiceObject['type'],
  headless: boolean,
): readonly ServicePort[] {
  const items = readItems(field);
  if (items.length === 0 && !headless && type !== 'ExternalName') {
    refuse(field, 'MissingValue', 'the Service has no ports', 'add at least one port');
  }
  const ports = items.flatMap((item) => {
    const port = readServicePort(item, items.length > 1);
    return port === undefined ? [] : [{ item, port }];
  });
  refuseRepeats(ports);
  if (type === 'ClusterIP' || type === 'ExternalName') refuseNodePorts(ports, type);
  return ports.map(({ port }) => port);
}

interface ReadPort {
  readonly item: Field;
  readonly port: ServicePort;
}

function readServicePort(item: Field, nameNeeded: boolean): ServicePort | undefined {
  const nameField = childField(item, 'name');
  const name = nameField.value === '' ? '' : (readDnsLabel(nameField) ?? '');
  if (name === '' && nameNeeded) {
    refuse(nameField, 'MissingName', 'one of several ports has no name', 'name every port');
  }
  const portField = childField(item, 'port');
  const port = readPort(portField);
  const protocol = readChoice(childField(item, 'protocol'), PROTOCOLS) ?? 'TCP';
  const nodePort = readOptionalPort(childField(item, 'nodePort'));
  const appProtocol = readAppProtocol(item);
  if (port === undefined) return refuse(portField, 'MissingValue', 'the port has no number', 'set port');
  const targetPort = readTargetPort(childField(item, 'targetPort'), port);
  return { name, protocol, ...appProtocol, port, targetPort, nodePort };
}

/** appProtocol of a port; nothing where it is absent. */
export function readAppProtocol(item: Field): { readonly appProtocol?: string } {
  const appProtocol = readQualifiedName(childField(item, 'appProtocol'));
  return appProtocol === undefined ? {} : { appProtocol };
}

/** A number or a container port's name; the Service port itself where nothing (or 0, or '') is given. */
function readTargetPort(field: Field, port: Port): Port | string {
  if (field.value === 0 || field.value === '' || field.value === undefined) return port;
  if (typeof field.value !== 'string') return readPort(field) ?? port;
  if (isContainerPortName(field.value)) return field.value;
  const remedy = /^\d+$/.test(field.value)
    ? 'write the number without quotes'
    : "use a port number or the name of a container's port";
  refuse(field, 'InvalidPort', `${shown(field.value)} is neither a port number nor a port name`, remedy);
  return port;
}

function refuseRepeats(ports: readonly ReadPort[]): void {
  const names = new Set<string>();
  const fronts = new Map<string, string>();
  const nodePorts = new Set<string>();
  for (const { item, port } of ports) {
    if (port.name !== '' && names.has(port.name)) {
      const remedy = 'give each port its own name';
      refuse(
        childField(item, 'name'),
        'DuplicatePortName',
        `another port is named "${port.name}" too`,
        remedy,
      );
    }
    names.add(port.name);
    const front = frontText(port.port, port.protocol);
    if (fronts.has(front)) {
      refuse(
        childField(item, 'port'),
        'DuplicatePort',
        `${front} is listed twice`,
        'list each port and protocol once',
      );
    }
    fronts.set(front, port.name);
    if (port.nodePort === null) continue;
    const nodeFront = frontText(port.nodePort, port.protocol);
    if (nodePorts.has(nodeFront)) {
      const remedy = 'give each port of one protocol its own node port';
      refuse(childField(item, 'nodePort'), 'DuplicatePort', `node port ${nodeFront} is used twice`, remedy);
    }
    nodePorts.add(nodeFront);
  }
}

function refuseNodePorts(ports: readonly ReadPort[], type: ServiceObject['type']): void {
  for (const { item, port } of ports) {
    if (port.nodePort === null) continue;
    const remedy = 'set type to NodePort or LoadBalancer, or leave nodePort out';
    refuse(
      childField(item, 'nodePort'),
      'InvalidValue',
      `a Service of type ${type} has no node ports`,
      remedy,
    );
  }
}

function frontText(port: Port, protocol: Protocol): string {
  return `${port}/${protocol}`;
}
