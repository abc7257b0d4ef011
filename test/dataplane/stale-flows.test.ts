import { describe, expect, it } from 'vitest';
import type { ServedFlows } from '../../src/dataplane/nft/served-flows.ts';
import { staleFlows } from '../../src/dataplane/nft/stale-flows.ts';
import type { Address } from '../../src/model/address.ts';
import type { Port, Protocol } from '../../src/model/names.ts';
import type { NodeRows } from '../../src/model/rows.ts';

const address = (text: string) => text as Address;
const port = (number: number) => number as Port;

const NODE: NodeRows = {
  node: 'n1' as NodeRows['node'],
  inside: [],
  nodePortAddresses: [],
  otherNodeAddresses: Array.from({ length: 1000 }, (_, index) =>
    address(`172.31.${index >> 8}.${index & 255}`),
  ),
  serviceCidrs: [],
  masqueradeSources: [],
  nonMasquerade: [],
  nodeAddresses: [address('192.0.2.1'), address('2001:db8::1')],
  externalClusterIp: 'drop',
  masqueradeAll: false,
  nodePortRange: [port(30000), port(32767)],
};

function served(protocol: Protocol, backends: readonly string[]): ServedFlows {
  return {
    family: 'IPv4',
    protocol,
    frontends: [
      { address: address('10.96.0.1'), port: port(80) },
      { address: null, port: port(30007) },
    ],
    backends: backends.map((text) => ({ address: address(text), port: port(8080) })),
  };
}

describe('stale flows', () => {
  it('[A61] of a new Service are those that went to its addresses untranslated, at this node for node ports', () => {
    const filters = staleFlows(null, served('UDP', ['10.0.0.1']), NODE);
    expect(filters).toEqual([
      {
        family: 'IPv4',
        protocol: 'UDP',
        originalDestination: '10.96.0.1',
        originalDestinationPort: 80,
        natted: false,
      },
      {
        family: 'IPv4',
        protocol: 'UDP',
        originalDestination: '192.0.2.1',
        originalDestinationPort: 30007,
        natted: false,
      },
    ]);
  });

  it('[A48] [A61] are of TCP only attempts that nobody answered, whatever came or went', () => {
    const [before, after] = [served('TCP', ['10.0.0.1', '10.0.0.2']), served('TCP', ['10.0.0.1'])];
    for (const filters of [
      staleFlows(null, after, NODE),
      staleFlows(before, after, NODE),
      staleFlows(before, null, NODE),
    ]) {
      expect(filters.length).toBeGreaterThan(0);
      for (const { tcpStates } of filters) expect(tcpStates).toEqual(['syn-sent']);
    }
  });

  it('[A60] of a backend that went are those that lead to it, by each of its frontends', () => {
    const filters = staleFlows(served('UDP', ['10.0.0.1', '10.0.0.2']), served('UDP', ['10.0.0.2']), NODE);
    expect(
      filters.map(({ originalDestinationPort, replySource }) => [originalDestinationPort, replySource]),
    ).toEqual([
      [80, '10.0.0.1'],
      [30007, '10.0.0.1'],
    ]);
  });
});
