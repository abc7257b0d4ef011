/** The oracle itself is held against truths written by hand, so that agreeing with it means something. */
import { describe, expect, it } from 'vitest';
import type { Address, Prefix } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import { type NodeName, objectName, type Port } from '../../src/model/names.ts';
import type { ServiceObject, SliceEndpoint, WeirObject } from '../../src/model/objects.ts';
import { COMPILE_DEFAULTS } from '../compile-options.ts';
import { endpointOf, nodeOf, podOf, serviceOf, sliceOf } from './generated-objects.ts';
import { expectService } from './oracle.ts';
import type { Question } from './question.ts';

const OPTIONS: CompileOptions = {
  ...COMPILE_DEFAULTS,
  node: 'n0' as NodeName,
  serviceCidrs: ['10.96.0.0/16' as Prefix],
};
const PORTS = [
  { name: 'http', protocol: 'TCP' as const, port: port(80), targetPort: port(8080), nodePort: port(30001) },
];
const EMPTY = { zone: null, role: null, hasExternal: false };
const NODES = [nodeOf(0, EMPTY), nodeOf(1, EMPTY)];
const LOCAL_POD = '10.244.0.10';
const REMOTE_POD = '10.244.1.11';
const PODS = [0, 1].map((node) =>
  podOf(node, { node, isStray: false, isHostNetwork: false, age: 0, hostPorts: [] }),
);

describe('cluster IPs', () => {
  it('[A1] [A17] reach ready endpoints, and are refused where there is none', () => {
    expect(ask({}, [ready(LOCAL_POD, 'n0'), ready(REMOTE_POD, 'n1'), unready('10.244.1.12')])).toMatchObject({
      verdict: 'translated',
      candidates: [`${LOCAL_POD}:8080`, `${REMOTE_POD}:8080`],
      masqueraded: [`${LOCAL_POD}:8080`],
      service: 'a/web:http',
      frontend: 'clusterIP',
    });
    expect(ask({}, [unready(REMOTE_POD)])).toMatchObject({ verdict: 'rejected', service: 'a/web:http' });
  });

  it('[A18] [E27] refuse unknown ports, drop unallocated addresses and the outside', () => {
    expect(ask({}, [ready(LOCAL_POD, 'n0')], { port: 81 })).toMatchObject({
      verdict: 'rejected',
      service: null,
    });
    expect(ask({}, [], { destination: '10.96.9.9' })).toMatchObject({ verdict: 'dropped' });
    expect(ask({}, [ready(LOCAL_POD, 'n0')], { from: 'outside' })).toMatchObject({ verdict: 'dropped' });
    expect(ask({}, [], { destination: '192.0.2.1' })).toMatchObject({ verdict: 'untouched' });
  });

  it('[A41] follow the internal policy: local endpoints or silence', () => {
    const local = { internalTrafficPolicy: 'Local' as const };
    expect(ask(local, [ready(LOCAL_POD, 'n0'), ready(REMOTE_POD, 'n1')]).candidates).toEqual([
      `${LOCAL_POD}:8080`,
    ]);
    expect(ask(local, [ready(REMOTE_POD, 'n1')])).toMatchObject({ verdict: 'dropped' });
    expect(ask(local, [])).toMatchObject({ verdict: 'rejected' });
  });

  it('[E14] [F8] share by the weight of the pod, else of the slice, and leave out those without', () => {
    const [pod] = PODS;
    if (pod === undefined) throw new Error('no pod');
    const heavy = { ...pod, name: 'heavy' };
    const named = ready(pod.addresses[0] ?? '', 'n0', { targetPod: objectName(heavy.namespace, heavy.name) });
    const other = ready(REMOTE_POD, 'n1');
    const shares = (weight: string) =>
      ask({}, [named, other], {}, [...NODES, { ...heavy, annotations: { 'weir.dev/weight': weight } }]);
    expect(shares('5')).toMatchObject({
      candidates: [LOCAL_POD, REMOTE_POD].map((ip) => `${ip}:8080`),
      weights: [5, 1],
    });
    expect(shares('0')).toMatchObject({ candidates: [`${REMOTE_POD}:8080`], weights: [1] });
    expect(shares('-1').weights).toEqual([1, 1]);
  });

  it('[A46] [A47] fall back to draining endpoints, each list for itself', () => {
    const draining = { ready: false, terminating: true };
    expect(ask({}, [ready(REMOTE_POD, 'n1', draining), unready(LOCAL_POD)]).candidates).toEqual([
      `${REMOTE_POD}:8080`,
    ]);
    expect(ask({}, [ready(LOCAL_POD, 'n0', draining), ready(REMOTE_POD, 'n1')]).candidates).toEqual([
      `${REMOTE_POD}:8080`,
    ]);
    expect(
      ask({ internalTrafficPolicy: 'Local' }, [ready(LOCAL_POD, 'n0', draining), ready(REMOTE_POD, 'n1')])
        .candidates,
    ).toEqual([`${LOCAL_POD}:8080`]);
  });
});

describe('node ports', () => {
  it('[A21] [A42] [A43] obey the external policy from outside only', () => {
    const remoteOnly = [ready(REMOTE_POD, 'n1')];
    const atNode = { destination: '172.31.0.1', port: 30001 };
    expect(ask({ type: 'NodePort' }, remoteOnly, { ...atNode, from: 'outside' })).toMatchObject({
      frontend: 'nodePort',
      masqueraded: [`${REMOTE_POD}:8080`],
    });
    const local = { type: 'NodePort' as const, externalTrafficPolicy: 'Local' as const };
    expect(ask(local, remoteOnly, { ...atNode, from: 'outside' })).toMatchObject({ verdict: 'dropped' });
    expect(ask(local, remoteOnly, atNode)).toMatchObject({ verdict: 'translated', masqueraded: [] });
  });

  it('[A25] of other nodes are resolved here under policy Cluster, left alone under Local', () => {
    const elsewhere = { destination: '172.31.0.2', port: 30001 };
    const endpoints = [ready(REMOTE_POD, 'n1')];
    expect(ask({ type: 'NodePort' }, endpoints, elsewhere)).toMatchObject({ verdict: 'translated' });
    expect(ask({ type: 'NodePort' }, endpoints, { ...elsewhere, from: 'outside' }).verdict).toBe('untouched');
    const local = { type: 'NodePort' as const, externalTrafficPolicy: 'Local' as const };
    expect(ask(local, endpoints, elsewhere).verdict).toBe('untouched');
  });
});

it('[A31] [I2] external IPs are served unless they belong to somebody', () => {
  const at = (address: string) =>
    ask({ externalIps: [address as Address] }, [ready(LOCAL_POD, 'n0')], { destination: address });
  expect(at('198.51.100.7')).toMatchObject({ verdict: 'translated', frontend: 'externalIP' });
  expect(at(REMOTE_POD).verdict).toBe('untouched');
  expect(at('172.31.0.2').verdict).toBe('untouched');
  expect(at('127.0.0.1').verdict).toBe('untouched');
});

it('[A30] source ranges guard the load-balancer IP against the outside', () => {
  const service = {
    type: 'LoadBalancer' as const,
    loadBalancerIngress: [{ address: '203.0.113.130' as Address, ipMode: 'VIP' as const }],
    loadBalancerSourceRanges: ['198.51.100.0/24' as Prefix],
  };
  const at = { destination: '203.0.113.130' };
  expect(ask(service, [ready(LOCAL_POD, 'n0')], { ...at, from: 'outside' }).verdict).toBe('dropped');
  expect(ask(service, [ready(LOCAL_POD, 'n0')], at).verdict).toBe('translated');
});

it('[A32] [A33] a host port beats the node port of its number', () => {
  const hostPorts = [{ port: 30001, hostIp: null, protocol: 'TCP' as const }];
  const pod = podOf(7, { node: 0, isStray: false, isHostNetwork: false, age: 1, hostPorts });
  const answer = ask(
    { type: 'NodePort' },
    [ready(REMOTE_POD, 'n1')],
    { destination: '172.31.0.1', port: 30001 },
    [pod],
  );
  expect(answer).toMatchObject({
    frontend: 'hostPort',
    service: 'a/p7:c0',
    candidates: ['10.244.0.17:9000'],
  });
});

it('[A52] [A53] [A56] hints count only when every ready endpoint has one and one is for us', () => {
  const zoned = [nodeOf(0, { ...EMPTY, zone: 'east' })];
  const east = ready(LOCAL_POD, 'n0', { hintZones: ['east'] });
  const west = ready(REMOTE_POD, 'n1', { hintZones: ['west'] });
  const candidates = (endpoints: readonly SliceEndpoint[], more: readonly WeirObject[] = zoned) =>
    ask({}, endpoints, {}, more).candidates.length;
  expect(candidates([east, west])).toBe(1);
  expect(candidates([east, ready(REMOTE_POD, 'n1')])).toBe(2);
  expect(candidates([west, ready(LOCAL_POD, 'n0', { hintZones: ['north'] })])).toBe(2);
  expect(candidates([east, west], [])).toBe(2);
  const forNode = ready(LOCAL_POD, 'n0', { hintNodes: ['n0' as NodeName] });
  expect(candidates([forNode, ready(REMOTE_POD, 'n1', { hintNodes: ['n1' as NodeName] })], [])).toBe(1);
});

function ask(
  service: Partial<Pick<ServiceObject, keyof ServiceObject>>,
  endpoints: readonly SliceEndpoint[],
  packet: { from?: 'outside'; destination?: string; port?: number } = {},
  more: readonly WeirObject[] = [],
) {
  const web = serviceOf('a', 'web', {
    clusterIps: ['10.96.0.7' as Address],
    ipFamilies: ['IPv4'],
    ports: PORTS,
    ...service,
  });
  const ports = [{ name: 'http', protocol: 'TCP' as const, port: port(8080) }];
  const slice = sliceOf(web, 0, { addressType: 'IPv4', ports, endpoints });
  const question: Question = {
    node: 'n0' as NodeName,
    source:
      packet.from === 'outside'
        ? { address: '203.0.113.10' as Address, origin: 'outside' }
        : { address: LOCAL_POD as Address, origin: 'pod' },
    destination: (packet.destination ?? '10.96.0.7') as Address,
    port: port(packet.port ?? 80),
    protocol: 'TCP',
  };
  const nodes = NODES.filter(
    ({ name }) => !more.some((object) => object.kind === 'Node' && object.name === name),
  );
  return expectService([...nodes, ...PODS, ...more, web, slice], question, OPTIONS);
}

function ready(address: string, node: string, given: Partial<SliceEndpoint> = {}): SliceEndpoint {
  return endpointOf(address as Address, { nodeName: node as NodeName, ...given });
}

function unready(address: string): SliceEndpoint {
  return endpointOf(address as Address, { ready: false, serving: false });
}

function port(number: number): Port {
  return number as Port;
}
