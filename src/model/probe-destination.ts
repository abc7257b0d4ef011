/** WHAT of a probe: pods, Services, node ports and addresses resolved to addresses, port and protocol. */
import { type Address, parseAddress } from './address.ts';
import { objectName, type Port, type Protocol } from './names.ts';
import type { PodObject, ServiceObject } from './objects.ts';
import type { ProbeProtocol, ProbeRequest } from './probe-request.ts';
import { numericPort, transportOf } from './probe-request.ts';
import { nodeAddresses, type ProbeTargets } from './probe-targets.ts';

/** One destination; a part of a list (`pods`) that can't be dialled carries its own error. */
export type ProbeDestination =
  | {
      readonly to: string;
      readonly addresses: readonly Address[];
      readonly port: Port | null;
      readonly protocol: ProbeProtocol;
    }
  | { readonly to: string; readonly error: string };

type Failed = { readonly error: string };
interface DeclaredPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: Port;
}

/** Resolves `request.to`; the error names the field and the remedy. */
export function resolveDestination(
  request: ProbeRequest,
  targets: ProbeTargets,
): readonly ProbeDestination[] | Failed {
  const { to } = request;
  if (to === 'pods') return targets.podsInOrder.map((pod) => podDestination(pod, request));
  if (to.startsWith('svc:')) return serviceDestination(request, targets);
  if (to.startsWith('nodeport:')) return nodePortDestination(request, targets);
  const address = parseAddress(to);
  if (address !== undefined) return addressDestination(address, request, targets);
  const pod = targets.pods.get(to);
  if (pod === undefined) {
    return { error: `to: ${to} is no Pod; use ns/pod, pods, svc:ns/name, nodeport:NODE:PORT or an address` };
  }
  const destination = podDestination(pod, request);
  return 'error' in destination ? destination : [destination];
}

function podDestination(pod: PodObject, request: ProbeRequest): ProbeDestination {
  const to = objectName(pod.namespace, pod.name);
  const chosen = choosePort(request, pod.ports, 'first');
  if ('error' in chosen) return { to, error: `port: Pod ${to} ${chosen.error}` };
  return { to, addresses: pod.addresses, ...chosen };
}

function serviceDestination(
  request: ProbeRequest,
  targets: ProbeTargets,
): readonly ProbeDestination[] | Failed {
  const name = request.to.slice('svc:'.length);
  const service = targets.services.get(name);
  if (service === undefined)
    return { error: `to: there is no Service ${name}; use svc:ns/name of one in the manifests` };
  const addresses = clusterIps(service);
  if (addresses.length === 0)
    return { error: `to: Service ${name} has no cluster IP; dial one of its pods instead` };
  const chosen = choosePort(request, service.ports, 'only');
  if ('error' in chosen) return { error: `port: Service ${name} ${chosen.error}` };
  return [{ to: request.to, addresses, ...chosen }];
}

function clusterIps(service: ServiceObject): readonly Address[] {
  return service.clusterIps === 'headless' || service.type === 'ExternalName' ? [] : service.clusterIps;
}

function nodePortDestination(
  request: ProbeRequest,
  targets: ProbeTargets,
): readonly ProbeDestination[] | Failed {
  const [, nodeName = '', portText = '', ...rest] = request.to.split(':');
  const node = targets.nodes.get(nodeName);
  if (node === undefined)
    return { error: `to: ${nodeName} is no Node; known: ${[...targets.nodes.keys()].join(', ')}` };
  const port = numericPort(portText);
  if (port === undefined || rest.length > 0) {
    return { error: `to: ${request.to} names no port from 1 to 65535; write nodeport:NODE:PORT` };
  }
  const protocol = request.protocol ?? nodePortProtocol(port, targets);
  return [
    { to: request.to, addresses: nodeAddresses(node), port: protocol === 'icmp' ? null : port, protocol },
  ];
}

function nodePortProtocol(nodePort: Port, targets: ProbeTargets): ProbeProtocol {
  const ports = [...targets.services.values()].flatMap((service) => service.ports);
  return usualProtocol(ports.filter((port) => port.nodePort === nodePort));
}

function addressDestination(
  address: Address,
  request: ProbeRequest,
  targets: ProbeTargets,
): readonly ProbeDestination[] | Failed {
  const pod = targets.podByAddress.get(address);
  const service = targets.serviceByAddress.get(address);
  const declared = service?.ports ?? pod?.ports ?? [];
  const chosen = choosePort(request, declared, service === undefined ? 'first' : 'only');
  if ('error' in chosen) return { error: `port: ${address} ${chosen.error}` };
  return [{ to: request.to, addresses: [address], ...chosen }];
}

/**
 * The port and protocol dialled. Without a port the declared one is meant: a Service's only one, a pod's first one.
 * Numbers may be undeclared: whether such a port is refused is often the question.
 */
function choosePort(
  request: ProbeRequest,
  declared: readonly DeclaredPort[],
  without: 'only' | 'first',
): { readonly port: Port | null; readonly protocol: ProbeProtocol } | Failed {
  const { protocol, port } = request;
  if (protocol === 'icmp') return { port: null, protocol };
  const matching = declared.filter((each) => protocol === null || each.protocol === transportOf(protocol));
  if (port === null) return defaultPort(matching, without);
  const number = numericPort(port);
  if (number !== undefined) {
    return {
      port: number,
      protocol: protocol ?? usualProtocol(matching.filter((each) => each.port === number)),
    };
  }
  const named = matching.find((each) => each.name === port);
  if (named === undefined) return { error: `has no port named ${port}; it has ${listed(matching)}` };
  return { port: named.port, protocol: lowerCase(named.protocol) };
}

function defaultPort(
  declared: readonly DeclaredPort[],
  without: 'only' | 'first',
): { readonly port: Port; readonly protocol: ProbeProtocol } | Failed {
  const [first] = declared;
  if (first === undefined) return { error: 'declares no such port; give a port number' };
  if (without === 'only' && declared.length > 1)
    return { error: `has several ports (${listed(declared)}); name one` };
  return { port: first.port, protocol: lowerCase(first.protocol) };
}

/** tcp, unless everything declared at the port speaks one other protocol. */
function usualProtocol(declared: readonly { readonly protocol: Protocol }[]): ProbeProtocol {
  const [first] = declared;
  return first !== undefined && declared.every(({ protocol }) => protocol === first.protocol)
    ? lowerCase(first.protocol)
    : 'tcp';
}

function lowerCase(protocol: Protocol): ProbeProtocol {
  return protocol.toLowerCase() as ProbeProtocol;
}

function listed(ports: readonly DeclaredPort[]): string {
  return (
    ports
      .map(({ name, port, protocol }) => `${name === '' ? '' : `${name} `}${port}/${protocol}`)
      .join(', ') || 'none'
  );
}
