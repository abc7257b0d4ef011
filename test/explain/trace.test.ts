import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../src/compile/policies/compiler.ts';
import { compileAll } from '../../src/compile/services/compiler.ts';
import { traceManifests, traceRows } from '../../src/explain/trace.ts';
import type { TraceAnswer, TraceLine } from '../../src/explain/trace-line.ts';
import type { Address } from '../../src/model/address.ts';
import { type NodeName, objectName, type Port } from '../../src/model/names.ts';
import type { SliceEndpoint, WeirObject } from '../../src/model/objects.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { createWorld } from '../../src/world/world.ts';
import { COMPILE_DEFAULTS } from '../compile-options.ts';
import { endpointOf, nodeOf, podOf, serviceOf, sliceOf } from '../oracle/generated-objects.ts';

const PLAIN = { zone: null, role: null, hasExternal: false };
const POD = { isStray: false, isHostNetwork: false, age: 0, hostPorts: [] };
const CLIENT = podOf(0, { ...POD, node: 0 });
const SERVER = podOf(1, { ...POD, node: 1 });
const LISTENER = podOf(3, { ...POD, node: 1, hostPorts: [{ port: 8000, hostIp: null, protocol: 'TCP' }] });
const HOST_POD = {
  ...podOf(2, {
    ...POD,
    node: 1,
    isHostNetwork: true,
    hostPorts: [{ port: 9000, hostIp: null, protocol: 'TCP' }],
  }),
  name: 'host',
};
const LOCAL = '10.244.0.10';
const REMOTE = '10.244.1.11';

describe('Services', () => {
  it('[A1] [A10] names the single candidate, and why others are none', () => {
    expect(one({ to: 'svc:a/web' }, [ready(REMOTE, 'n1'), unready(LOCAL)])).toMatchObject({
      index: 0,
      from: 'a/p0',
      to: 'svc:a/web',
      address: '10.96.0.7',
      port: 80,
      protocol: 'tcp',
      verdict: 'allowed',
      answeredBy: 'a/p1',
      clientSeen: LOCAL,
      ms: 0,
      why: `a/web:http clusterIP, policy Cluster: 1 of 2 endpoints, ${LOCAL}:8080 not ready`,
      service: 'a/web:http',
      frontend: 'clusterIP',
      policy: 'Cluster',
      candidates: [`${REMOTE}:8080`],
      excluded: [{ endpoint: `${LOCAL}:8080`, why: 'not-ready' }],
      masquerade: false,
    });
  });

  it('[A58] [E14] [F8] tells weights and the scheduler, and who is in maintenance', () => {
    const endpoints = [ready(LOCAL, 'n0'), { ...ready(REMOTE, 'n1'), targetPod: objectName('a', 'p1') }];
    const tracedWith = (weight: string, scheduler: string) => {
      const annotations = { 'weir.dev/weight': weight };
      const objects = clusterOf(endpoints, { annotations: { 'weir.dev/scheduler': scheduler } });
      return traceManifests({
        objects: objects.map((object) => (object === SERVER ? { ...SERVER, annotations } : object)),
        requests: [parseProbeRequest({ from: 'a/p0', to: 'svc:a/web', family: 4 })],
        options: { compile: COMPILE_DEFAULTS, node: null },
      })[0];
    };
    expect(tracedWith('5', 'wrr')).toMatchObject({
      candidates: [`${LOCAL}:8080`, `${REMOTE}:8080`],
      weights: [1, 5],
      scheduler: 'wrr',
      why: 'a/web:http clusterIP, policy Cluster: 2 of 2 endpoints; one by wrr, weights 1, 5',
    });
    expect(tracedWith('0', 'random')).toMatchObject({
      candidates: [`${LOCAL}:8080`],
      weights: [1],
      scheduler: 'random',
      excluded: [{ endpoint: `${REMOTE}:8080`, why: 'maintenance' }],
      why: expect.stringMatching(/1 of 2 endpoints, 10\.244\.1\.11:8080 in maintenance$/),
    });
  });

  it('[A17] [A18] is refused without endpoints or port, and says which', () => {
    expect(one({ to: 'svc:a/web' }, [unready(REMOTE)])).toMatchObject({
      verdict: 'refused',
      policy: 'Cluster',
      candidates: [],
      excluded: [{ endpoint: `${REMOTE}:8080`, why: 'not-ready' }],
      why: expect.stringMatching(/no endpoint at all/),
    });
    expect(one({ to: 'svc:a/web', port: 81 }, [ready(REMOTE, 'n1')])).toMatchObject({
      verdict: 'refused',
      service: 'a/web',
      why: expect.stringMatching(/no port of the Service/),
    });
    expect(one({ to: '10.96.9.9', port: 80 }, [])).toMatchObject({ verdict: 'blocked', service: null });
  });

  it('[A35] does not count the client itself as masqueraded', () => {
    const self = one({ to: 'svc:a/web' }, [ready(LOCAL, 'n0'), ready(REMOTE, 'n1')]);
    expect(self).toMatchObject({ masquerade: false, answeredBy: null, clientSeen: null });
    const outside = one({ from: 'external', to: 'nodeport:n0:30001' }, [ready(REMOTE, 'n1')]);
    expect(outside).toMatchObject({ masquerade: true, clientSeen: '172.31.0.1', frontend: 'nodePort' });
  });

  it('[A43] follows a packet to the node that it was sent to', () => {
    const local = { externalTrafficPolicy: 'Local' as const };
    const line = one({ from: 'a/p0', to: 'nodeport:n1:30001' }, [ready(REMOTE, 'n1')], local);
    expect(line).toMatchObject({
      verdict: 'allowed',
      policy: 'Local',
      answeredBy: 'a/p1',
      clientSeen: LOCAL,
    });
    expect(line.why).toMatch(/^untouched at n0; /);
    expect(one({ from: 'external', to: 'nodeport:n0:30001' }, [ready(REMOTE, 'n1')], local)).toMatchObject({
      verdict: 'blocked',
      policy: 'Local',
      excluded: [{ endpoint: `${REMOTE}:8080`, why: 'other-node' }],
    });
  });

  it('[E27] enters where it is told to', () => {
    expect(one({ to: 'svc:a/web' }, [ready(REMOTE, 'n1')]).verdict).toBe('allowed');
    const elsewhere = trace([{ from: 'a/p0', to: 'svc:a/web' }], [ready(REMOTE, 'n1')], {}, 'n1');
    expect(elsewhere[0]).toMatchObject({ verdict: 'blocked', why: expect.stringMatching(/dropped at n1/) });
    expect(trace([{ from: 'a/p0', to: 'svc:a/web' }], [], {}, 'n7')[0]).toMatchObject({
      error: expect.stringMatching(/n7 is no Node; known: n0, n1/),
    });
  });

  it('[A68] answers echo requests as the rows do', () => {
    const ping = { to: 'svc:a/web', protocol: 'icmp' };
    expect(one(ping, [ready(REMOTE, 'n1')])).toMatchObject({
      verdict: 'allowed',
      port: null,
      frontend: 'clusterIP',
    });
    expect(one(ping, [])).toMatchObject({ verdict: 'refused' });
    expect(one({ to: 'a/p1', protocol: 'icmp' }, [])).toMatchObject({
      verdict: 'allowed',
      answeredBy: 'a/p1',
    });
  });
});

describe('other destinations', () => {
  it('lets packets through to pods and nodes, on whatever port', () => {
    const undeclared = { verdict: 'allowed', answeredBy: null, clientSeen: null, service: null };
    expect(one({ to: 'a/p1', port: 4321 }, [])).toMatchObject(undeclared);
    expect(one({ to: 'a/p3', port: 9000 }, [])).toMatchObject({ answeredBy: 'a/p3', clientSeen: LOCAL });
    expect(one({ to: '172.31.0.2', port: 9000 }, [])).toMatchObject({
      verdict: 'allowed',
      answeredBy: 'a/host',
    });
    expect(one({ to: '172.31.0.2', port: 9999 }, [])).toMatchObject({ verdict: 'allowed', answeredBy: null });
    expect(one({ to: '192.0.2.99', port: 80 }, [])).toMatchObject({ verdict: 'blocked' });
  });

  it('[A9] lets packets out to servers that a slice or the lab has outside the cluster', () => {
    const outside = { verdict: 'allowed', why: expect.stringMatching(/outside the cluster/) };
    expect(one({ to: '192.0.2.40', port: 80 }, [unready('192.0.2.40')])).toMatchObject(outside);
    expect(one({ to: '203.0.113.10', port: 80 }, [])).toMatchObject(outside);
    expect(one({ to: '127.0.0.1', port: 80 }, [unready('127.0.0.1')])).toMatchObject({ verdict: 'blocked' });
    const foreign = { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } };
    expect(one({ to: 'svc:a/web' }, [unready('10.96.0.7')], foreign)).toMatchObject({ verdict: 'blocked' });
  });

  it('has a node speak to itself from the address that it dials', () => {
    const external = { from: 'node/n1', to: '172.31.0.2', port: 9000 };
    expect(one(external, [])).toMatchObject({ clientSeen: '172.31.0.2' });
    expect(one({ ...external, to: '198.18.0.2' }, [])).toMatchObject({
      answeredBy: 'a/host',
      clientSeen: '198.18.0.2',
    });
  });
});

it('reads the rows: without its row a Service is gone', () => {
  const objects = clusterOf([ready(REMOTE, 'n1')], {});
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  const requests = [parseProbeRequest({ from: 'a/p0', to: 'svc:a/web' })];
  const traced = (isRemoved: boolean) =>
    traceRows({
      objects,
      requests,
      node: null,
      rowsOf: (node) => {
        const { rows } = compileAll(world.view, { ...COMPILE_DEFAULTS, node });
        const services = new Map(
          [...rows.services].filter(([id]) => !(isRemoved && id.startsWith('a/web:http/TCP/IPv4'))),
        );
        return { ...rows, services };
      },
      policyRowsOf: (node) => compilePolicies(world.view, node).rows,
    });
  expect(traced(false)[0]).toMatchObject({ verdict: 'allowed', candidates: [`${REMOTE}:8080`] });
  expect(traced(true)[0]).toMatchObject({ verdict: 'refused', candidates: [] });
});

it('keeps the order of the input and answers bad lines in their place', () => {
  const lines = trace(
    [
      { from: 'a/p0', to: 'svc:a/web' },
      { from: 'a/p9', to: 'pods' },
      { from: 'all', to: 'a/p1', port: 80, family: 4 },
    ],
    [ready(REMOTE, 'n1')],
  );
  expect(lines.map((line) => [line.index, line.from, 'error' in line])).toEqual([
    [0, 'a/p0', false],
    [1, 'a/p9', true],
    [2, 'a/host', false],
    [2, 'a/p0', false],
    [2, 'a/p1', false],
    [2, 'a/p3', false],
  ]);
});

function one(
  request: Readonly<Record<string, unknown>>,
  endpoints: readonly SliceEndpoint[],
  service: Parameters<typeof clusterOf>[1] = {},
): TraceAnswer {
  const [line, ...others] = trace([{ from: 'a/p0', family: 4, ...request }], endpoints, service);
  if (line === undefined || others.length > 0) throw new Error('expected one line');
  if ('error' in line) throw new Error(line.error);
  return line;
}

function trace(
  requests: readonly Readonly<Record<string, unknown>>[],
  endpoints: readonly SliceEndpoint[],
  service: Parameters<typeof clusterOf>[1] = {},
  node: string | null = null,
): readonly TraceLine[] {
  return traceManifests({
    objects: clusterOf(endpoints, service),
    requests: requests.map(parseProbeRequest),
    options: { compile: COMPILE_DEFAULTS, node: node as NodeName | null },
  });
}

function clusterOf(
  endpoints: readonly SliceEndpoint[],
  service: Pick<Parameters<typeof serviceOf>[2], 'labels' | 'annotations'> & {
    readonly externalTrafficPolicy?: 'Cluster' | 'Local';
  },
): readonly WeirObject[] {
  const web = serviceOf('a', 'web', {
    type: 'NodePort',
    clusterIps: ['10.96.0.7' as Address],
    ipFamilies: ['IPv4'],
    ports: [
      { name: 'http', protocol: 'TCP', port: 80 as Port, targetPort: 8080 as Port, nodePort: 30001 as Port },
    ],
    ...service,
  });
  const ports = [{ name: 'http', protocol: 'TCP' as const, port: 8080 as Port }];
  const slice = sliceOf(web, 0, { addressType: 'IPv4', ports, endpoints });
  return [
    nodeOf(0, PLAIN),
    nodeOf(1, { ...PLAIN, hasExternal: true }),
    CLIENT,
    SERVER,
    LISTENER,
    HOST_POD,
    web,
    slice,
  ];
}

function ready(address: string, node: string): SliceEndpoint {
  return endpointOf(address as Address, { nodeName: node as NodeName });
}

function unready(address: string): SliceEndpoint {
  return endpointOf(address as Address, { ready: false, serving: false });
}
