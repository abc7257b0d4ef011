import { describe, expect, it } from 'vitest';
import type { Address } from '../../src/model/address.ts';
import type { NodeName, Port } from '../../src/model/names.ts';
import type { ContainerPort, Meta, NodeObject, PodObject, ServiceObject } from '../../src/model/objects.ts';
import { expandProbes } from '../../src/model/probe-expansion.ts';
import { parseProbeBatch, parseProbeRequest } from '../../src/model/probe-request.ts';
import { serviceObject } from '../objects.ts';

const objects = [
  node('n2', ['172.31.0.2']),
  node('n1', ['172.31.0.1', 'fd31::1']),
  pod(
    'b',
    'web',
    'n2',
    ['10.244.2.5'],
    [containerPort('http', 8080, 'TCP'), containerPort('dns', 53, 'UDP')],
  ),
  pod('a', 'client', 'n1', ['10.244.1.5', 'fd44:1::5'], []),
  service(
    'web',
    ['10.96.0.7', 'fd96::7'],
    [
      { name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 },
      { name: 'dns', protocol: 'UDP', port: 53, nodePort: null },
    ],
  ),
  service('dns', ['10.96.0.10'], [{ name: '', protocol: 'UDP', port: 53, nodePort: null }]),
];

describe('batches', () => {
  it('keeps a bad line in its place and names field and remedy', () => {
    const [good, notJson, badProtocol, unknownField] = parseProbeBatch(
      '{"from":"a/client","to":"pods"}\n\n{oops\n{"from":"all","to":"pods","protocol":"tls"}\n{"from":"all","to":"pods","prot":1}\n',
    );
    expect(good).toMatchObject({ from: 'a/client', to: 'pods', port: null, protocol: null, family: null });
    expect(notJson).toMatchObject({ error: expect.stringMatching(/^batch line 3: not JSON/) });
    expect(badProtocol).toMatchObject({
      error: expect.stringMatching(/protocol: "tls" is unknown; use tcp/),
    });
    expect(unknownField).toMatchObject({ error: expect.stringMatching(/prot: unknown field; use from/) });
  });

  it.each([
    [{ to: 'pods' }, /^from: missing/],
    [{ from: 'all' }, /^to: missing/],
    [{ from: 'all', to: 'pods', port: 0 }, /^port: 0/],
    [{ from: 'all', to: 'pods', family: 5 }, /^family: 5/],
    [{ from: 'all', to: 'pods', sourcePort: 70000 }, /^sourcePort: 70000/],
    [[], /not a JSON object/],
  ])('refuses %j', (value, message) => {
    expect(parseProbeRequest(value)).toMatchObject({ error: expect.stringMatching(message) });
  });
});

describe('expansion', () => {
  it('takes pods by namespace and name, one line per family both ends have', () => {
    const lines = ask({ from: 'all', to: 'pods', port: 80 });
    expect(lines.map((line) => `${line.from} ${line.to} ${line.address}`)).toEqual([
      'a/client a/client 10.244.1.5',
      'a/client a/client fd44:1::5',
      'a/client b/web 10.244.2.5',
      'b/web a/client 10.244.1.5',
      'b/web b/web 10.244.2.5',
    ]);
    expect(lines.every((line) => line.index === 0)).toBe(true);
  });

  it('dials the declared port and its protocol where the request gives none', () => {
    expect(ask({ from: 'a/client', to: 'b/web' })).toMatchObject([{ port: 8080, protocol: 'tcp' }]);
    expect(ask({ from: 'a/client', to: 'b/web', protocol: 'udp' })).toMatchObject([
      { port: 53, protocol: 'udp' },
    ]);
    expect(ask({ from: 'a/client', to: 'svc:a/dns' })).toMatchObject([{ port: 53, protocol: 'udp' }]);
    expect(ask({ from: 'a/client', to: 'svc:a/web', port: 'http' })).toMatchObject([
      { address: '10.96.0.7', port: 80 },
      { address: 'fd96::7', port: 80 },
    ]);
    expect(ask({ from: 'a/client', to: '10.96.0.10' })).toMatchObject([{ port: 53, protocol: 'udp' }]);
    expect(ask({ from: 'a/client', to: '10.96.0.7', port: '81' })).toMatchObject([
      { port: 81, protocol: 'tcp' },
    ]);
  });

  it('sends external packets through the node asked for, else the first by name', () => {
    expect(ask({ from: 'external', to: 'nodeport:n2:30080' })).toMatchObject([
      { sourceAddress: '203.0.113.10', node: 'n1', address: '172.31.0.2', port: 30080, protocol: 'tcp' },
    ]);
    expect(ask({ from: 'external/198.51.100.7', to: '192.0.2.1', port: 80, node: 'n2' })).toMatchObject([
      { sourceAddress: '198.51.100.7', node: 'n2', address: '192.0.2.1' },
    ]);
    expect(ask({ from: 'node/n1', to: '192.0.2.1', port: 80 })).toMatchObject([
      { sourceAddress: '172.31.0.1' },
    ]);
  });

  it.each([
    [{ from: 'a/nobody', to: 'pods' }, /a\/nobody is no Pod/],
    [{ from: 'node/n9', to: 'pods' }, /node\/n9 is no Node; known: n2, n1/],
    [{ from: 'a/client', to: 'svc:a/none' }, /no Service a\/none/],
    [{ from: 'a/client', to: 'svc:a/web' }, /several ports \(http 80\/TCP, dns 53\/UDP\)/],
    [{ from: 'a/client', to: 'svc:a/web', port: 'https' }, /no port named https/],
    [{ from: 'b/web', to: 'a/client' }, /declares no such port; give a port number/],
    [{ from: 'a/client', to: '192.0.2.1' }, /192\.0\.2\.1 declares no such port/],
    [{ from: 'b/web', to: 'fd96::7', port: 80 }, /no address family in common/],
    [{ from: 'a/client', to: 'nodeport:n1:x' }, /names no port/],
  ])('answers %j with an error line', (request, message) => {
    expect(ask(request)).toMatchObject([{ error: expect.stringMatching(message) }]);
  });
});

function ask(request: Readonly<Record<string, unknown>>) {
  return expandProbes([parseProbeRequest(request)], objects);
}

function meta(namespace: string, name: string): Meta {
  return { namespace, name, uid: name, labels: {}, annotations: {}, createdAtMs: null, deleting: false };
}

function node(name: string, addresses: readonly string[]): NodeObject {
  const listed = addresses.map((address) => ({ type: 'InternalIP' as const, address: address as Address }));
  return { ...meta('', name), kind: 'Node', podCidrs: [], addresses: listed };
}

function pod(
  namespace: string,
  name: string,
  nodeName: string,
  addresses: readonly string[],
  ports: readonly ContainerPort[],
): PodObject {
  return {
    ...meta(namespace, name),
    kind: 'Pod',
    nodeName: nodeName as NodeName,
    hostNetwork: false,
    hostname: name,
    subdomain: '',
    phase: 'Running',
    ready: true,
    addresses: addresses as readonly Address[],
    ports,
  };
}

function containerPort(name: string, port: number, protocol: 'TCP' | 'UDP'): ContainerPort {
  return { name, port: port as Port, protocol, hostPort: null, hostIp: null };
}

function service(
  name: string,
  clusterIps: readonly string[],
  ports: readonly { name: string; protocol: 'TCP' | 'UDP'; port: number; nodePort: number | null }[],
): ServiceObject {
  return serviceObject({
    ...meta('a', name),
    type: 'NodePort',
    clusterIps: clusterIps as readonly Address[],
    ipFamilies: ['IPv4', 'IPv6'],
    ports: ports.map((port) => ({
      ...port,
      port: port.port as Port,
      targetPort: port.port as Port,
      nodePort: port.nodePort as Port | null,
    })),
  });
}
