import { describe, expect, it } from 'vitest';
import { decide } from '../../src/explain/decide.ts';
import { decideEcho } from '../../src/explain/echo-decision.ts';
import { lookupTables } from '../../src/explain/lookup-tables.ts';
import { decisionText } from '../../src/explain/why-text.ts';
import type { Address } from '../../src/model/address.ts';
import type { NodeName, Port } from '../../src/model/names.ts';
import type { Rows } from '../../src/model/rows.ts';
import {
  backend,
  clusterIpRow,
  frontend,
  LOCAL,
  OWN,
  prefixes,
  REMOTE,
  rows,
  service,
} from './example-rows.ts';

const POD = '10.244.0.10';
const STRANGER = '203.0.113.10';
const VIP = '10.96.0.7';

describe('steps', () => {
  it('[A1] takes the frontend of address, port and protocol, and nothing once its row is gone', () => {
    const web = service('web', { frontends: [frontend('clusterIP', VIP, 80)] });
    expect(ask(rows([web]), POD, VIP, 80)).toMatchObject({
      verdict: 'translated',
      list: 'cluster',
      service: web,
    });
    const without = rows([service('web', {})], { node: { serviceCidrs: [] } });
    expect(ask(without, POD, VIP, 80)).toMatchObject({ verdict: 'untouched', step: 'no-row', service: null });
    expect(ask(rows([web]), POD, VIP, 80, 'UDP').service).toBeNull();
  });

  it('[A17] [A41] [A43] obeys the treatment of the side the packet comes from', () => {
    const treated = (inside: 'reject' | 'local', outside: 'drop' | 'cluster') =>
      rows([
        service('web', { frontends: [frontend('externalIP', '198.51.100.7', 80, { inside, outside })] }),
      ]);
    expect(ask(treated('reject', 'drop'), POD, '198.51.100.7', 80).verdict).toBe('rejected');
    expect(ask(treated('reject', 'drop'), STRANGER, '198.51.100.7', 80).verdict).toBe('dropped');
    expect(ask(treated('local', 'cluster'), POD, '198.51.100.7', 80).candidates.map(addressOf)).toEqual([
      POD,
    ]);
    expect(ask(treated('local', 'cluster'), STRANGER, '198.51.100.7', 80).candidates).toHaveLength(2);
  });

  it('[A18] [E27] ends at the address rows and the service ranges', () => {
    const known = rows([], { addresses: [clusterIpRow(VIP)] });
    expect(ask(known, POD, VIP, 81)).toMatchObject({ verdict: 'rejected', step: 'undefined-port' });
    expect(ask(known, STRANGER, VIP, 81)).toMatchObject({ verdict: 'dropped', step: 'external-cluster-ip' });
    const open = rows([], { addresses: [clusterIpRow(VIP)], node: { externalClusterIp: 'reject' } });
    expect(ask(open, STRANGER, VIP, 81).verdict).toBe('rejected');
    expect(ask(known, POD, '10.96.9.9', 80)).toMatchObject({ verdict: 'dropped', step: 'unallocated' });
    expect(ask(known, POD, '192.0.2.1', 80).verdict).toBe('untouched');
  });

  it('[A23] [A33] serves host ports before node ports, and node ports only at node-port addresses', () => {
    const nodePort = service('web', { frontends: [frontend('nodePort', null, 31000)] });
    const hostPort = service('pod', { frontends: [frontend('hostPort', null, 31000)] });
    expect(ask(rows([nodePort, hostPort]), STRANGER, '172.31.0.1', 31000).service?.owner).toBe('a/pod');
    expect(ask(rows([nodePort, hostPort]), STRANGER, '198.18.0.1', 31000).service?.owner).toBe('a/pod');
    expect(ask(rows([nodePort]), STRANGER, '172.31.0.1', 31000).service?.owner).toBe('a/web');
    expect(ask(rows([nodePort]), STRANGER, '198.18.0.1', 31000).verdict).toBe('untouched');
  });

  it('[A25] resolves node ports of other nodes for clients inside, unless they pass', () => {
    const at = (elsewhere: 'cluster' | 'pass') =>
      rows([service('web', { frontends: [frontend('nodePort', null, 31000, { elsewhere })] })]);
    expect(ask(at('cluster'), POD, '172.31.0.2', 31000).verdict).toBe('translated');
    expect(ask(at('pass'), POD, '172.31.0.2', 31000).verdict).toBe('untouched');
    expect(ask(at('cluster'), STRANGER, '172.31.0.2', 31000).verdict).toBe('untouched');
  });

  it('[A30] [E12] asks the source ranges before it looks at the treatment', () => {
    const ranged = (policy: 'allow' | 'deny', ranges: readonly string[]) =>
      rows([
        service('web', {
          frontends: [
            frontend('loadBalancerIP', '203.0.113.130', 80, { checkSources: true, outside: 'reject' }),
          ],
          sourceRanges: { policy, prefixes: prefixes(...ranges) },
        }),
      ]);
    const ask130 = (table: Rows, source: string) => ask(table, source, '203.0.113.130', 80);
    expect(ask130(ranged('allow', ['198.51.100.0/24']), STRANGER)).toMatchObject({ step: 'source-range' });
    expect(ask130(ranged('allow', ['203.0.113.0/24']), STRANGER).verdict).toBe('rejected');
    expect(ask130(ranged('allow', []), STRANGER).verdict).toBe('dropped');
    expect(ask130(ranged('deny', ['203.0.113.0/24']), STRANGER).verdict).toBe('dropped');
    expect(ask130(ranged('deny', []), STRANGER).verdict).toBe('rejected');
    expect(ask130(ranged('allow', []), POD).verdict).toBe('translated');
    const why = (table: Rows) =>
      decisionText(
        'n1' as NodeName,
        ask130(table, STRANGER),
        { candidates: [], weights: [], excluded: [] },
        null,
      );
    expect(why(ranged('allow', []))).toContain('is outside its source ranges, dropped at n1');
    expect(why(ranged('deny', ['203.0.113.0/24']))).toContain('is inside its denied source ranges');
  });
});

describe('masquerading', () => {
  const web = service('web', {
    frontends: [frontend('clusterIP', VIP, 80)],
    cluster: [LOCAL, REMOTE, backend('192.0.2.42', {})],
  });

  it('[A35] [A42] hides clients only where replies would not come back', () => {
    expect(masqueraded(rows([web]), '10.244.0.99')).toEqual([]);
    expect(masqueraded(rows([web]), POD)).toEqual([POD]);
    expect(masqueraded(rows([web]), STRANGER)).toEqual(['10.244.1.11', '192.0.2.42']);
    expect(masqueraded(rows([web]), '127.0.0.1', true)).toEqual(['10.244.1.11', '192.0.2.42']);
    expect(masqueraded(rows([web]), '172.31.0.1', true)).toEqual([]);
  });

  it('[A69] hides pods from what is outside the cluster, if asked', () => {
    const leaving = {
      masqueradeSources: prefixes('10.244.0.0/24'),
      nonMasquerade: prefixes('10.244.0.0/16'),
    };
    expect(masqueraded(rows([web], { node: leaving }), '10.244.0.99')).toEqual(['192.0.2.42']);
    expect(masqueraded(rows([web], { node: leaving }), '172.31.0.1', true)).toEqual([]);
    expect(masqueraded(rows([web], { node: { masqueradeAll: true } }), '10.244.0.99')).toHaveLength(3);
  });

  it('[A42] shows the client to the node itself, unless the node is the client', () => {
    const onHost = service('web', {
      frontends: [frontend('clusterIP', VIP, 80)],
      cluster: [backend('172.31.0.1', { nodeLocal: true })],
    });
    const all = rows([onHost], { node: { masqueradeAll: true } });
    expect(masqueraded(all, '10.244.0.99')).toEqual([]);
    expect(masqueraded(all, '172.31.0.1', true)).toEqual(['172.31.0.1']);
  });
});

it('[A68] echo requests are answered while something is behind the address', () => {
  const tables = lookupTables(
    rows([], {
      addresses: [
        clusterIpRow(VIP),
        clusterIpRow('10.96.0.8', false),
        { ...clusterIpRow('203.0.113.130'), kind: 'loadBalancerIP' },
        { ...clusterIpRow('203.0.113.131', false), kind: 'loadBalancerIP' },
      ],
    }),
    OWN,
  );
  const ping = (source: string, destination: string) =>
    decideEcho(tables, {
      source: source as Address,
      sourceIsThisNode: false,
      destination: destination as Address,
    }).verdict;
  expect(ping(POD, VIP)).toBe('answered');
  expect(ping(POD, '10.96.0.8')).toBe('refused');
  expect(ping(STRANGER, VIP)).toBe('dropped');
  expect(ping(STRANGER, '203.0.113.130')).toBe('answered');
  expect(ping(POD, '203.0.113.131')).toBe('untouched');
  expect(ping(POD, '10.96.9.9')).toBe('dropped');
  expect(ping(POD, '192.0.2.1')).toBe('untouched');
});

it('[A68] echo requests are answered by the node’s first address of the family, and refused where it has none', () => {
  const nodeAddresses = ['fd31::1', '172.31.0.7', '172.31.0.1'] as Address[];
  const answer = (at: string, addresses: readonly Address[]) =>
    decideEcho(
      lookupTables(rows([], { addresses: [clusterIpRow(at)], node: { nodeAddresses: addresses } }), OWN),
      {
        source: POD as Address,
        sourceIsThisNode: false,
        destination: at as Address,
      },
    );
  expect(answer(VIP, nodeAddresses)).toMatchObject({ verdict: 'answered', answering: '172.31.0.7' });
  expect(answer('fd96::7', nodeAddresses)).toMatchObject({ verdict: 'answered', answering: 'fd31::1' });
  expect(answer('fd96::7', nodeAddresses.slice(1))).toMatchObject({ verdict: 'refused' });
});

function ask(
  table: Rows,
  source: string,
  destination: string,
  port: number,
  protocol: 'TCP' | 'UDP' = 'TCP',
) {
  return decide(lookupTables(table, OWN), {
    source: source as Address,
    sourceIsThisNode: false,
    destination: destination as Address,
    port: port as Port,
    protocol,
  });
}

function masqueraded(table: Rows, source: string, sourceIsThisNode = false): readonly string[] {
  const packet = { source: source as Address, sourceIsThisNode, destination: VIP as Address };
  const decision = decide(lookupTables(table, OWN), { ...packet, port: 80 as Port, protocol: 'TCP' });
  expect(decision.verdict).toBe('translated');
  return decision.candidates.filter(({ masquerade }) => masquerade).map(addressOf);
}

function addressOf({ backend: { address } }: { readonly backend: { readonly address: string } }): string {
  return address;
}
