import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { completeObjects } from '../../src/cluster/complete.ts';
import { filledIn } from '../../src/cluster/filled-in.ts';
import type { JsonObject } from '../../src/cluster/json-fields.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { jsonOfManifests, keyOf, parsedObject } from './completed-json.ts';
import { node, objectsOf, pod, service } from './completion.ts';
import { anyManifests } from './random-manifests.ts';

/** JSON of all completed objects, by kind and name. */
function jsonOf(yaml: string): ReadonlyMap<string, JsonObject> {
  return jsonOfManifests(parseAllDocuments(yaml).map((document) => document.toJS() as JsonObject));
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
    const again = [...jsonOf(CLUSTER).values()].map(parsedObject);
    const { objects } = completeObjects(objectsOf(CLUSTER), DEFAULT_CLUSTER_OPTIONS);
    expect(again).toEqual(objects);
    expect(completeObjects(again, DEFAULT_CLUSTER_OPTIONS).objects).toEqual(objects);
  });

  it('changes nothing when it is read and written again, whatever the manifests leave out', () => {
    const property = fc.property(anyManifests, (manifests) => {
      const { objects } = completeObjects(manifests.map(parsedObject), DEFAULT_CLUSTER_OPTIONS);
      const json = jsonOfManifests(manifests);
      const again = [...json.values()];
      expect(again.map(parsedObject)).toEqual(objects);
      expect(jsonOfManifests(again)).toEqual(json);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('fills in what an API server fills in: containers, a hostNetwork pod’s host ports, ingress modes, slice ports', () => {
    const [web, host] = jsonOfManifests([
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p', uid: 'u-1', labels: { app: 'web' } },
        spec: {
          containers: [{ name: 'c', image: 'registry:5000/web', ports: [{ containerPort: 1, name: null }] }],
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'q' },
        spec: {
          hostNetwork: true,
          containers: [{ name: 'c', image: 'web:1', ports: [{ containerPort: 1 }] }],
        },
      },
    ])
      .values()
      .filter(({ kind }) => kind === 'Pod');
    expect(web?.spec).toMatchObject({
      securityContext: {},
      containers: [
        {
          name: 'c',
          image: 'registry:5000/web',
          imagePullPolicy: 'Always',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          ports: [{ containerPort: 1, protocol: 'TCP' }],
        },
      ],
    });
    expect(host?.spec).toMatchObject({
      containers: [{ imagePullPolicy: 'IfNotPresent', ports: [{ containerPort: 1, hostPort: 1 }] }],
    });
  });

  it('gives endpoints the uid of their pod, and slices made by hand the names and protocols of their ports', () => {
    const json = jsonOf(
      node('a') +
        pod('p', '', '', 'uid: u-1, labels: {app: web}') +
        service('web', 'selector: {app: web}, ports: [{port: 80}]') +
        '---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: by-hand}\naddressType: IPv4\nports: [{port: 80}]\n',
    );
    const [made] = (json.get('EndpointSlice default/web-ipv4-0')?.endpoints ?? []) as readonly JsonObject[];
    expect(made?.targetRef).toEqual({ kind: 'Pod', namespace: 'default', name: 'p', uid: 'u-1' });
    expect(json.get('EndpointSlice default/by-hand')).toMatchObject({
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
      endpoints: [],
    });
  });

  it('[A26] says that a load balancer’s address is served as VIP where its manifest does not', () => {
    const status = '{loadBalancer: {ingress: [{ip: 192.0.2.8}, {hostname: lb.example}]}}';
    const text = `${service('lb', 'type: LoadBalancer, ports: [{port: 80}]')}status: ${status}\n`;
    expect(jsonOf(text).get('Service default/lb')?.status).toEqual({
      loadBalancer: { ingress: [{ ip: '192.0.2.8', ipMode: 'VIP' }, { hostname: 'lb.example' }] },
    });
  });

  it('makes slices of its own anew, whatever an earlier output says of them', () => {
    const text = node('a') + pod('p', '') + service('web', 'selector: {app: web}, ports: [{port: 80}]');
    const before = [...jsonOf(text).values()].filter(({ kind, metadata }) => {
      return kind !== 'Pod' || (metadata as JsonObject).name !== 'p';
    });
    expect(jsonOfManifests(before).get('EndpointSlice default/web-ipv4-0')).toMatchObject({
      ports: [],
      endpoints: [],
    });
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
