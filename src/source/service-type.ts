/** Fields that Services of some types may not have: the API server refuses them, though each is valid alone. */
import type { ServiceObject } from '../model/objects.ts';
import { childField, type Field, fieldAt, isPresent, readItems, reject, warn } from './field.ts';

export const SOURCE_RANGES_ANNOTATION = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** The kubelet's own port. */
const KUBELET_PORT = 10250;

/** Rejects what does not belong to a Service of this type. */
export function rejectForeignFields(root: Field, service: ServiceObject): void {
  const spec = childField(root, 'spec');
  if (service.type === 'LoadBalancer') rejectKubeletPort(spec, service);
  else rejectBalancerFields(root, spec);
  if (service.type === 'ExternalName') rejectFamilies(spec);
  rejectPolicies(spec, service);
  const affinity = childField(spec, 'sessionAffinityConfig');
  if (service.affinitySeconds === null && isPresent(affinity)) {
    const remedy = 'set sessionAffinity to ClientIP or leave sessionAffinityConfig out';
    warn(affinity, 'NoEffect', 'it has no effect without session affinity', remedy);
  }
}

function rejectKubeletPort(spec: Field, { ports }: ServiceObject): void {
  for (const [index, item] of readItems(childField(spec, 'ports')).entries()) {
    if (ports[index]?.port !== KUBELET_PORT) continue;
    const message = `a load balancer may not expose port ${KUBELET_PORT}: it is the kubelet's`;
    reject(childField(item, 'port'), 'InvalidValue', message, 'use another port');
  }
}

function rejectBalancerFields(root: Field, spec: Field): void {
  const ranges = childField(spec, 'loadBalancerSourceRanges');
  const annotation = fieldAt(root, 'metadata', 'annotations', SOURCE_RANGES_ANNOTATION);
  const given = [
    ...(readItems(ranges).length > 0 ? [ranges] : []),
    ...(readItems(ranges).length === 0 && isPresent(annotation) ? [annotation] : []),
    ...['allocateLoadBalancerNodePorts', 'loadBalancerClass']
      .map((name) => childField(spec, name))
      .filter(isPresent),
  ];
  for (const field of given) {
    reject(field, 'InvalidValue', 'only load balancers have it', 'set type to LoadBalancer or leave it out');
  }
}

function rejectFamilies(spec: Field): void {
  const [families, policy] = [childField(spec, 'ipFamilies'), childField(spec, 'ipFamilyPolicy')];
  const given = [
    ...(readItems(families).length > 0 ? [families] : []),
    ...(isPresent(policy) ? [policy] : []),
  ];
  for (const field of given) {
    const remedy = 'leave it out: an ExternalName is a DNS name only';
    reject(field, 'InvalidValue', 'a Service of type ExternalName has no addresses of its own', remedy);
  }
}

function rejectPolicies(spec: Field, service: ServiceObject): void {
  const { type, externalIps, externalTrafficPolicy } = service;
  const isReached =
    type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIps.length > 0);
  const policy = childField(spec, 'externalTrafficPolicy');
  if (!isReached && isPresent(policy) && policy.value !== '') {
    const remedy = 'set type to NodePort or LoadBalancer, add externalIPs, or leave it out';
    reject(policy, 'InvalidValue', 'nothing of this Service is reached from outside', remedy);
  }
  const isAsked = type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
  if (!isAsked && service.healthCheckNodePort !== null) {
    const remedy = 'use type LoadBalancer with externalTrafficPolicy Local or leave it out';
    reject(
      childField(spec, 'healthCheckNodePort'),
      'InvalidValue',
      'nothing asks for this health check',
      remedy,
    );
  }
}
