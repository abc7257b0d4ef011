import { describe, expect, it } from 'vitest';
import { mappedBytes } from '../../src/dataplane/bpf/mapped-address.ts';
import { openFlowOf } from '../../src/dataplane/bpf/policies/open-flows.ts';
import { flowsOfEntry } from '../../src/dataplane/conntrack-flows.ts';
import { type Flow, type FlowKey, flowCodec } from '../../src/generated/policy.ts';
import type { ConntrackEntry } from '../../src/kernel/conntrack.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';

const [CLIENT, SERVER, VIP, NODE, ELSEWHERE] = [
  '10.0.0.1',
  '10.0.0.2',
  '10.96.0.7',
  '172.31.0.1',
  '192.0.2.1',
] as Address[] as [Address, Address, Address, Address, Address];
const PODS = new Map([
  [CLIENT, 'shop/client' as ObjectName],
  [SERVER, 'shop/server' as ObjectName],
]);

/** An established connection from `from`'s port 4000 to `dialled`, which `server` answers. */
function entry(
  from: Address,
  dialled: Address,
  server: Address,
  part: Partial<ConntrackEntry> = {},
): ConntrackEntry {
  return {
    family: 'IPv4',
    protocol: 'TCP',
    protocolNumber: 6,
    original: { source: from, sourcePort: 4000, destination: dialled, destinationPort: 80 },
    reply: {
      source: server,
      sourcePort: dialled === server ? 80 : 8080,
      destination: from,
      destinationPort: 4000,
    },
    sourceTranslated: false,
    destinationTranslated: dialled !== server,
    replied: true,
    timeoutSeconds: 60,
    tcpState: 'established',
    ...part,
  };
}

const flowsOf = (of: ConntrackEntry) => flowsOfEntry(of, PODS, new Set([NODE]));

describe('open flows in conntrack', () => {
  it('[F11] are two where both ends are local pods, behind translation', () => {
    const dialled = { address: VIP, port: 80 };
    expect(flowsOf(entry(CLIENT, VIP, SERVER))).toEqual([
      {
        direction: 'egress',
        local: CLIENT,
        localPort: 4000,
        peer: SERVER,
        peerPort: 8080,
        protocol: 6,
        dialled,
      },
      {
        direction: 'ingress',
        local: SERVER,
        localPort: 8080,
        peer: CLIENT,
        peerPort: 4000,
        protocol: 6,
        dialled,
      },
    ]);
  });

  it('[F11] are one where the other end is elsewhere', () => {
    expect(flowsOf(entry(ELSEWHERE, SERVER, SERVER))).toMatchObject([
      { direction: 'ingress', peer: ELSEWHERE, dialled: null },
    ]);
    expect(flowsOf(entry(CLIENT, ELSEWHERE, ELSEWHERE))).toMatchObject([
      { direction: 'egress', peer: ELSEWHERE },
    ]);
    expect(flowsOf(entry(ELSEWHERE, VIP, NODE))).toEqual([]);
  });

  it('[C12] [C13] leave out what policies are never about: a pod and itself, and what its own node opened', () => {
    expect(flowsOf(entry(SERVER, VIP, SERVER))).toEqual([]);
    expect(flowsOf(entry(NODE, SERVER, SERVER))).toEqual([]);
    expect(flowsOf(entry(CLIENT, NODE, NODE))).toMatchObject([{ direction: 'egress', peer: NODE }]);
  });

  it.each([
    ['syn-sent', 0],
    ['time-wait', 0],
    ['close', 0],
    ['close-wait', 1],
    [null, 1],
  ] as const)('leave out TCP connections that carry nothing: %s', (tcpState, open) => {
    expect(flowsOf(entry(ELSEWHERE, SERVER, SERVER, { tcpState }))).toHaveLength(open);
  });
});

describe('open flows in the table of the programs', () => {
  const KEY: FlowKey = {
    local: mappedBytes(SERVER),
    peer: mappedBytes(CLIENT),
    localPort: 80,
    peerPort: 4000,
    interface: 5,
    protocol: 6,
    covered: 0,
  };
  const NOW = 1e15;
  const blank = flowCodec.read(new DataView(new ArrayBuffer(flowCodec.size)), 0);
  const open = (part: Partial<Flow> = {}, key: Partial<FlowKey> = {}) =>
    openFlowOf({ ...KEY, ...key }, { ...blank, state: 'established', lastSeen: NOW - 1e9, ...part }, NOW);

  it('[F11] have the ends and the direction of their entry', () => {
    const expected = {
      direction: 'ingress',
      local: SERVER,
      localPort: 80,
      peer: CLIENT,
      peerPort: 4000,
      protocol: 6,
      dialled: null,
    };
    expect(open()).toEqual(expected);
    expect(open({ direction: 'egress' })).toEqual({ ...expected, direction: 'egress' });
  });

  it('[F11, C15] name the backend as the peer, and the Service as what was dialled', () => {
    const service = { peer: mappedBytes('10.96.0.10' as Address), localPort: 4001, peerPort: 443 };
    const backend = { peer: CLIENT, peerPort: 4000, dialled: { address: '10.96.0.10', port: 443 } };
    const flow = { direction: 'egress', translation: 'to-service', other: service } as const;
    expect(open(flow)).toMatchObject({ ...backend, localPort: 4001 });
    const elsewhere = { ...flow, translation: 'elsewhere', other: { ...service, localPort: 80 } } as const;
    const dialled = { address: CLIENT, port: 4000 };
    expect(open(elsewhere)).toMatchObject({ peer: '10.96.0.10', peerPort: 443, localPort: 80, dialled });
    expect(open({ ...flow, translation: 'to-backend' })).toBeUndefined();
  });

  it('leave out what is over, not answered, or exempt from policies', () => {
    expect(open({ state: 'opening' })).toBeUndefined();
    expect(open({ state: 'closing' })).toBeUndefined();
    expect(open({ origin: 'exempt' })).toBeUndefined();
    expect(open({ lastSeen: NOW - 86_401e9 })).toBeUndefined();
    expect(open({ state: 'opening' }, { protocol: 17 })).toBeDefined();
    expect(open({ lastSeen: NOW - 181e9 }, { protocol: 17 })).toBeUndefined();
  });
});
