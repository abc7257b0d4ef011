import { describe, expect, it } from 'vitest';
import { parsed, problemsOf, refusalOf, serviceYaml } from './parsing.ts';

const PORT = 'ports: [{port: 80}]';
const TYPED = (type: string, more = '') => `type: ${type}\n${PORT}\n${more}`;

describe('a Service manifest', () => {
  it('[A7] gets the defaults of the API server', () => {
    expect(parsed('Service', serviceYaml(PORT))).toEqual({
      kind: 'Service',
      namespace: 'default',
      name: 'web',
      uid: '',
      labels: {},
      annotations: {},
      createdAtMs: null,
      deleting: false,
      type: 'ClusterIP',
      selector: null,
      clusterIps: [],
      ipFamilies: [],
      ipFamilyPolicy: null,
      ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 80, nodePort: null }],
      externalIps: [],
      loadBalancerIngress: [],
      loadBalancerSourceRanges: [],
      loadBalancerIp: null,
      loadBalancerClass: null,
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      healthCheckNodePort: null,
      publishNotReadyAddresses: false,
      affinitySeconds: null,
      trafficDistribution: null,
    });
  });

  it('[A5] may use one port number for several protocols', () => {
    const yaml = serviceYaml('ports: [{name: t, port: 53}, {name: u, port: 53, protocol: UDP}]');
    expect(parsed('Service', yaml).ports.map(({ protocol }) => protocol)).toEqual(['TCP', 'UDP']);
    const twice = serviceYaml('ports: [{name: a, port: 53}, {name: b, port: 53}]');
    expect(refusalOf(twice)).toEqual(['DuplicatePort spec.ports[1].port']);
  });

  it('[A6] may name its target port', () => {
    expect(parsed('Service', serviceYaml('ports: [{port: 80, targetPort: http}]')).ports[0]?.targetPort).toBe(
      'http',
    );
    const [problem] = problemsOf(serviceYaml('ports: [{port: 80, targetPort: "8080"}]'));
    expect(problem).toMatchObject({
      field: 'spec.ports[0].targetPort',
      remedy: 'write the number without quotes',
    });
  });

  it('[A19] is headless with the cluster IP None', () => {
    expect(parsed('Service', serviceYaml(`clusterIP: None\n${PORT}`)).clusterIps).toBe('headless');
    expect(parsed('Service', serviceYaml('clusterIP: None')).ports).toEqual([]);
    expect(refusalOf(serviceYaml(TYPED('NodePort', 'clusterIP: None')))).toEqual([
      'InvalidValue spec.clusterIP',
    ]);
  });

  it('[A20] needs a name when it is an ExternalName', () => {
    const service = parsed('Service', serviceYaml('type: ExternalName\nexternalName: db.example.com.'));
    expect(service).toMatchObject({ type: 'ExternalName', ports: [], clusterIps: [] });
    expect(refusalOf(serviceYaml('type: ExternalName'))).toEqual(['MissingValue spec.externalName']);
  });

  it('[A26] takes load-balancer addresses from its status, as VIP unless it says Proxy', () => {
    const status =
      'status: {loadBalancer: {ingress: [{ip: 203.0.113.9}, {ip: "2001:DB8::1", ipMode: Proxy}, {hostname: lb}]}}';
    expect(parsed('Service', serviceYaml(TYPED('LoadBalancer'), status)).loadBalancerIngress).toEqual([
      { address: '203.0.113.9', ipMode: 'VIP' },
      { address: '2001:db8::1', ipMode: 'Proxy' },
    ]);
  });

  it('[A30] reads source ranges from the field or else the annotation, blanks allowed', () => {
    const annotated = serviceYaml(TYPED('LoadBalancer')).replace(
      '{name: web}',
      '{name: web, annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: " 10.0.0.0/8, fd00::/8 "}}',
    );
    expect(parsed('Service', annotated).loadBalancerSourceRanges).toEqual(['10.0.0.0/8', 'fd00::/8']);
    const both = annotated.replace(PORT, `${PORT}\n  loadBalancerSourceRanges: [" 192.168.1.0/24 "]`);
    expect(parsed('Service', both).loadBalancerSourceRanges).toEqual(['192.168.1.0/24']);
    expect(refusalOf(annotated.replace('10.0.0.0/8', '10.1.0.0/8'))).toEqual([
      'InvalidCIDR metadata.annotations.service.beta.kubernetes.io/load-balancer-source-ranges',
    ]);
  });

  it('[A31] takes external IPs, each once', () => {
    const yaml = serviceYaml(`${PORT}\nexternalIPs: [198.51.100.32, "2001:db8:0::1", 198.51.100.32]`);
    expect(parsed('Service', yaml).externalIps).toEqual(['198.51.100.32', '2001:db8::1']);
  });

  it('[A36] keeps clients for 10800 s by default, for 1 to 86400 s if told', () => {
    const timeout = (seconds: unknown) =>
      serviceYaml(
        `${PORT}\nsessionAffinity: ClientIP\nsessionAffinityConfig: {clientIP: {timeoutSeconds: ${seconds}}}`,
      );
    expect(parsed('Service', serviceYaml(`${PORT}\nsessionAffinity: ClientIP`)).affinitySeconds).toBe(10800);
    expect(parsed('Service', timeout(1)).affinitySeconds).toBe(1);
    expect(parsed('Service', timeout(86400)).affinitySeconds).toBe(86400);
    for (const wrong of [0, 86401, 1.5, '"3"']) {
      expect(refusalOf(timeout(wrong))).toEqual([
        'InvalidValue spec.sessionAffinityConfig.clientIP.timeoutSeconds',
      ]);
    }
  });

  it('[A55] [A56] knows the three traffic distributions and refuses others', () => {
    for (const known of ['PreferClose', 'PreferSameZone', 'PreferSameNode']) {
      expect(
        parsed('Service', serviceYaml(`${PORT}\ntrafficDistribution: ${known}`)).trafficDistribution,
      ).toBe(known);
    }
    const [problem] = problemsOf(serviceYaml(`${PORT}\ntrafficDistribution: PreferFar`));
    expect(problem).toMatchObject({
      severity: 'error',
      object: { kind: 'Service', namespace: 'default', name: 'web' },
      field: 'spec.trafficDistribution',
      reason: 'UnsupportedValue',
      message: '"PreferFar" is not a known value',
      remedy: 'use one of PreferSameZone, PreferClose, PreferSameNode',
      file: 'test.yaml',
    });
  });

  it('[A63] derives its families from its cluster IPs', () => {
    const yaml = serviceYaml(
      `${PORT}\nclusterIP: "fd96::7"\nclusterIPs: ["fd96::7", 10.96.0.7]\nipFamilyPolicy: RequireDualStack`,
    );
    expect(parsed('Service', yaml)).toMatchObject({
      clusterIps: ['fd96::7', '10.96.0.7'],
      ipFamilies: ['IPv6', 'IPv4'],
    });
    const refused = (spec: string) => refusalOf(serviceYaml(`${PORT}\n${spec}`));
    expect(refused('clusterIP: 10.96.0.7\nipFamilies: [IPv6]')).toEqual(['InvalidValue spec.ipFamilies']);
    expect(refused('clusterIP: 10.96.0.7\nclusterIPs: [10.96.0.8]')).toEqual(['InvalidValue spec.clusterIP']);
    expect(
      refused('clusterIP: 10.96.0.7\nclusterIPs: [10.96.0.7, 10.96.0.8]\nipFamilyPolicy: PreferDualStack'),
    ).toEqual(['DuplicateFamily spec.clusterIPs[1]']);
    expect(refused('ipFamilyPolicy: SingleStack\nipFamilies: [IPv4, IPv6]')).toEqual([
      'InvalidValue spec.ipFamilyPolicy',
    ]);
    expect(refused('ipFamilies: [IPv4, IPv4]')).toEqual(['DuplicateValue spec.ipFamilies[1]']);
  });

  it('[I6] is refused with addresses that different readers read differently', () => {
    const wrong: readonly (readonly [string, string, string])[] = [
      [
        'clusterIP: 010.96.0.1',
        'InvalidAddress spec.clusterIP',
        'write it without leading zeros if you mean 10.96.0.1',
      ],
      [
        'externalIPs: ["::ffff:10.0.0.1"]',
        'InvalidAddress spec.externalIPs[0]',
        'write the IPv4 address itself: 10.0.0.1',
      ],
      [
        'externalIPs: ["fe80::1%eth0"]',
        'InvalidAddress spec.externalIPs[0]',
        'write the address without a zone',
      ],
      [
        'externalIPs: [10.0.0.1/32]',
        'InvalidAddress spec.externalIPs[0]',
        'write the address without a prefix length',
      ],
      [
        'loadBalancerSourceRanges: [1.2.3.4/24]',
        'InvalidCIDR spec.loadBalancerSourceRanges[0]',
        'use a CIDR whose host bits are zero, such as 10.1.0.0/16 or fd00::/64',
      ],
      [
        'loadBalancerSourceRanges: [1.2.3.4]',
        'InvalidCIDR spec.loadBalancerSourceRanges[0]',
        'add the prefix length, 1.2.3.4/32 for this one address',
      ],
      [
        'loadBalancerSourceRanges: [010.0.0.0/8]',
        'InvalidCIDR spec.loadBalancerSourceRanges[0]',
        'write it without leading zeros if you mean 10.0.0.0',
      ],
    ];
    for (const [spec, refusal, remedy] of wrong) {
      const yaml = serviceYaml(TYPED('LoadBalancer', spec));
      expect(refusalOf(yaml)).toEqual([refusal]);
      expect(problemsOf(yaml)[0]?.remedy).toBe(remedy);
    }
  });

  it('is refused with every finding at once, each with its field', () => {
    const yaml = serviceYaml(
      'type: Loadbalancer\nexternalTrafficPolicy: local\npublishNotReadyAddresses: "yes"\n' +
        'ports: [{port: 0}, {name: A_b, port: 70000, protocol: tcp}, {port: 81, nodePort: 30000}]',
    );
    expect(refusalOf(yaml)).toEqual([
      'UnsupportedValue spec.type',
      'MissingName spec.ports[0].name',
      'InvalidPort spec.ports[0].port',
      'InvalidName spec.ports[1].name',
      'InvalidPort spec.ports[1].port',
      'UnsupportedValue spec.ports[1].protocol',
      'MissingName spec.ports[2].name',
      'InvalidValue spec.ports[2].nodePort',
      'UnsupportedValue spec.externalTrafficPolicy',
      'InvalidType spec.publishNotReadyAddresses',
    ]);
  });

  it('is refused without ports, and with names or node ports used twice', () => {
    expect(refusalOf(serviceYaml('type: ClusterIP'))).toEqual(['MissingValue spec.ports']);
    expect(refusalOf('apiVersion: v1\nkind: Service\nmetadata: {name: web}')).toContain('MissingValue spec');
    const names = serviceYaml('ports: [{name: a, port: 80}, {name: a, port: 81}]');
    expect(refusalOf(names)).toEqual(['DuplicatePortName spec.ports[1].name']);
    const nodePorts =
      'type: NodePort\nports: [{name: a, port: 1, nodePort: 30000}, {name: b, port: 2, nodePort: 30000}]';
    expect(refusalOf(serviceYaml(nodePorts))).toEqual(['DuplicatePort spec.ports[1].nodePort']);
  });

  it('counts an empty selector as none, and refuses label values that are not text', () => {
    expect(parsed('Service', serviceYaml(`${PORT}\nselector: {}`)).selector).toBeNull();
    expect(refusalOf(serviceYaml(`${PORT}\nselector: {version: 1}`))).toEqual([
      'InvalidType spec.selector.version',
    ]);
    expect(refusalOf(serviceYaml(`${PORT}\nselector: {app: "a b"}`))).toEqual([
      'InvalidLabel spec.selector.app',
    ]);
  });
});
