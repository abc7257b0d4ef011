import { describe, expect, it } from 'vitest';
import { indent, parsed, refusalOf } from './parsing.ts';

function podYaml(spec: string, status = ''): string {
  return `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n${indent(spec)}\n${status}`;
}

describe('a Pod manifest', () => {
  it('counts as running and ready without a status, as manifests are written', () => {
    expect(parsed('Pod', podYaml('nodeName: n1\nhostname: web-0\nsubdomain: web'))).toMatchObject({
      namespace: 'shop',
      nodeName: 'n1',
      hostname: 'web-0',
      subdomain: 'web',
      phase: 'Running',
      ready: true,
      addresses: [],
    });
  });

  it('[A16] is ready by the condition Ready, if it has conditions', () => {
    const ready = (status: string) => parsed('Pod', podYaml('{}', `status: ${status}`)).ready;
    expect(ready('{conditions: [{type: Ready, status: "True"}]}')).toBe(true);
    expect(ready('{conditions: [{type: Ready, status: "False"}]}')).toBe(false);
    expect(ready('{conditions: [{type: Initialized, status: "True"}]}')).toBe(false);
    expect(ready('{phase: Pending}')).toBe(false);
    expect(ready('{phase: Running}')).toBe(true);
  });

  it('[A48] is deleting from its deletionTimestamp on', () => {
    const yaml = podYaml('{}').replace('{name: p', '{deletionTimestamp: "2026-01-01T00:00:00Z", name: p');
    expect(parsed('Pod', yaml).deleting).toBe(true);
    expect(parsed('Pod', podYaml('{}')).deleting).toBe(false);
  });

  it('[A11] has no address that nobody could send a packet to', () => {
    expect(refusalOf(podYaml('{}', 'status: {podIP: 127.0.0.1}'))).toEqual(['InvalidAddress status.podIP']);
    const list = podYaml('{}', 'status: {podIPs: [{ip: 10.244.1.5}, {ip: "fe80::1"}]}');
    expect(refusalOf(list)).toEqual(['InvalidAddress status.podIPs[1].ip']);
  });

  it('has at most one address of each family', () => {
    const addresses = (status: string) => parsed('Pod', podYaml('{}', `status: ${status}`)).addresses;
    expect(addresses('{podIP: 10.244.1.5}')).toEqual(['10.244.1.5']);
    expect(addresses('{podIP: 10.244.1.5, podIPs: [{ip: 10.244.1.5}, {ip: "FD44::5"}]}')).toEqual([
      '10.244.1.5',
      'fd44::5',
    ]);
    expect(refusalOf(podYaml('{}', 'status: {podIPs: [{ip: 10.0.0.1}, {ip: 10.0.0.2}]}'))).toEqual([
      'DuplicateFamily status.podIPs[1].ip',
    ]);
    expect(refusalOf(podYaml('{}', 'status: {podIPs: [{ip: "::ffff:10.0.0.1"}]}'))).toEqual([
      'InvalidAddress status.podIPs[0].ip',
    ]);
  });

  it('[A32] exposes host ports; an unspecified hostIP means every address', () => {
    const ports = (port: string) => parsed('Pod', podYaml(`containers: [{ports: [${port}]}]`)).ports;
    const base = { name: '', port: 80, protocol: 'TCP' };
    expect(ports('{containerPort: 80}')).toEqual([{ ...base, hostPort: null, hostIp: null }]);
    expect(ports('{containerPort: 80, hostPort: 8080, hostIP: 192.0.2.1}')).toEqual([
      { ...base, hostPort: 8080, hostIp: '192.0.2.1' },
    ]);
    for (const every of ['0.0.0.0', '"::"', '""']) {
      expect(ports(`{containerPort: 80, hostPort: 8080, hostIP: ${every}}`)).toEqual([
        { ...base, hostPort: 8080, hostIp: null },
      ]);
    }
  });

  it('has the ports of containers and of sidecars, not those of init containers that end', () => {
    const spec =
      'initContainers: [{name: s, restartPolicy: Always, ports: [{containerPort: 1}]}, {name: i, ports: [{containerPort: 2}]}]\n' +
      'containers: [{name: a, ports: [{containerPort: 3, name: http}]}, {name: b, ports: [{containerPort: 4, protocol: SCTP}]}]';
    expect(parsed('Pod', podYaml(spec)).ports.map(({ port }) => port)).toEqual([3, 4, 1]);
  });

  it('does not forward host ports of a hostNetwork pod, which must equal its ports', () => {
    const spec = (hostPort: number) =>
      podYaml(`hostNetwork: true\ncontainers: [{ports: [{containerPort: 80, hostPort: ${hostPort}}]}]`);
    expect(parsed('Pod', spec(80))).toMatchObject({
      hostNetwork: true,
      ports: [{ port: 80, hostPort: null }],
    });
    expect(refusalOf(spec(81))).toEqual(['InvalidHostPort spec.containers[0].ports[0].hostPort']);
  });

  it('is refused with ports that are no ports', () => {
    const refused = (port: string) => refusalOf(podYaml(`containers: [{ports: [${port}]}]`));
    expect(refused('{name: http}')).toEqual(['MissingValue spec.containers[0].ports[0].containerPort']);
    expect(refused('{containerPort: 70000}')).toEqual([
      'InvalidPort spec.containers[0].ports[0].containerPort',
    ]);
    expect(refused('{containerPort: 80, name: a-name-that-is-too-long}')).toEqual([
      'InvalidPortName spec.containers[0].ports[0].name',
    ]);
    expect(refused('{containerPort: 80, name: a}, {containerPort: 81, name: a}')).toEqual([
      'DuplicatePortName spec.containers[0].ports[1].name',
    ]);
  });
});
