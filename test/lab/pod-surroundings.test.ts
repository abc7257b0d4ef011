import { describe, expect, it } from 'vitest';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { applyDocuments, objectsOf, resolveDocuments } from '../../src/lab/documents.ts';
import { podSurroundings } from '../../src/lab/pod-surroundings.ts';
import { TWO_NODES } from './manifests.ts';

type Raw = Readonly<Record<string, unknown>>;

const FILES = { hosts: '127.0.0.1 machine\n', resolvConf: 'nameserver 192.0.2.53\n' };
const LOCAL =
  '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n' +
  'fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n';

function pod(name: string, spec: Raw): Raw {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { nodeName: 'north', ...spec },
    status: { podIPs: [{ ip: '10.244.1.7' }, { ip: 'fd44:1::7' }] },
  };
}

function service(namespace: string, name: string, clusterIP: string): Raw {
  const spec = { clusterIP, ports: [{ port: 53, protocol: 'UDP' }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
}

function surroundings(id: string, ...more: readonly Raw[]) {
  const documents = applyDocuments([], [...TWO_NODES, ...more], '2026-01-01T00:00:00Z');
  const { objects } = completeObjects(objectsOf(documents), DEFAULT_CLUSTER_OPTIONS);
  return podSurroundings(id, resolveDocuments(documents, objects), FILES);
}

describe('what a command finds in a pod', () => {
  it('[A67] has the variables of Services that came with the pod', () => {
    const found = surroundings('shop/p', pod('p', {}), service('shop', 'web', '10.96.0.7'));
    expect(found?.environment).toMatchObject({ WEB_SERVICE_HOST: '10.96.0.7', WEB_SERVICE_PORT: '53' });
    const without = pod('p', { enableServiceLinks: false });
    expect(surroundings('shop/p', without, service('shop', 'web', '10.96.0.7'))?.environment).toEqual({});
  });

  it('[B10] asks the cluster’s DNS where there is one', () => {
    const dns = service('kube-system', 'kube-dns', '10.96.0.10');
    expect(surroundings('shop/p', pod('p', {}), dns)?.resolvConf).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(surroundings('shop/p', pod('p', { dnsPolicy: 'Default' }), dns)?.resolvConf).toBe(
      FILES.resolvConf,
    );
    expect(surroundings('shop/exporter', dns)?.resolvConf).toBe(FILES.resolvConf);
    expect(surroundings('shop/p', pod('p', {}))?.resolvConf).toBe(FILES.resolvConf);
    const dnsConfig = {
      nameservers: ['192.0.2.1'],
      searches: ['a.example'],
      options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
    };
    expect(surroundings('shop/p', pod('p', { dnsPolicy: 'None', dnsConfig }), dns)?.resolvConf).toBe(
      'search a.example\nnameserver 192.0.2.1\noptions ndots:2 edns0\n',
    );
  });

  it('[B10] knows the pod and its host aliases by /etc/hosts', () => {
    const hostAliases = [
      { ip: '192.0.2.9', hostnames: ['db', 'db.example'] },
      { ip: 'fd00::9', hostnames: ['six'] },
    ];
    const aliases = '\n# Entries added by HostAliases.\n192.0.2.9\tdb\tdb.example\nfd00::9\tsix\n';
    expect(surroundings('shop/p', pod('p', { hostAliases }))?.hosts).toBe(
      `# Kubernetes-managed hosts file.\n${LOCAL}10.244.1.7\tp\nfd44:1::7\tp\n${aliases}`,
    );
    const named = pod('p', { hostname: 'h', subdomain: 'sub' });
    expect(surroundings('shop/p', named)?.hosts).toBe(
      `# Kubernetes-managed hosts file.\n${LOCAL}10.244.1.7\th.sub.shop.svc.cluster.local\th\n` +
        'fd44:1::7\th.sub.shop.svc.cluster.local\th\n',
    );
    const onNode = { ...pod('n', { hostNetwork: true, hostAliases }), status: {} };
    expect(surroundings('shop/n', onNode)?.hosts).toBe(
      `# Kubernetes-managed hosts file (host network).\n${FILES.hosts}${aliases}`,
    );
  });

  it('[B10] refuses what an API server would refuse', () => {
    expect(() => surroundings('shop/p', pod('p', { dnsPolicy: 'Cluster' }))).toThrow(
      'pod shop/p: spec.dnsPolicy is "Cluster"; use Default, ClusterFirst, ClusterFirstWithHostNet, None',
    );
    expect(() => surroundings('shop/p', pod('p', { dnsPolicy: 'None' }))).toThrow(
      'pod shop/p: dnsPolicy None needs a nameserver; add spec.dnsConfig.nameservers',
    );
  });

  it('is nothing for what is no pod', () => {
    expect(surroundings('node/north')).toBeUndefined();
    expect(surroundings('external')).toBeUndefined();
  });
});
