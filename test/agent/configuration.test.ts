import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type ConfigurationInputs,
  defaultCompileOptions,
  readConfiguration,
} from '../../src/agent/configuration.ts';
import { CONFIGURATION_KEYS, environmentName } from '../../src/agent/configuration-keys.ts';
import type { NodeName } from '../../src/model/names.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-configuration-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function read(inputs: Partial<ConfigurationInputs>) {
  return readConfiguration({ flags: { source: '/manifests' }, environment: {}, file: null, ...inputs });
}

function file(content: string): string {
  const path = join(directory, 'weir.yaml');
  writeFileSync(path, content);
  return path;
}

function problemsOf(inputs: Partial<ConfigurationInputs>): readonly string[] {
  try {
    read(inputs);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('has kube-proxy’s defaults', () => {
    expect(read({})).toMatchObject({
      source: '/manifests',
      instance: 'weir',
      healthzBind: { host: '0.0.0.0', port: 10256 },
      metricsBind: { host: '127.0.0.1', port: 10249 },
      syncPeriodMs: 30_000,
      minSyncPeriodMs: 400,
      compile: {
        nodePortRange: [30000, 32767],
        serviceCidrs: ['10.96.0.0/16', 'fd96::/112'],
        nodePortAddresses: [],
        detectLocalMode: 'NodeCIDR',
        serviceProxyName: null,
        masqueradeAll: false,
      },
    });
    expect(defaultCompileOptions('n1' as NodeName).node).toBe('n1');
  });

  it('[A22] [A23] takes a custom node-port range and node-port addresses', () => {
    const flags = {
      source: '.',
      'service-node-port-range': '80-32767',
      'nodeport-addresses': '10.0.0.0/8,fd00::/8',
    };
    expect(read({ flags }).compile).toMatchObject({
      nodePortRange: [80, 32767],
      nodePortAddresses: ['10.0.0.0/8', 'fd00::/8'],
    });
    expect(
      read({ flags: { source: '.', 'nodeport-addresses': 'primary' } }).compile.nodePortAddresses,
    ).toEqual([]);
  });

  it('[A58] [F3] takes the default scheduler, and whether endpoints are ejected', () => {
    expect(read({}).compile).toMatchObject({ scheduler: 'random', ejects: true });
    const flags = { source: '.', scheduler: 'wlc', ejection: 'off' };
    expect(read({ flags }).compile).toMatchObject({ scheduler: 'wlc', ejects: false });
    expect(problemsOf({ flags: { source: '.', scheduler: 'fast' } })).toEqual([
      expect.stringMatching(/^--scheduler "fast": write one of random, rr, /),
    ]);
  });

  it('[A62] [E27] takes the proxy name and the opening of cluster IPs', () => {
    const flags = { source: '.', 'service-proxy-name': 'mine', 'allow-external-cluster-ip': true } as const;
    expect(read({ flags }).compile).toMatchObject({ serviceProxyName: 'mine', allowExternalClusterIp: true });
  });

  it('prefers flags to the environment to the file to the default, for every key', () => {
    const path = file('log-level: trace\nsync-period: 1m\ninstance: file\n');
    const environment = { WEIR_LOG_LEVEL: 'debug', WEIR_SYNC_PERIOD: '2m' };
    const configuration = read({ flags: { source: '.', 'log-level': 'error' }, environment, file: path });
    expect(configuration).toMatchObject({ logLevel: 'error', syncPeriodMs: 120_000, instance: 'file' });
    for (const { name } of CONFIGURATION_KEYS) {
      const given = problemsOf({ environment: { [environmentName(name)]: '\u0000' }, flags: {} });
      expect(given.some((problem) => problem.startsWith(environmentName(name))) || name === 'source').toBe(
        true,
      );
    }
  });

  it('finds the kubeconfig as kubectl does, below its own flag and variable; without any it is a pod', () => {
    const flags = { source: 'kubernetes' };
    const environment = { KUBECONFIG: 'a:b' };
    expect(read({ flags })).toMatchObject({ source: 'kubernetes', kubeconfig: null, context: null });
    expect(read({ flags, environment })).toMatchObject({ kubeconfig: 'a:b' });
    const both = { ...environment, WEIR_KUBECONFIG: 'c', WEIR_CONTEXT: 'prod' };
    expect(read({ flags, environment: both })).toMatchObject({ kubeconfig: 'c', context: 'prod' });
    const flagged = { ...flags, kubeconfig: 'd', context: 'test' };
    expect(read({ flags: flagged, environment: both })).toMatchObject({ kubeconfig: 'd', context: 'test' });
    expect(problemsOf({ flags: { ...flags, context: 'prod' } })).toEqual([
      '--context "prod": contexts stand in a kubeconfig; give --kubeconfig too, or set KUBECONFIG',
    ]);
  });

  it('takes lists, numbers and switches of the file as YAML has them', () => {
    const path = file('cluster-cidr: [10.0.0.0/8, "fd00::/8"]\nmasquerade-all: true\nmin-sync-period: 0\n');
    expect(read({ file: path })).toMatchObject({
      minSyncPeriodMs: 0,
      compile: { masqueradeAll: true, clusterCidrs: ['10.0.0.0/8', 'fd00::/8'] },
    });
  });

  it('[E24] takes pools of load-balancer addresses as a list, as JSON, or written out in the file', () => {
    const range = { first: '10.9.0.1', last: '10.9.0.2' };
    const flags = { source: '.', 'load-balancer-pools': '10.9.0.0/30' };
    const pool = { name: 'default', class: null, autoAssign: true, ranges: [range] };
    expect(read({ flags }).loadBalancerPools).toEqual([pool]);
    const list = file('load-balancer-pools: [10.9.0.1-10.9.0.2]\n');
    expect(read({ file: list }).loadBalancerPools).toEqual([pool]);
    const written = file(
      'load-balancer-pools:\n  - name: inside\n    class: a/b\n    addresses: [10.9.0.0/30]\n',
    );
    const inside = { ...pool, name: 'inside', class: 'a/b' };
    expect(read({ file: written }).loadBalancerPools).toEqual([inside]);
    const json = '[{"name": "inside", "class": "a/b", "addresses": ["10.9.0.0/30"]}]';
    expect(read({ flags: { ...flags, 'load-balancer-pools': json } }).loadBalancerPools).toEqual([inside]);
    expect(problemsOf({ flags: { ...flags, 'load-balancer-pools': '10.9.0.1/30' } })).toEqual([
      expect.stringMatching(/^--load-balancer-pools "10.9.0.1\/30": .*host bits zero/),
    ]);
    const serviceNetwork = { ...flags, 'service-cluster-ip-range': '10.9.0.0/16,fd96::/112' };
    expect(problemsOf({ flags: serviceNetwork })).toEqual([
      '--load-balancer-pools "10.9.0.0/30": pool "default" has addresses of the service network 10.9.0.0/16, which are cluster IPs: use others',
    ]);
  });

  it('[A65] keeps choices in the run directory of the instance unless told otherwise', () => {
    expect(read({ flags: { source: '.', instance: 'two' } }).allocationFile).toBe(
      '/run/weir/two/allocations.json',
    );
    expect(read({ flags: { source: '.', 'allocation-file': '/var/lib/weir/a' } }).allocationFile).toBe(
      '/var/lib/weir/a',
    );
  });

  it('tells everything that is wrong at once, each with key, value and remedy', () => {
    const path = file('cluster-cird: 10.0.0.0/8\nlog-level: loud\nexternal-ip-cidrs: {a: b}\n');
    const problems = problemsOf({
      flags: { 'cluster-cidr': '10.0.0.1/8,banana', 'detect-local-mode': 'BridgeInterface' },
      environment: {
        WEIR_SERVICES_BACKEND: 'ipvs',
        WEIR_SERVICE_NODE_PORT_RANGE: '9-1',
        WEIR_MASQUERADE_ALL: 'yes',
      },
      file: path,
    });
    const about = (key: string) => problems.filter((problem) => problem.includes(key));
    expect(about('cluster-cird:')[0]).toMatch(/unknown key; did you mean cluster-cidr\?/);
    expect(about(`${path}: log-level`)[0]).toMatch(
      /"loud": write one of trace, debug, info, warn, error, fatal/,
    );
    expect(about('external-ip-cidrs')[0]).toMatch(/\{"a":"b"\}: write a text/);
    expect(about('--source ""')[0]).toMatch(/must be given/);
    expect(about('--cluster-cidr')[0]).toMatch(/write 10\.0\.0\.0\/8; banana is not a CIDR; write like/);
    expect(about('--detect-local-mode')[0]).toMatch(/"BridgeInterface": write one of NodeCIDR, ClusterCIDR/);
    expect(about('WEIR_SERVICES_BACKEND')[0]).toMatch(/"ipvs": write one of auto, bpf, nft/);
    expect(about('WEIR_SERVICE_NODE_PORT_RANGE')[0]).toMatch(/"9-1": not a port range; write FIRST-LAST/);
    expect(about('WEIR_MASQUERADE_ALL')[0]).toMatch(/"yes": write true or false/);
    expect(problems).toHaveLength(9);
  });

  it.each([
    ['cluster-cidr', '10.0.0.0/33', /write \/0 to \/32/],
    ['cluster-cidr', '010.0.0.0/8', /is not a CIDR/],
    ['cluster-cidr', '::ffff:10.0.0.0/104', /is not a CIDR/],
    ['healthz-bind-address', '10256', /write like 127\.0\.0\.1:10249/],
    ['metrics-bind-address', '127.0.0.1:70000', /not an address and port/],
    ['instance', '../etc', /write 1 to 80 letters/],
    ['hostname-override', 'Node_1', /not a node name/],
    ['sync-period', '1ms', /at least 100ms/],
    ['sync-period', '30', /number with a unit/],
    ['service-proxy-name', 'a b', /not a label value/],
  ])('[I6] refuses --%s %s', (name, value, expected) => {
    expect(problemsOf({ flags: { source: '.', [name]: value } })).toEqual([expect.stringMatching(expected)]);
  });

  it('wants the pod networks where local pods are known by them', () => {
    expect(problemsOf({ flags: { source: '.', 'detect-local-mode': 'ClusterCIDR' } })[0]).toMatch(
      /give --cluster-cidr/,
    );
  });

  it('says which file is missing, is not YAML or has no keys', () => {
    expect(problemsOf({ file: join(directory, 'none.yaml') })[0]).toMatch(/can't be read .*none\.yaml/);
    expect(problemsOf({ file: file('a: [') })[0]).toMatch(/not YAML/);
    expect(problemsOf({ file: file('- a') })[0]).toMatch(/must hold keys and values/);
    expect(problemsOf({ file: file('') })).toEqual([]);
  });
});
