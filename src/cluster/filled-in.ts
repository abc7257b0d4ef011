/** What the control plane added to an object, in words. */
import { FAMILIES } from '../model/address.ts';
import type { PodObject, ServiceObject, WeirObject } from '../model/objects.ts';

/**
 * What was chosen for the completed object or made of it, parts joined by `; `. Empty where nothing was; the API's
 * defaults do not count.
 *
 * @param input the object before completion; null for one that the control plane made
 */
export function filledIn(object: WeirObject, input: WeirObject | null): string {
  if (object.kind === 'EndpointSlice') return input === null ? sliceText(object) : '';
  if (input === null && object.kind === 'Namespace') return 'made, since objects are in it';
  const parts: string[] = [];
  if (object.kind === 'Node') {
    const before = input?.kind === 'Node' ? input : null;
    if (before === null) parts.push('made, since there is no other');
    if ((before?.addresses ?? []).length === 0)
      parts.push(`addresses ${object.addresses.map(({ address }) => address).join(', ')}`);
    if ((before?.podCidrs ?? []).length === 0) parts.push(`pod networks ${object.podCidrs.join(', ')}`);
  }
  if (object.kind === 'Pod' && input?.kind === 'Pod') parts.push(...podParts(object, input));
  if (object.kind === 'Service' && input?.kind === 'Service') parts.push(...serviceParts(object, input));
  return parts.join('; ');
}

function podParts(pod: PodObject, input: PodObject): readonly string[] {
  const isPlaced = input.nodeName === null && pod.nodeName !== null;
  const isAddressed = input.addresses.length === 0 && pod.addresses.length > 0;
  return [
    ...(isPlaced ? [`node ${pod.nodeName}`] : []),
    ...(isAddressed ? [`addresses ${pod.addresses.join(', ')}`] : []),
  ];
}

function serviceParts(service: ServiceObject, input: ServiceObject): readonly string[] {
  const parts: string[] = [];
  const { clusterIps } = service;
  if (clusterIps !== 'headless') {
    const chosen = clusterIps.filter((address) => !input.clusterIps.includes(address));
    if (chosen.length > 0) parts.push(`cluster IPs ${chosen.join(', ')}`);
  } else if (input.ipFamilies.length === 0) parts.push(`families ${familyText(service)}`);
  for (const [index, { port, protocol, nodePort }] of service.ports.entries()) {
    if (nodePort !== null && input.ports[index]?.nodePort === null)
      parts.push(`node port ${nodePort} for ${port}/${protocol}`);
  }
  if (service.healthCheckNodePort !== null && input.healthCheckNodePort === null)
    parts.push(`health check node port ${service.healthCheckNodePort}`);
  if (service.loadBalancerIngress.length > 0 && input.loadBalancerIngress.length === 0) {
    const addresses = service.loadBalancerIngress.map(({ address }) => address);
    parts.push(`load balancer ${addresses.join(', ')}`);
  }
  return parts;
}

function familyText({ ipFamilies }: ServiceObject): string {
  return FAMILIES.filter((family) => ipFamilies.includes(family)).join(', ');
}

function sliceText({
  service,
  endpoints,
  ports,
}: Extract<WeirObject, { readonly kind: 'EndpointSlice' }>): string {
  const ready = endpoints.filter((endpoint) => endpoint.ready).length;
  const count = `${endpoints.length} ${endpoints.length === 1 ? 'endpoint' : 'endpoints'} (${ready} ready)`;
  const numbers = ports.map(({ port, protocol }) => `${port}/${protocol}`).join(', ');
  return `made for Service ${service}: ${count}${numbers === '' ? '' : `, port ${numbers}`}`;
}
