/** Edits of a Service, as an API server takes them: what is kept, what is given back, what is refused. */
import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { keepLastGood } from '../../src/cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type { ServiceObject, WeirObject } from '../../src/model/objects.ts';
import { follow, ordered } from './clusters.ts';
import { completedOf, objectsOf, service } from './completion.ts';

const PORT = 'ports: [{port: 80}]';

/** A Service that is edited; each edit answers with the Service and what was found. */
function edited() {
  const plane = keepLastGood(createControlPlane(DEFAULT_CLUSTER_OPTIONS));
  const objects = new Map<string, WeirObject>();
  return (spec: string, name = 'web') => {
    const step = plane.apply(objectsOf(service(name, spec)).map((object) => ({ type: 'set', object })));
    const done = completedOf({
      objects: ordered(follow(objects, step.changes).values()),
      problems: step.problems,
    });
    return { web: done.service('web') as ServiceObject, findings: done.findings() };
  };
}

const nodePorts = ({ web }: { readonly web: ServiceObject }) => web.ports.map(({ nodePort }) => nodePort);

describe('a change of type', () => {
  it('[A21] keeps the cluster IP, and node ports from NodePort to LoadBalancer and back', () => {
    const edit = edited();
    const plain = edit(PORT);
    const exposed = edit(`type: NodePort, ${PORT}`);
    const balanced = edit(`type: LoadBalancer, ${PORT}`);
    expect(exposed.web.clusterIps).toEqual(plain.web.clusterIps);
    expect(balanced.web.clusterIps).toEqual(plain.web.clusterIps);
    expect(nodePorts(plain)).toEqual([null]);
    expect(nodePorts(balanced)).toEqual(nodePorts(exposed));
    expect(nodePorts(edit(`type: NodePort, ${PORT}`))).toEqual(nodePorts(exposed));
    expect(nodePorts(edit(PORT))).toEqual([null]);
  });

  it('[A20] to ExternalName gives cluster IPs back, and from it new ones', () => {
    const edit = edited();
    edit(`${PORT}, clusterIP: 10.96.0.7`);
    const named = edit('type: ExternalName, externalName: db.example.com');
    expect([named.web.clusterIps, named.findings]).toEqual([[], []]);
    expect(edit(`${PORT}, clusterIP: 10.96.0.7`, 'other').findings).toEqual([]);
    const back = edit(PORT);
    expect(back.web.clusterIps).toHaveLength(1);
    expect(back.web.clusterIps).not.toEqual(['10.96.0.7']);
  });

  it('[A49] gives the health check’s node port back with policy Local, and keeps it else', () => {
    const edit = edited();
    const local = `type: LoadBalancer, externalTrafficPolicy: Local, ${PORT}`;
    const port = edit(local).web.healthCheckNodePort;
    expect(port).not.toBeNull();
    expect(edit(`${local}, sessionAffinity: ClientIP`).web.healthCheckNodePort).toBe(port);
    expect(edit(`type: LoadBalancer, ${PORT}`).web.healthCheckNodePort).toBeNull();
  });
});

describe('what an edit no longer gives', () => {
  it('[A65] [A22] stays as it is: cluster IPs, node ports, the health check’s', () => {
    const edit = edited();
    const given =
      'type: LoadBalancer, externalTrafficPolicy: Local, clusterIP: 10.96.0.7, healthCheckNodePort: 30009';
    edit(`${given}, ports: [{name: a, port: 80, nodePort: 30007}, {name: b, port: 81, nodePort: 30008}]`);
    const after = edit(
      'type: LoadBalancer, externalTrafficPolicy: Local, ports: [{name: b, port: 81}, {name: a, port: 80}]',
    );
    expect(after.web.clusterIps).toEqual(['10.96.0.7']);
    expect(nodePorts(after)).toEqual([30008, 30007]);
    expect(after.web.healthCheckNodePort).toBe(30009);
    expect(edit(`${PORT}, clusterIP: 10.96.0.7`, 'other').findings).toEqual([
      'error DuplicateClusterIP Service other spec.clusterIP',
    ]);
  });

  it('[A27] of node ports stays when a load balancer begins to do without, and none are new', () => {
    const edit = edited();
    const before = edit(`type: LoadBalancer, ${PORT}`);
    const without = 'type: LoadBalancer, allocateLoadBalancerNodePorts: false';
    const after = edit(`${without}, ports: [{name: a, port: 80}, {name: b, port: 81}]`);
    expect(nodePorts(after)).toEqual([...nodePorts(before), null]);
    expect(nodePorts(edit(PORT))).toEqual([null]);
    expect(nodePorts(edit(`${without}, ${PORT}`))).toEqual([null]);
  });
});

describe('families', () => {
  it('[A64] come and go behind the first, which stays', () => {
    const edit = edited();
    const [first] = edit(`${PORT}, clusterIP: 10.96.0.7`).web.clusterIps;
    const dual = edit(`${PORT}, ipFamilyPolicy: PreferDualStack`);
    expect(dual.web.clusterIps).toEqual([first, expect.stringMatching(/^fd96::/)]);
    expect(dual.web.ipFamilies).toEqual(['IPv4', 'IPv6']);
    const single = edit(`${PORT}, ipFamilyPolicy: SingleStack`);
    expect([single.web.clusterIps, single.web.ipFamilies]).toEqual([[first], ['IPv4']]);
    const [, second] = dual.web.clusterIps;
    expect(edit(`${PORT}, clusterIP: "${second}"`, 'other').findings).toEqual([]);
  });

  it('[A64] stay when the policy is left out, and go with one that says so', () => {
    const edit = edited();
    const { web } = edit(`${PORT}, ipFamilyPolicy: PreferDualStack`);
    expect(edit(PORT).web).toEqual(web);
    expect(edit(`${PORT}, sessionAffinity: ClientIP`).web).toMatchObject({
      ipFamilyPolicy: 'PreferDualStack',
      clusterIps: web.clusterIps,
    });
    expect(edit(`${PORT}, ipFamilyPolicy: SingleStack`).web.ipFamilies).toEqual(['IPv4']);
    const named = edit('type: ExternalName, externalName: db.example.com').web;
    expect([named.ipFamilyPolicy, named.ipFamilies]).toEqual([null, []]);
  });

  it('[A63] never change their first one', () => {
    const edit = edited();
    const { web } = edit(`${PORT}, ipFamilyPolicy: RequireDualStack`);
    const after = edit(`${PORT}, ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4]`);
    expect(after.findings).toEqual(['error ImmutableField Service web spec.ipFamilies[0]']);
    expect(after.web).toEqual(web);
  });
});

describe('cluster IPs', () => {
  it.each([
    ['another one', 'clusterIP: 10.96.0.7', 'clusterIP: 10.96.0.8', 'spec.clusterIPs[0]'],
    ['None', '', 'clusterIP: None', 'spec.clusterIPs[0]'],
    ['one after None', 'clusterIP: None', 'clusterIP: 10.96.0.8', 'spec.clusterIPs[0]'],
    ['one that is chosen after None', 'clusterIP: None', '', 'spec.clusterIPs[0]'],
    [
      'another second one',
      'ipFamilyPolicy: RequireDualStack, clusterIPs: [10.96.0.7, "fd96::7"]',
      'ipFamilyPolicy: RequireDualStack, clusterIPs: [10.96.0.7, "fd96::8"]',
      'spec.clusterIPs[1]',
    ],
  ])('[A65] don’t become %s: the edit is refused, and the Service stays', (_, before, after, field) => {
    const edit = edited();
    const spec = (more: string) =>
      [PORT, 'selector: {app: web}', more].filter((part) => part !== '').join(', ');
    const { web } = edit(spec(before));
    const result = edit(spec(after));
    expect(result.findings).toEqual([`error ImmutableField Service web ${field}`]);
    expect(result.web).toEqual(web);
    expect(edit(spec(before)).findings).toEqual([]);
  });
});
