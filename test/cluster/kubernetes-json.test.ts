import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { completeObjects } from '../../src/cluster/complete.ts';
import { filledIn } from '../../src/cluster/filled-in.ts';
import { type JsonObject, kubernetesJson } from '../../src/cluster/kubernetes-json.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { WeirObject } from '../../src/model/objects.ts';
import { parseObject } from '../../src/source/parse-object.ts';
import { node, objectsOf, pod, service } from './completion.ts';

const keyOf = ({ kind, namespace, name }: WeirObject) => `${kind} ${namespace}/${name}`;

function parsed(raw: JsonObject): WeirObject {
  const result = parseObject(raw, null);
  if (result.type !== 'object') throw new Error(JSON.stringify(result));
  return result.object;
}

/** JSON of all completed objects, by kind and name. */
function jsonOf(yaml: string): ReadonlyMap<string, JsonObject> {
  const raws = parseAllDocuments(yaml).map((document) => document.toJS() as JsonObject);
  const written = new Map(raws.map((raw) => [keyOf(parsed(raw)), raw]));
  const { objects } = completeObjects(objectsOf(yaml), DEFAULT_CLUSTER_OPTIONS);
  return new Map(
    objects.map((object) => [keyOf(object), kubernetesJson(object, written.get(keyOf(object)) ?? null)]),
  );
}

const CLUSTER =
  node('a', 'topology.kubernetes.io/zone: z1', '', 'addresses: [{type: Hostname, address: a}]') +
  node('b', 'topology.kubernetes.io/zone: z2') +
  pod('p1', 'subdomain: s, hostname: h, containers: [{image: x, ports: [{containerPort: 8080}]}]') +
  pod('p2', 'nodeName: b, dnsPolicy: null', 'conditions: [{type: Ready, status: "False"}]') +
  pod('gone', 'nodeName: a', 'phase: Succeeded') +
  service('s', 'selector: {app: web}, clusterIP: None, ports: [{port: 80, name: http}]') +
  service('close', 'selector: {app: web}, trafficDistribution: PreferSameNode, ports: [{port: 80}]') +
  service(
    'lb',
    'type: LoadBalancer, selector: {app: web}, loadBalancerIP: 192.0.2.7, externalTrafficPolicy: Local, ' +
      'ipFamilyPolicy: PreferDualStack, sessionAffinity: ClientIP, ports: [{port: 80, name: a, targetPort: 8080}, {port: 81, name: b, appProtocol: h2c}]',
  ) +
  service('name', 'type: ExternalName, externalName: db.example.com') +
  service('plain', 'type: "", clusterIP: "", ports: [{port: 80, protocol: ""}]');

describe('Kubernetes JSON of completed objects', () => {
  it('says the same as the objects: read again, it completes to what it was', () => {
    const again = [...jsonOf(CLUSTER).values()].map(parsed);
    const { objects } = completeObjects(objectsOf(CLUSTER), DEFAULT_CLUSTER_OPTIONS);
    expect(again).toEqual(objects);
    expect(completeObjects(again, DEFAULT_CLUSTER_OPTIONS).objects).toEqual(objects);
  });

  it('[A63] holds families, addresses and ports of a Service, and keeps fields that Weir does not use', () => {
    expect(jsonOf(CLUSTER).get('Service default/lb')).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'lb', namespace: 'default' },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'web' },
        loadBalancerIP: '192.0.2.7',
        clusterIP: expect.stringMatching(/^10\.96\./),
        clusterIPs: [expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd96::/)],
        ipFamilies: ['IPv4', 'IPv6'],
        ipFamilyPolicy: 'PreferDualStack',
        ports: [
          { name: 'a', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: expect.any(Number) },
          {
            name: 'b',
            appProtocol: 'h2c',
            protocol: 'TCP',
            port: 81,
            targetPort: 81,
            nodePort: expect.any(Number),
          },
        ],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
        internalTrafficPolicy: 'Cluster',
        externalTrafficPolicy: 'Local',
        allocateLoadBalancerNodePorts: true,
        healthCheckNodePort: expect.any(Number),
      },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.7', ipMode: 'VIP' }] } },
    });
  });

  it('takes empty fields for absent ones, as the API server does', () => {
    expect(jsonOf(CLUSTER).get('Service default/plain')?.spec).toMatchObject({
      type: 'ClusterIP',
      clusterIP: expect.stringMatching(/^10\.96\./),
      ports: [{ protocol: 'TCP', port: 80, targetPort: 80 }],
      sessionAffinity: 'None',
    });
  });

  it('gives headless Services None, and ExternalNames no address at all', () => {
    const json = jsonOf(CLUSTER);
    expect(json.get('Service default/s')?.spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] });
    expect(json.get('Service default/name')?.spec).toEqual({
      type: 'ExternalName',
      externalName: 'db.example.com',
      sessionAffinity: 'None',
    });
  });

  it('holds generated slices as their controller writes them', () => {
    const slice = jsonOf(CLUSTER).get('EndpointSlice default/close-ipv4-0');
    expect(slice).toMatchObject({
      apiVersion: 'discovery.k8s.io/v1',
      metadata: {
        name: 'close-ipv4-0',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'close' },
      },
      addressType: 'IPv4',
    });
    const [first, second] = (slice?.endpoints ?? []) as readonly JsonObject[];
    expect(first).toMatchObject({
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', namespace: 'default', name: 'p1' },
      hints: { forZones: [{ name: first?.zone }], forNodes: [{ name: first?.nodeName }] },
    });
    expect(second).toMatchObject({ conditions: { ready: false, serving: false }, nodeName: 'b', zone: 'z2' });
    expect(second).not.toHaveProperty('hints');
  });

  it('adds a pod’s node, addresses and defaults, and a node’s, beside what they say', () => {
    const json = jsonOf(CLUSTER);
    expect(json.get('Pod default/p1')).toMatchObject({
      spec: {
        nodeName: expect.stringMatching(/^[ab]$/),
        dnsPolicy: 'ClusterFirst',
        containers: [{ image: 'x', ports: [{ containerPort: 8080, protocol: 'TCP' }] }],
      },
      status: {
        phase: 'Running',
        podIP: expect.stringMatching(/^10\.244\./),
        podIPs: [{ ip: expect.stringMatching(/^10\.244\./) }, { ip: expect.stringMatching(/^fd44:/) }],
      },
    });
    expect(json.get('Pod default/p2')?.spec).toMatchObject({ dnsPolicy: 'ClusterFirst' });
    expect(json.get('Node /a')?.status).toEqual({
      addresses: [
        { type: 'InternalIP', address: '172.31.0.1' },
        { type: 'InternalIP', address: 'fd31::1' },
        { type: 'Hostname', address: 'a' },
      ],
    });
    expect(json.get('Namespace /default')).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'default' } },
      status: { phase: 'Active' },
    });
  });
});

describe('what was filled in', () => {
  it('names each choice, and nothing of what was given', () => {
    const given = new Map(objectsOf(CLUSTER).map((object) => [keyOf(object), object]));
    const { objects } = completeObjects(objectsOf(CLUSTER), DEFAULT_CLUSTER_OPTIONS);
    const text = new Map(
      objects.map((object) => [keyOf(object), filledIn(object, given.get(keyOf(object)) ?? null)]),
    );
    expect(text.get('Service default/lb')).toMatch(
      /^cluster IPs 10\.96\.\S+, fd96::\S+; node port \d+ for 80\/TCP; node port \d+ for 81\/TCP; health check node port \d+; load balancer 192\.0\.2\.7$/,
    );
    expect(text.get('Service default/name')).toBe('');
    expect(text.get('Pod default/p1')).toMatch(/^node [ab]; addresses 10\.244\.\S+, fd44:\S+$/);
    expect(text.get('Pod default/p2')).toMatch(/^addresses /);
    expect(text.get('Node /b')).toBe(
      'addresses 172.31.0.2, fd31::2; pod networks 10.244.2.0/24, fd44:2::/64',
    );
    expect(text.get('Namespace /default')).toBe('made, since objects are in it');
    expect(text.get('EndpointSlice default/close-ipv4-0')).toBe(
      'made for Service default/close: 2 endpoints (1 ready), port 80/TCP',
    );
  });
});
