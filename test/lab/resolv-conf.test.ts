import { describe, expect, it } from 'vitest';
import {
  DNS_POLICIES,
  type DnsPolicy,
  type DnsSettings,
  type NodeDns,
  parseResolvConf,
  podDnsSettings,
  resolvConfText,
} from '../../src/lab/resolv-conf.ts';

const NONE: DnsSettings = { nameservers: [], searches: [], options: [] };
const NODE: NodeDns = {
  host: { nameservers: ['192.0.2.53'], searches: ['corp.example'], options: ['edns0', 'timeout:2'] },
  clusterDns: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
};
const CONFIG: DnsSettings = {
  nameservers: ['198.51.100.1', '10.96.0.10'],
  searches: ['extra.example', 'corp.example'],
  options: ['ndots:2', 'edns0'],
};

const OF_NODE = 'search corp.example\nnameserver 192.0.2.53\noptions edns0 timeout:2\n';
const OF_CLUSTER =
  'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n';
const NODE_AND_CONFIG =
  'search corp.example extra.example\nnameserver 192.0.2.53\nnameserver 198.51.100.1\nnameserver 10.96.0.10\noptions edns0 timeout:2 ndots:2\n';
const CLUSTER_AND_CONFIG =
  'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example extra.example\nnameserver 10.96.0.10\nnameserver 198.51.100.1\noptions ndots:2 edns0\n';
const CONFIG_ALONE =
  'search extra.example corp.example\nnameserver 198.51.100.1\nnameserver 10.96.0.10\noptions ndots:2 edns0\n';

function textOf(dnsPolicy: DnsPolicy, hostNetwork: boolean, dnsConfig = NONE, node = NODE): string {
  return resolvConfText(podDnsSettings({ namespace: 'shop', hostNetwork, dnsPolicy, dnsConfig }, node));
}

describe('resolv.conf of a pod', () => {
  it.each([
    ['Default', false, OF_NODE, NODE_AND_CONFIG],
    ['Default', true, OF_NODE, NODE_AND_CONFIG],
    ['ClusterFirst', false, OF_CLUSTER, CLUSTER_AND_CONFIG],
    ['ClusterFirst', true, OF_NODE, NODE_AND_CONFIG],
    ['ClusterFirstWithHostNet', false, OF_CLUSTER, CLUSTER_AND_CONFIG],
    ['ClusterFirstWithHostNet', true, OF_CLUSTER, CLUSTER_AND_CONFIG],
    ['None', false, '', CONFIG_ALONE],
    ['None', true, '', CONFIG_ALONE],
  ] as const)(
    '[B10] is byte for byte what dnsPolicy %s asks for, hostNetwork %s',
    (policy, host, alone, merged) => {
      expect(textOf(policy, host)).toBe(alone);
      expect(textOf(policy, host, CONFIG)).toBe(merged);
    },
  );

  it('[B10] is the node’s where there is no cluster DNS', () => {
    const node = { ...NODE, clusterDns: [] };
    for (const policy of DNS_POLICIES.filter((each) => each !== 'None'))
      expect(textOf(policy, false, NONE, node)).toBe(OF_NODE);
  });

  it('[B10] holds at most 3 nameservers', () => {
    const nameservers = ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
    expect(textOf('None', false, { ...NONE, nameservers })).toBe(
      'nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n',
    );
  });

  it('[B10] holds at most 32 search domains, none longer than a name can be', () => {
    const searches = Array.from({ length: 40 }, (_, index) => `d${index}`);
    expect(textOf('None', false, { ...NONE, searches })).toBe(`search ${searches.slice(0, 32).join(' ')}\n`);
    const long = ['a'.repeat(254), 'b'.repeat(253), 'c'];
    expect(textOf('None', false, { ...NONE, searches: long })).toBe(`search ${long.slice(1).join(' ')}\n`);
  });

  it('[B10] holds at most 2048 characters of search domains, whole ones only', () => {
    const domain = (letter: string, length: number) => letter.repeat(length);
    // 8 × 227 + 7 blanks = 1823 characters; 224 more make 2048 with their blank.
    const eight = [...'abcdefgh'].map((letter) => domain(letter, 227));
    const fits = [...eight, domain('i', 224)];
    expect(fits.join(' ')).toHaveLength(2048);
    expect(textOf('None', false, { ...NONE, searches: fits })).toBe(`search ${fits.join(' ')}\n`);
    const over = [...eight, domain('i', 225), 'j'];
    expect(textOf('None', false, { ...NONE, searches: over })).toBe(`search ${eight.join(' ')}\n`);
  });
});

describe('resolv.conf of a node', () => {
  it('[B10] is read as the kubelet reads it', () => {
    const text =
      '# comment\nnameserver 192.0.2.1\n nameserver\tfd00::1  \nnameserver\nsearch a.example\noptions rotate\n' +
      'search b.example. . c.example\noptions ndots:3 edns0\ndomain ignored.example\n';
    expect(parseResolvConf(text)).toEqual({
      nameservers: ['192.0.2.1', 'fd00::1'],
      searches: ['b.example', '.', 'c.example'],
      options: ['ndots:3', 'edns0'],
    });
    expect(parseResolvConf('')).toEqual(NONE);
  });
});
