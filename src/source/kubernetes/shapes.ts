/**
 * Which fields of an object are read, with their numbers in Kubernetes' own `generated.proto` files: for the kinds of
 * which clusters have many. A test holds that parsers read nothing else.
 */
import type { ObjectKind } from '../../model/objects.ts';
import { list, one, type Shape, shapeOf } from './protobuf.ts';

/** metadata of every kind. */
export const OBJECT_META = shapeOf({
  1: one('name', 'text'),
  2: one('generateName', 'text'),
  3: one('namespace', 'text'),
  5: one('uid', 'text'),
  6: one('resourceVersion', 'text'),
  8: one('creationTimestamp', 'time'),
  9: one('deletionTimestamp', 'time'),
  11: one('labels', 'text map'),
  12: one('annotations', 'text map'),
});

const ENDPOINT = shapeOf({
  1: list('addresses', 'text'),
  2: one(
    'conditions',
    shapeOf({ 1: one('ready', 'flag'), 2: one('serving', 'flag'), 3: one('terminating', 'flag') }),
  ),
  3: one('hostname', 'text'),
  4: one(
    'targetRef',
    shapeOf({ 1: one('kind', 'text'), 2: one('namespace', 'text'), 3: one('name', 'text') }),
  ),
  6: one('nodeName', 'text'),
  7: one('zone', 'text'),
  8: one(
    'hints',
    shapeOf({
      1: list('forZones', shapeOf({ 1: one('name', 'text') })),
      2: list('forNodes', shapeOf({ 1: one('name', 'text') })),
    }),
  ),
});

const ENDPOINT_SLICE = shapeOf({
  1: one('metadata', OBJECT_META),
  2: list('endpoints', ENDPOINT),
  3: list(
    'ports',
    shapeOf({
      1: one('name', 'text'),
      2: one('protocol', 'text'),
      3: one('port', 'number'),
      4: one('appProtocol', 'text'),
    }),
  ),
  4: one('addressType', 'text'),
});

const SERVICE_PORT = shapeOf({
  1: one('name', 'text'),
  2: one('protocol', 'text'),
  3: one('port', 'number'),
  4: one('targetPort', 'number or text'),
  5: one('nodePort', 'number'),
  6: one('appProtocol', 'text'),
});

const SERVICE_SPEC = shapeOf({
  1: list('ports', SERVICE_PORT),
  2: one('selector', 'text map'),
  3: one('clusterIP', 'text'),
  4: one('type', 'text'),
  5: list('externalIPs', 'text'),
  7: one('sessionAffinity', 'text'),
  8: one('loadBalancerIP', 'text'),
  9: list('loadBalancerSourceRanges', 'text'),
  10: one('externalName', 'text'),
  11: one('externalTrafficPolicy', 'text'),
  12: one('healthCheckNodePort', 'number'),
  13: one('publishNotReadyAddresses', 'flag'),
  14: one(
    'sessionAffinityConfig',
    shapeOf({ 1: one('clientIP', shapeOf({ 1: one('timeoutSeconds', 'number') })) }),
  ),
  17: one('ipFamilyPolicy', 'text'),
  18: list('clusterIPs', 'text'),
  19: list('ipFamilies', 'text'),
  20: one('allocateLoadBalancerNodePorts', 'flag'),
  21: one('loadBalancerClass', 'text'),
  22: one('internalTrafficPolicy', 'text'),
  23: one('trafficDistribution', 'text'),
});

const SERVICE = shapeOf({
  1: one('metadata', OBJECT_META),
  2: one('spec', SERVICE_SPEC),
  3: one(
    'status',
    shapeOf({
      1: one(
        'loadBalancer',
        shapeOf({ 1: list('ingress', shapeOf({ 1: one('ip', 'text'), 3: one('ipMode', 'text') })) }),
      ),
    }),
  ),
});

const CONTAINER = shapeOf({
  6: list(
    'ports',
    shapeOf({
      1: one('name', 'text'),
      2: one('hostPort', 'number'),
      3: one('containerPort', 'number'),
      4: one('protocol', 'text'),
      5: one('hostIP', 'text'),
    }),
  ),
  24: one('restartPolicy', 'text'),
});

const POD = shapeOf({
  1: one('metadata', OBJECT_META),
  2: one(
    'spec',
    shapeOf({
      2: list('containers', CONTAINER),
      10: one('nodeName', 'text'),
      11: one('hostNetwork', 'flag'),
      16: one('hostname', 'text'),
      17: one('subdomain', 'text'),
      20: list('initContainers', CONTAINER),
    }),
  ),
  3: one(
    'status',
    shapeOf({
      1: one('phase', 'text'),
      2: list(
        'conditions',
        shapeOf({ 1: one('type', 'text'), 2: one('status', 'text'), 4: one('lastTransitionTime', 'time') }),
      ),
      6: one('podIP', 'text'),
      12: list('podIPs', shapeOf({ 1: one('ip', 'text') })),
    }),
  ),
});

/** Kinds that are asked for as protocol buffers; all others are few, and stay JSON. */
export const SHAPES: Readonly<Partial<Record<ObjectKind, Shape>>> = {
  EndpointSlice: ENDPOINT_SLICE,
  Pod: POD,
  Service: SERVICE,
};
