import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../src/agent/configuration.ts';
import type { PolicyStatus } from '../../src/agent/policy-record.ts';
import { type AgentStatus, countRows } from '../../src/agent/status.ts';
import { table } from '../../src/cli/output.ts';
import { policiesTable } from '../../src/cli/policies-table.ts';
import { probeText } from '../../src/cli/probe-text.ts';
import { servicesTable } from '../../src/cli/services-table.ts';
import { statusText } from '../../src/cli/status-text.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName, Port } from '../../src/model/names.ts';
import type { RuleName, RuleRow } from '../../src/model/policy-rows.ts';
import type { ProbeLine } from '../../src/model/probe-request.ts';
import { backend, frontend, rowsOf, serviceRows } from '../agent/rows-samples.ts';

const WEB = serviceRows('shop/web', {
  frontends: [
    frontend(),
    frontend({ kind: 'nodePort', address: null, port: 30080 as Port, outside: 'drop' }),
  ],
  cluster: [backend('10.244.1.2'), backend('10.244.2.2')],
  local: [backend('10.244.1.2')],
  excluded: [{ endpoint: '10.244.2.3:8080', list: 'both', why: 'not-ready' }],
});

const STATUS: AgentStatus = {
  version: '0.1.0',
  instance: 'weir',
  node: 'n1',
  pid: 7,
  networkNamespace: 4026531840,
  startedAt: '2026-11-21T14:00:00.000Z',
  options: readConfiguration({ flags: { source: '.' }, environment: {}, file: null }).compile,
  loadBalancerPools: [],
  allocationFile: '/run/weir/weir/allocations.json',
  healthy: false,
  unhealthyBecause: 'changes wait for 61 s',
  backends: { services: { backend: 'nft', why: 'auto' }, policy: { backend: 'nft', why: 'not yet' } },
  features: { found: ['nftables'], missing: [{ feature: 'socket load-balancing', why: 'no bpf' }] },
  source: {
    origin: '/manifests',
    synced: true,
    lastEventAtMs: null,
    retries: 0,
    reason: null,
    skippedKinds: { NetworkPolicy: 2 },
    missingKinds: { ServiceCIDR: 'not served' },
  },
  counts: await countRows(rowsOf(WEB)),
  dataplane: {
    backend: 'nft',
    skeleton: 1,
    sets: [{ name: 'slots', elements: 4 }],
    chains: 9,
    repairs: 1,
    readings: 1,
    missing: [],
  },
  policies: null,
  sockets: null,
  ejectedBackends: null,
  sync: {
    state: 'failing',
    lastSuccessAt: '2026-11-21T14:00:01.000Z',
    lastDurationMs: 2.25,
    lastReport: null,
    pendingForMs: 61_000,
    syncs: 3,
    failures: 4,
    consecutiveFailures: 4,
    lastError: 'not applied: shop/web: ENOSPC',
  },
  problems: [
    {
      severity: 'warning',
      object: { kind: 'Service', namespace: 'shop', name: 'web' },
      field: 'spec.ports[0].name',
      reason: 'PortNameMismatch',
      message: 'no slice has port http',
      remedy: 'use the same name',
      file: null,
    },
  ],
  events: null,
  repairs: 1,
  conntrackDeleted: 5,
};

const ANSWERED: ProbeLine = {
  index: 0,
  from: 'shop/web-1',
  to: 'svc:shop/web',
  address: '10.96.0.9' as Address,
  port: null,
  protocol: 'icmp',
  verdict: 'allowed',
  answeredBy: 'shop/web-2' as ObjectName,
  clientSeen: null,
  ms: 0.25,
};

const POLICIES: PolicyStatus = {
  rows: { classes: 1, peers: 0, verdicts: 2, rules: 2, subjects: 1 },
  guarded: 2,
  unenforced: [],
  kernel: null,
  closed: [],
  services: null,
  rules: [],
  lastError: null,
};

/** A default deny of the NetworkPolicy with this name. */
function ruleOf(name: string): RuleRow {
  const policies = [{ kind: 'NetworkPolicy', namespace: 'shop', name }] as const;
  return { kind: 'default-deny', name: name as RuleName, direction: 'ingress', policies };
}

describe('tables', () => {
  it('show probes, and why one could not be asked without widening the answers', () => {
    const failed = { index: 1, from: 'a/b', to: 'pods', address: null, port: null, protocol: null };
    expect(probeText([ANSWERED])).toMatch(
      /^FROM .* MS\nshop\/web-1 +svc:shop\/web +10\.96\.0\.9 icmp +allowed +shop\/web-2 +0\.[23]$/,
    );
    const text = probeText([ANSWERED, { ...failed, error: 'from: a/b is no Pod; '.repeat(9) }]);
    const [header = '', answer = '', failure = ''] = text.split('\n');
    expect(header).toMatch(/ MS +ERROR$/);
    expect(answer.length).toBeLessThan(90);
    expect(failure.indexOf('from: a/b')).toBe(header.indexOf('ERROR'));
  });

  it('align their columns and leave no spaces at the end of a line', () => {
    expect(
      table(
        ['a', 'b'],
        [
          ['long', 'x'],
          ['s', ''],
        ],
      ),
    ).toBe('A     B\nlong  x\ns');
  });

  it('show where a Service is reached, who serves it here and elsewhere, and who does not and why', () => {
    const [, line = ''] = servicesTable([WEB]).split('\n');
    expect(line).toMatch(/^shop\/web:http +TCP +10\.96\.0\.1:80 nodePort=\*:30080\(drop\) /);
    expect(line).toMatch(/10\.244\.1\.2:8080\* 10\.244\.2\.2:8080 +10\.244\.2\.3:8080 not-ready$/);
    const six = serviceRows('shop/six', {
      frontends: [frontend({ address: 'fd96::1' as Address })],
      cluster: [],
    });
    expect(servicesTable([six])).toMatch(/\[fd96::1\]:80 +none: refused/);
    expect(servicesTable([])).toBe('no Services');
  });

  it('[C31] [F22] show rules by hits with the time of the last, and those that decided nothing yet', () => {
    const decided = { rule: ruleOf('shut'), hits: 3, lastHitAt: '2026-11-21T14:00:00.000Z' };
    const status = { ...POLICIES, rules: [decided] };
    const lines = policiesTable(status, [ruleOf('idle')])
      .split('\n')
      .slice(-3);
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ['RULE', 'DIRECTION', 'HITS', 'LAST'],
      ['isolated by NetworkPolicy shop/shut', 'ingress', '3', '2026-11-21T14:00:00.000Z'],
      ['isolated by NetworkPolicy shop/idle', 'ingress', '0', 'never'],
    ]);
  });

  it('[H18] show drops by reason, and open flows where they are counted', () => {
    const drops = [
      { reason: 'policy', ingress: 2, egress: 0 },
      { reason: 'malformed', ingress: 0, egress: 0 },
    ] as const;
    const figures = { revision: 7, flows: null, repairs: 0, capacities: {}, drops, tallies: {} as never };
    const kernel = { ...figures, upgrade: null, passages: null };
    expect(policiesTable({ ...POLICIES, kernel }, [])).toMatch(
      /\nrevision 7\n\nDROPPED BECAUSE +TO PODS +FROM PODS\npolicy +2 +0$/,
    );
    const counted = policiesTable({ ...POLICIES, kernel: { ...kernel, flows: 5 } }, []);
    expect(counted).toContain('\nrevision 7, 5 open flows\n');
  });

  it('[H4] tell what was carried over from an earlier version, and that its programs still judge', () => {
    const figures = { revision: 7, flows: null, repairs: 0, capacities: {}, drops: [], tallies: {} as never };
    const kernel = { ...figures, passages: null };
    const told = (complete: boolean) => {
      const upgrade = { changed: ['flows', 'subjects'], carried: 12, complete };
      return policiesTable({ ...POLICIES, kernel: { ...kernel, upgrade } }, []);
    };
    const words =
      'another version had other maps (flows, subjects): 12 open flows and other memories carried over';
    expect(told(true).split('\n')).toContain(words);
    expect(told(false).split('\n')).toContain(`${words}; its programs still judge`);
  });

  it('[E16] tell how many packets went past the node’s stack, and at which interfaces none may', () => {
    const figures = { revision: 7, flows: null, repairs: 0, capacities: {}, drops: [], upgrade: null };
    const kernel = { ...figures, tallies: { 'passed-by': 12 } as never };
    const told = (lastError: string | null) => {
      const refused = [{ interface: 'veth1', why: ['queue', 'bridge'] as const }];
      const passages = { interfaces: 4, refused, lastError };
      return policiesTable({ ...POLICIES, kernel: { ...kernel, passages } }, []);
    };
    const count = '12 packets went from pod to pod past the node’s stack';
    expect(told(null)).toContain(`\n${count}, between 4 interfaces\n\nBY THE STACK AT`);
    expect(told(null)).toMatch(/\nveth1 +a queueing discipline, the bridge it is a port of$/);
    expect(told('no room')).toContain(`\n${count}; not now: no room\n`);
    const plain = policiesTable({ ...POLICIES, kernel: { ...kernel, passages: null } }, []);
    expect(plain).not.toContain('stack');
  });

  it('[C17, H6] name policies that a failure of ours closed', () => {
    const policy = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web' } as const;
    const closed = [{ policy, reason: 'NotProgrammed', message: 'the table has no room' }];
    expect(policiesTable({ ...POLICIES, closed }, [])).toMatch(
      /\n\nCLOSED FOR ITS PODS +BECAUSE\nNetworkPolicy shop\/web +NotProgrammed: the table has no room$/,
    );
  });

  it('tell the whole status with every reason, the last error and the problems', () => {
    const text = statusText(STATUS, Date.parse('2026-11-21T14:01:02.000Z'));
    for (const part of [
      'instance weir, node n1, pid 7',
      'not healthy: changes wait for 61 s',
      'nft (auto)',
      'socket load-balancing (no bpf)',
      '/manifests, synced; not used: 2 NetworkPolicy; without: ServiceCIDR (not served)',
      'failing, last 61.0 s ago in 2.3 ms, waiting for 61.0 s, 3 syncs, 4 failures',
      'last error: not applied: shop/web: ENOSPC',
      '1 Services, 2 frontends, 3 slots, 2 backends',
      '4 elements, 9 chains',
      'warning: Service shop/web spec.ports[0].name: no slice has port http; use the same name',
    ]) {
      expect(text).toContain(part);
    }
  });
});
