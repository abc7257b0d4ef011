/** Kubernetes JSON of a completed Pod. */
import type { PodObject } from '../model/objects.ts';
import { fieldsOf, given, type JsonObject, listOf, metadataOf } from './json-fields.ts';

/** The pod over its manifest, with the API server's defaults. */
export function podJson(object: PodObject, raw: JsonObject): JsonObject {
  const { nodeName, addresses, phase, ready } = object;
  const [spec, status] = [fieldsOf(raw.spec), fieldsOf(raw.status)];
  return {
    ...raw,
    metadata: metadataOf(object, raw),
    spec: {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      securityContext: {},
      ...given(spec),
      ...(nodeName === null ? {} : { nodeName }),
      ...containersJson(object, spec, 'initContainers'),
      ...containersJson(object, spec, 'containers'),
    },
    status: {
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      ...given(status),
      phase,
      ...(addresses.length === 0 ? {} : { podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) }),
    },
  };
}

function containersJson(
  { hostNetwork }: PodObject,
  spec: JsonObject,
  field: 'containers' | 'initContainers',
): JsonObject {
  if (!Array.isArray(spec[field])) return {};
  const containers = listOf(spec[field]).map((item) => {
    const container = given(fieldsOf(item));
    const { image, ports } = container;
    return {
      ...(typeof image === 'string' ? { imagePullPolicy: pullPolicy(image) } : {}),
      resources: {},
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      ...container,
      ...(Array.isArray(ports) ? { ports: ports.map((port) => portJson(fieldsOf(port), hostNetwork)) } : {}),
    };
  });
  return { [field]: containers };
}

/** A hostNetwork pod's ports are the node's. */
function portJson(port: JsonObject, hostNetwork: boolean): JsonObject {
  const hostPort = hostNetwork ? { hostPort: port.containerPort } : {};
  return { protocol: 'TCP', ...hostPort, ...given(port) };
}

/** An image that is named without tag or digest is its latest one. */
function pullPolicy(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = (image.split('/').at(-1) ?? '').split(':')[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}
