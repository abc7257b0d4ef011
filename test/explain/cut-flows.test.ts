import { describe, expect, it } from 'vitest';
import type { OpenFlow } from '../../src/dataplane/open-flow.ts';
import { cutFlows, cutFlowText } from '../../src/explain/cut-flows.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';
import type { PolicyRows } from '../../src/model/policy-rows.ts';
import { deniedBut, rowsOf, type VerdictWords } from '../packet/policy-rows.ts';

const WEB = 'shop/web' as ObjectName;
const [OWN, NEAR, VIP] = ['10.0.0.1', '10.0.0.2', '10.96.0.7'] as Address[] as [Address, Address, Address];
const NAMES = {
  pods: new Map([
    [OWN, WEB],
    [NEAR, 'shop/near' as ObjectName],
  ]),
  serviceOf: (address: Address) => (address === VIP ? ('shop/web-service' as ObjectName) : null),
};
const NOTHING: PolicyRows = { peers: new Map(), subjects: new Map(), classes: new Map(), rules: new Map() };
const PEERS = { '10.0.0.2/32': 'near' };
const HTTP: VerdictWords = {
  direction: 'ingress',
  peer: 'near',
  protocol: 'TCP',
  port: 80,
  verdict: 'allow',
  rule: 'http',
};
const rows = (...verdicts: readonly VerdictWords[]) => rowsOf(WEB, [OWN], PEERS, deniedBut(...verdicts));
const DENY_ALL = rows();

/** From near's port 4000 to web's 80, opened by near, unless said otherwise. */
function flow(part: Partial<OpenFlow> = {}): OpenFlow {
  return {
    direction: 'ingress',
    local: OWN,
    localPort: 80,
    peer: NEAR,
    peerPort: 4000,
    protocol: 6,
    dialled: null,
    ...part,
  };
}

const cutOf = (flows: readonly OpenFlow[], installed: PolicyRows, planned: PolicyRows) =>
  cutFlows(flows, { installed, planned }, NAMES);

describe('flows that a plan would cut', () => {
  it('[F11] are those that the rows of now allow and the planned ones deny, with both reasons', () => {
    const { judged, cut } = cutOf([flow(), flow({ localPort: 81 })], rows(HTTP), DENY_ALL);
    expect(judged).toBe(2);
    expect(cut).toEqual([
      {
        pod: WEB,
        direction: 'ingress',
        local: OWN,
        localPort: 80,
        peer: NEAR,
        peerPort: 4000,
        port: 80,
        peerPod: 'shop/near',
        service: null,
        protocol: 'tcp',
        allowedBy: { rule: null, isolatedBy: ['NetworkPolicy http'] },
        deniedBy: { rule: null, isolatedBy: ['NetworkPolicy ingress * * * deny'] },
      },
    ]);
  });

  it('[F11] are judged in the direction in which they were opened', () => {
    const opened = { direction: 'egress', localPort: 4000, peerPort: 80 } as const;
    const lets = rows({ ...HTTP, direction: 'egress' });
    expect(cutOf([flow(opened)], NOTHING, lets).cut).toEqual([]);
    expect(cutOf([flow(opened)], NOTHING, rows(HTTP)).cut).toMatchObject([{ direction: 'egress', port: 80 }]);
    expect(cutOf([flow()], NOTHING, rows(HTTP)).cut).toEqual([]);
  });

  it('[F11] count for pods that no policy selects yet, and not for those that none selects any more', () => {
    expect(cutOf([flow()], NOTHING, DENY_ALL).cut).toMatchObject([
      { allowedBy: { rule: null, isolatedBy: [] } },
    ]);
    expect(cutOf([flow()], rows(HTTP), NOTHING).cut).toEqual([]);
  });

  it('leave out what was denied already, and what is no known pod’s', () => {
    const stranger = flow({ local: '10.0.0.9' as Address });
    expect(cutOf([flow({ localPort: 81 }), stranger], rows(HTTP), DENY_ALL).cut).toEqual([]);
  });

  it('name the Service that was dialled, also where the other table knows it', () => {
    const dialled = { address: VIP, port: 8080 };
    for (const flows of [[flow({ dialled })], [flow(), flow({ dialled })]]) {
      const { judged, cut } = cutOf(flows, NOTHING, DENY_ALL);
      expect([judged, cut.map(({ service }) => service)]).toEqual([1, ['shop/web-service']]);
    }
    expect(cutOf([flow({ dialled: { ...dialled, address: NEAR } })], NOTHING, DENY_ALL).cut).toMatchObject([
      { service: null },
    ]);
  });

  it('once for each flow: the first table knows best who opened it', () => {
    const opened = flow({ direction: 'egress' });
    expect(cutOf([flow(), opened], NOTHING, rows(HTTP))).toEqual({ judged: 1, cut: [] });
  });

  it('have no ports where the protocol has none', () => {
    const { cut } = cutOf([flow({ protocol: 1, localPort: 7 })], NOTHING, rows(HTTP));
    expect(cut).toMatchObject([{ protocol: 'icmp', localPort: null, peerPort: null, port: null }]);
    expect(cut.map(cutFlowText)).toEqual([
      'shop/near (10.0.0.2) → shop/web (10.0.0.1) icmp: ingress of shop/web denied, isolated by NetworkPolicy ingress * * * deny (allowed now, no policy decides)',
    ]);
  });

  it('[F11] read as a line from client to server', () => {
    const dialled = { address: VIP, port: 8080 };
    const { cut } = cutOf(
      [flow({ direction: 'egress', peer: '192.0.2.1' as Address, dialled })],
      NOTHING,
      DENY_ALL,
    );
    expect(cut.map(cutFlowText)).toEqual([
      'shop/web (10.0.0.1:80) → 192.0.2.1:4000 tcp by way of Service shop/web-service: egress of shop/web denied, isolated by NetworkPolicy egress * * * deny (allowed now, no policy decides)',
    ]);
  });
});
