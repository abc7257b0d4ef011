import { describe, expect, it } from 'vitest';
import { serviceEnvironment } from '../../src/lab/service-environment.ts';
import type { Address } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import { serviceObject, servicePort } from '../objects.ts';

const POD = { namespace: 'shop', createdAtMs: 1000 };
const addressed = (part: Partial<Parameters<typeof serviceObject>[0]>) =>
  serviceObject({
    namespace: 'shop',
    name: 'web',
    createdAtMs: 500,
    clusterIps: ['10.0.0.11' as Address],
    ports: [servicePort({ port: 80 as Port })],
    ...part,
  });
const namesOf = (services: readonly ReturnType<typeof serviceObject>[], links = true, pod = POD) =>
  Object.entries(serviceEnvironment(pod, links, services))
    .filter(([name]) => name.endsWith('_SERVICE_HOST'))
    .map(([name, value]) => `${name}=${value}`);

describe('Service variables of a pod', () => {
  it('[A67] are the seven of the Docker-link form and their host, exactly', () => {
    const service = addressed({ name: 'redis-primary', ports: [servicePort({ port: 6379 as Port })] });
    expect(Object.entries(serviceEnvironment(POD, true, [service]))).toEqual([
      ['REDIS_PRIMARY_SERVICE_HOST', '10.0.0.11'],
      ['REDIS_PRIMARY_SERVICE_PORT', '6379'],
      ['REDIS_PRIMARY_PORT', 'tcp://10.0.0.11:6379'],
      ['REDIS_PRIMARY_PORT_6379_TCP', 'tcp://10.0.0.11:6379'],
      ['REDIS_PRIMARY_PORT_6379_TCP_PROTO', 'tcp'],
      ['REDIS_PRIMARY_PORT_6379_TCP_PORT', '6379'],
      ['REDIS_PRIMARY_PORT_6379_TCP_ADDR', '10.0.0.11'],
    ]);
  });

  it('[A67] name every port that has a name, and bracket IPv6 addresses', () => {
    const service = addressed({
      clusterIps: ['fd96::7', '10.0.0.9'] as readonly string[] as readonly Address[],
      ports: [
        servicePort({ name: 'dns-udp', protocol: 'UDP', port: 53 as Port }),
        servicePort({ name: 'dns-tcp', port: 53 as Port }),
      ],
    });
    expect(serviceEnvironment(POD, true, [service])).toEqual({
      WEB_SERVICE_HOST: 'fd96::7',
      WEB_SERVICE_PORT: '53',
      WEB_SERVICE_PORT_DNS_UDP: '53',
      WEB_SERVICE_PORT_DNS_TCP: '53',
      WEB_PORT: 'udp://[fd96::7]:53',
      WEB_PORT_53_UDP: 'udp://[fd96::7]:53',
      WEB_PORT_53_UDP_PROTO: 'udp',
      WEB_PORT_53_UDP_PORT: '53',
      WEB_PORT_53_UDP_ADDR: 'fd96::7',
      WEB_PORT_53_TCP: 'tcp://[fd96::7]:53',
      WEB_PORT_53_TCP_PROTO: 'tcp',
      WEB_PORT_53_TCP_PORT: '53',
      WEB_PORT_53_TCP_ADDR: 'fd96::7',
    });
  });

  it('[A67] are only of Services that are not younger than the pod', () => {
    const services = [
      addressed({ name: 'older', createdAtMs: 999 }),
      addressed({ name: 'twin', createdAtMs: 1000 }),
      addressed({ name: 'younger', createdAtMs: 1001 }),
      addressed({ name: 'unknown', createdAtMs: null }),
    ];
    expect(namesOf(services)).toEqual(['OLDER_SERVICE_HOST=10.0.0.11', 'TWIN_SERVICE_HOST=10.0.0.11']);
    const unknownPod = serviceEnvironment({ namespace: 'shop', createdAtMs: null }, true, services);
    expect(Object.keys(unknownPod).filter((name) => name.endsWith('_SERVICE_HOST'))).toHaveLength(4);
  });

  it('[A67] are of the pod’s namespace and default/kubernetes; without service links only of the latter', () => {
    const master = addressed({
      namespace: 'default',
      name: 'kubernetes',
      clusterIps: ['10.0.0.1' as Address],
    });
    const services = [addressed({}), addressed({ namespace: 'other', name: 'far' }), master];
    expect(namesOf(services)).toEqual(['KUBERNETES_SERVICE_HOST=10.0.0.1', 'WEB_SERVICE_HOST=10.0.0.11']);
    expect(namesOf(services, false)).toEqual(['KUBERNETES_SERVICE_HOST=10.0.0.1']);
    const own = addressed({ name: 'kubernetes', clusterIps: ['10.0.0.2' as Address] });
    for (const both of [
      [own, master],
      [master, own],
    ]) {
      expect(namesOf(both)).toEqual(['KUBERNETES_SERVICE_HOST=10.0.0.2']);
      expect(namesOf(both, false)).toEqual(['KUBERNETES_SERVICE_HOST=10.0.0.1']);
    }
  });

  it('[A67] leave out Services without a cluster IP', () => {
    const external = addressed({ name: 'elsewhere', type: 'ExternalName', clusterIps: [] });
    expect(serviceEnvironment(POD, true, [addressed({ clusterIps: 'headless' }), external])).toEqual({});
  });
});
