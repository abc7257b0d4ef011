import { describe, expect, it } from 'vitest';
import { createServiceCompiler } from '../../../src/compile/services/compiler.ts';
import type { NodeName, ObjectName, Port } from '../../../src/model/names.ts';
import { serviceCidrObject } from '../../objects.ts';
import { compile, reasons, viewOf } from './sample-cluster.ts';
import { cidr, defaultOptions, ELSEWHERE, HERE, internal, ip, node, pod } from './sample-objects.ts';

const here = node(HERE, {
  podCidrs: [cidr('10.244.0.0/24'), cidr('fd44::/64')],
  addresses: [
    ...internal('172.31.0.1', 'fd31::1', '172.31.9.1'),
    { type: 'ExternalIP', address: ip('203.0.113.1') },
  ],
});
const elsewhere = node(ELSEWHERE, {
  podCidrs: [cidr('10.244.1.0/24'), cidr('fd44:1::/64')],
  addresses: [{ type: 'ExternalIP', address: ip('203.0.113.2') }, ...internal('172.31.0.2', 'fd31::2')],
});
const nodeRows = (objects: Parameters<typeof compile>[0], options: Parameters<typeof compile>[1] = {}) =>
  compile(objects, options).rows.node;

describe('node rows', () => {
  it('[A45] count this node, its podCIDRs and its pods elsewhere as inside', () => {
    const objects = [
      here,
      elsewhere,
      pod('in-range', ['10.244.0.7']),
      pod('stray', ['10.50.0.7', 'fd50::7']),
      pod('remote', ['10.51.0.7'], { nodeName: ELSEWHERE }),
      pod('host', ['172.31.0.1'], { hostNetwork: true }),
      pod('done', ['10.52.0.7'], { phase: 'Failed' }),
    ];
    expect(nodeRows(objects).inside).toEqual([
      '10.50.0.7/32',
      '10.244.0.0/24',
      '172.31.0.1/32',
      '172.31.9.1/32',
      '203.0.113.1/32',
      'fd31::1/128',
      'fd44::/64',
      'fd50::7/128',
    ]);
  });

  it('[A45] count the cluster’s CIDRs as inside in mode ClusterCIDR', () => {
    const options = { detectLocalMode: 'ClusterCIDR' as const, clusterCidrs: [cidr('10.244.0.0/16')] };
    const own = node(HERE, { addresses: internal('172.31.0.1') });
    expect(nodeRows([own, pod('stray', ['10.50.0.7'])], options).inside).toEqual([
      '10.244.0.0/16',
      '172.31.0.1/32',
    ]);
  });

  it('[A65] drop strangers in the networks of ServiceCIDR objects as in the configured ones', () => {
    const more = serviceCidrObject({ name: 'more', cidrs: [cidr('10.112.0.0/16'), cidr('10.97.0.0/16')] });
    const options = { serviceCidrs: [cidr('10.96.0.0/16')], masqueradePods: true };
    const rows = nodeRows([here, more], options);
    expect(rows.serviceCidrs).toEqual(['10.96.0.0/15', '10.112.0.0/16']);
    expect(rows.nonMasquerade).toEqual(expect.arrayContaining(['10.96.0.0/15', '10.112.0.0/16']));
  });

  it('[A65] follow a ServiceCIDR that comes and goes', () => {
    const compiler = createServiceCompiler(defaultOptions({ serviceCidrs: [cidr('10.96.0.0/16')] }));
    compiler.update(viewOf([here]), 'everything');
    const more = serviceCidrObject({ name: 'more', cidrs: [cidr('10.112.0.0/16')] });
    const touched = {
      services: new Set<ObjectName>(),
      pods: new Set<ObjectName>(),
      nodes: new Set<NodeName>(),
      namespaces: new Set<string>(),
      serviceCidrs: new Set(['more']),
      policies: new Set<never>(),
    };
    const { change } = compiler.update(viewOf([here, more]), touched);
    expect(change.node?.serviceCidrs).toEqual(['10.96.0.0/16', '10.112.0.0/16']);
    expect(compiler.update(viewOf([here]), touched).change.node?.serviceCidrs).toEqual(['10.96.0.0/16']);
  });

  it('[A23] serve node ports at the first internal address of each family', () => {
    expect(nodeRows([here]).nodePortAddresses).toEqual(['172.31.0.1/32', 'fd31::1/128']);
    expect(nodeRows([here]).nodeAddresses).toEqual(['172.31.0.1', 'fd31::1']);
    const external = node(HERE, { addresses: [{ type: 'ExternalIP', address: ip('203.0.113.1') }] });
    expect(nodeRows([external]).nodePortAddresses).toEqual(['203.0.113.1/32']);
  });

  it('[A23] serve node ports in the given ranges', () => {
    const nodePortAddresses = [cidr('172.31.0.0/24'), cidr('172.31.1.0/24'), cidr('::/0')];
    expect(nodeRows([here], { nodePortAddresses }).nodePortAddresses).toEqual(['172.31.0.0/23', '::/0']);
  });

  it('[A25] know the node-port addresses of other nodes', () => {
    expect(nodeRows([here, elsewhere]).otherNodeAddresses).toEqual(['172.31.0.2', 'fd31::2']);
    const nodePortAddresses = [cidr('203.0.113.0/24')];
    expect(nodeRows([here, elsewhere], { nodePortAddresses }).otherNodeAddresses).toEqual(['203.0.113.2']);
  });

  it('[A25] never take an own address for another node’s', () => {
    const copy = node('copy' as NodeName, { addresses: internal('172.31.0.1') });
    expect(nodeRows([here, copy]).otherNodeAddresses).toEqual([]);
  });

  it('[A69] masquerade local pods that leave the cluster, when told to', () => {
    const objects = [
      here,
      elsewhere,
      pod('stray', ['10.50.0.7']),
      pod('remote', ['10.51.0.7'], { nodeName: ELSEWHERE }),
    ];
    const rows = nodeRows(objects, { masqueradePods: true, nonMasqueradeCidrs: [cidr('192.168.0.0/16')] });
    expect(rows.masqueradeSources).toEqual(['10.50.0.7/32', '10.244.0.0/24', 'fd44::/64']);
    expect(rows.nonMasquerade).toEqual([
      '10.50.0.7/32',
      '10.51.0.7/32',
      '10.96.0.0/16',
      '10.244.0.0/23',
      '172.31.0.1/32',
      '172.31.0.2/32',
      '172.31.9.1/32',
      '192.168.0.0/16',
      '203.0.113.1/32',
      '203.0.113.2/32',
      'fd31::1/128',
      'fd31::2/128',
      'fd44::/64',
      'fd44:1::/64',
      'fd96::/112',
    ]);
  });

  it('[A69] take the given cluster CIDRs for all pods', () => {
    const options = { masqueradePods: true, clusterCidrs: [cidr('10.0.0.0/8')], serviceCidrs: [] };
    const own = node(HERE, { podCidrs: [cidr('10.244.0.0/24')] });
    const rows = nodeRows([own, pod('remote', ['11.0.0.1'], { nodeName: ELSEWHERE })], options);
    expect(rows.nonMasquerade).toEqual(['10.0.0.0/8']);
  });

  it('[A69] masquerade no pods by default', () => {
    expect(nodeRows([here])).toMatchObject({ masqueradeSources: [], nonMasquerade: [] });
  });

  it('[A18] [A73] carry the options that the dataplane needs', () => {
    const options = defaultOptions({ masqueradeAll: true, nodePortRange: [80 as Port, 90 as Port] });
    expect(nodeRows([here], options)).toMatchObject({
      node: HERE,
      masqueradeAll: true,
      nodePortRange: [80, 90],
      serviceCidrs: ['10.96.0.0/16', 'fd96::/112'],
    });
  });

  it('say so when the node does not exist, and go on', () => {
    const { rows, problems } = compile([elsewhere]);
    expect(problems).toMatchObject([
      { reason: 'NodeNotFound', severity: 'warning', object: { kind: 'Node', name: HERE } },
    ]);
    expect(rows.node).toMatchObject({
      inside: [],
      nodePortAddresses: [],
      otherNodeAddresses: ['172.31.0.2', 'fd31::2'],
    });
    expect(reasons(compile([here]).problems)).toEqual([]);
  });
});
