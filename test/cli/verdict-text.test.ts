import { describe, expect, it } from 'vitest';
import type { NamedVerdict } from '../../src/agent/verdict-log.ts';
import { verdictText } from '../../src/cli/flows.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';
import type { RuleName, RuleRow } from '../../src/model/policy-rows.ts';

const SHUT: RuleRow = {
  kind: 'default-deny',
  name: 'shut' as RuleName,
  direction: 'ingress',
  policies: [{ kind: 'NetworkPolicy', namespace: 'shop', name: 'shut' }],
};
const DROP: NamedVerdict = {
  time: '2026-11-21T14:00:00.000Z',
  kind: 'drop',
  direction: 'ingress',
  local: '10.0.0.1' as Address,
  localPort: 80,
  peer: '10.0.0.2' as Address,
  peerPort: 4000,
  dialled: null,
  interfaceIndex: 5,
  protocol: 6,
  length: 74,
  reason: 'policy',
  pod: 'shop/web' as ObjectName,
  peerPod: 'shop/near' as ObjectName,
  peerService: null,
  rule: SHUT,
  auditRule: null,
};
/** Without the time. */
const textOf = (part: Partial<NamedVerdict>) => verdictText({ ...DROP, ...part }).slice(25);

describe('a verdict in a line', () => {
  it('[C30] goes from client to server, with names and the rule', () => {
    expect(textOf({})).toBe(
      'drop ingress shop/near (10.0.0.2:4000) → shop/web (10.0.0.1:80) tcp, isolated by NetworkPolicy shop/shut',
    );
    expect(textOf({ direction: 'egress', peerPod: null, peerService: 'shop/api' as ObjectName })).toBe(
      'drop egress shop/web (10.0.0.1:80) → shop/api (10.0.0.2:4000) tcp, isolated by NetworkPolicy shop/shut',
    );
  });

  it('[C30] names the Service that the pod dialled before whom it leads to', () => {
    const dialled = { address: '10.96.0.5' as Address, port: 443 };
    const through = { peerService: 'shop/api' as ObjectName, dialled };
    expect(textOf({ ...through, direction: 'egress' })).toBe(
      'drop egress shop/web (10.0.0.1:80) → shop/api (10.96.0.5:443) → shop/near (10.0.0.2:4000) tcp, isolated by NetworkPolicy shop/shut',
    );
    // A reply.
    expect(textOf(through)).toContain(
      ' shop/near (10.0.0.2:4000) → shop/api (10.96.0.5:443) → shop/web (10.0.0.1:80) ',
    );
    expect(
      textOf({ ...through, direction: 'egress', protocol: 1, peerPod: null, peerService: null }),
    ).toContain(' shop/web (10.0.0.1) → 10.96.0.5 → 10.0.0.2 icmp,');
  });

  it('[C30] has addresses alone where nobody is known, and no ports of what has none', () => {
    expect(textOf({ pod: null, peerPod: null, protocol: 1, localPort: 0, peerPort: 77 })).toBe(
      'drop ingress 10.0.0.2 → 10.0.0.1 icmp, isolated by NetworkPolicy shop/shut',
    );
    expect(textOf({ protocol: 47 })).toContain(' protocol 47, ');
  });

  it('[H18] has the reason where no rule decided', () => {
    expect(textOf({ reason: 'spoofed-source', rule: null })).toMatch(/ tcp, spoofed-source$/);
  });

  it('[C29] says what an audited policy would deny', () => {
    const open: RuleRow = { kind: 'not-selected', name: 'open' as RuleName, direction: 'ingress' };
    expect(textOf({ kind: 'audit', reason: 'none', rule: open, auditRule: SHUT })).toMatch(
      /^audit .*, no policy decides; would be denied: isolated by NetworkPolicy shop\/shut$/,
    );
  });
});
