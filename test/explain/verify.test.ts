import { describe, expect, it } from 'vitest';
import type { Rehearsal, RehearsedVerdict } from '../../src/dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../../src/dataplane/policy-change.ts';
import { decidePolicy, policyTables } from '../../src/dataplane/policy-decision.ts';
import { disagreementText } from '../../src/explain/kernel-answer.ts';
import { namedPorts } from '../../src/explain/named-ports.ts';
import { verifyPolicies } from '../../src/explain/verify.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';
import type { PolicyClassName, PolicyRows } from '../../src/model/policy-rows.ts';
import type { Rows, ServiceRows } from '../../src/model/rows.ts';
import { backend, frontend, NODE_ROWS, rowsOf as rowsWith, serviceRows } from '../agent/rows-samples.ts';
import { deniedBut, rowsOf, type VerdictWords } from '../packet/policy-rows.ts';

const NO_SERVICES = rowsWith();
const WEB = 'shop/web' as ObjectName;
const OTHER = 'shop/other' as ObjectName;
const WEB_ADDRESSES = ['10.0.0.1', 'fd00::1'] as Address[];
const OTHER_ADDRESSES = ['10.0.0.2', 'fd00::2'] as Address[];
const FROM_OTHER: VerdictWords = {
  direction: 'ingress',
  peer: 'other',
  protocol: 'TCP',
  port: 80,
  verdict: 'allow',
  auditRule: 'audited',
};
const ROWS = rowsOf(
  WEB,
  WEB_ADDRESSES,
  { '10.0.0.2/32': 'other', 'fd00::2/128': 'other' },
  deniedBut(FROM_OTHER, { direction: 'egress', protocol: 'UDP', port: 0x8000, bits: 1, verdict: 'allow' }),
);

const interfaceOf = (pod: ObjectName, interfaceIndex: number, addresses: Address[]): PodInterface => ({
  pod,
  interfaceIndex,
  addresses,
  held: false,
});
const INTERFACES = [interfaceOf(WEB, 5, WEB_ADDRESSES), interfaceOf(OTHER, 6, OTHER_ADDRESSES)];

/** A kernel that does what the rows say at interface 5, and lets everything pass elsewhere. */
function kernelOf(rows: PolicyRows): Pick<Rehearsal, 'judge'> {
  const tables = policyTables(rows);
  const policyClass = 'class' as PolicyClassName;
  return {
    judge: async ({ interfaceIndex, direction }, flows) =>
      flows.map(({ source, destination, protocol, port }): RehearsedVerdict => {
        if (interfaceIndex !== 5)
          return { verdict: 'pass', reason: 'none', rule: null, auditRule: null, peer: null };
        const peer = direction === 'ingress' ? source : destination;
        const { verdict, rule, auditRule } = decidePolicy(tables, {
          policyClass,
          direction,
          peer,
          protocol,
          port,
        });
        return verdict === 'allow'
          ? { verdict: 'pass', reason: 'none', rule, auditRule, peer: { address: peer, port } }
          : { verdict: 'drop', reason: 'policy', rule, auditRule, peer: { address: peer, port } };
      }),
  };
}

describe('verify', () => {
  it('[F12] asks both ends of every pair, both families, all protocols, and the ports that matter', async () => {
    const report = await verifyPolicies(kernelOf(ROWS), {
      rows: ROWS,
      services: NO_SERVICES,
      interfaces: INTERFACES,
    });
    expect(report).toEqual({
      pods: [OTHER, WEB],
      unenforced: [],
      ports: { named: [80, 32_768, 65_535], unnamed: 1 },
      // Ends, directions, families; protocols with ports, and echo requests.
      asked: 2 * 2 * 2 * (3 * 4 + 1),
      disagreements: [],
    });
  });

  it('[F12] names the pair and both sides’ rules where the kernel does something else', async () => {
    const kernel = kernelOf({ ...ROWS, peers: new Map() });
    const { disagreements } = await verifyPolicies(kernel, {
      rows: ROWS,
      services: NO_SERVICES,
      interfaces: INTERFACES,
    });
    expect(
      disagreements.map(({ pod, direction, peer, protocol, port }) => [pod, direction, peer, protocol, port]),
    ).toEqual(OTHER_ADDRESSES.map((peer) => [WEB, 'ingress', peer, 'TCP', 80]));
    const names = new Map([[OTHER_ADDRESSES[0], OTHER]]);
    expect(disagreements.map((answer) => disagreementText(answer, (address) => names.get(address)))).toEqual([
      'KERNEL AND ROWS DISAGREE: ingress of shop/other (10.0.0.2) → shop/web (10.0.0.1:80) TCP: rows: allowed (isolated by NetworkPolicy ingress other TCP 80 allow, would be denied: isolated by NetworkPolicy audited); kernel: denied (isolated by NetworkPolicy ingress * * * deny)',
      expect.stringContaining('ingress of fd00::2 → shop/web ([fd00::1]:80) TCP'),
    ]);
  });

  it('[F12] another rule with the same verdict is a disagreement too', async () => {
    const other = rowsOf(
      WEB,
      WEB_ADDRESSES,
      { '10.0.0.2/32': 'other', 'fd00::2/128': 'other' },
      deniedBut(
        { ...FROM_OTHER, rule: 'another' },
        { direction: 'egress', protocol: 'UDP', port: 0x8000, bits: 1, verdict: 'allow' },
      ),
    );
    const { disagreements } = await verifyPolicies(kernelOf(other), {
      rows: ROWS,
      services: NO_SERVICES,
      interfaces: INTERFACES,
    });
    expect(disagreements.map(({ rows, kernel }) => [rows.verdict, kernel.verdict, kernel.by])).toEqual(
      OTHER_ADDRESSES.map(() => ['allowed', 'allowed', 'a rule that is not among the rows (another)']),
    );
  });

  it('[C35] expects a held pod to be closed, and names selected pods that have no interface', async () => {
    const held = [{ ...interfaceOf(WEB, 5, WEB_ADDRESSES), held: true }, ...INTERFACES.slice(1)];
    const open = await verifyPolicies(kernelOf(ROWS), {
      rows: ROWS,
      services: NO_SERVICES,
      interfaces: held,
    });
    expect(open.disagreements[0]?.rows).toEqual({ verdict: 'denied', by: 'closed', auditDeniedBy: null });
    const without = await verifyPolicies(kernelOf(ROWS), {
      rows: ROWS,
      services: NO_SERVICES,
      interfaces: INTERFACES.slice(1),
    });
    expect(without.unenforced).toEqual([WEB]);
  });
});

describe('verify, behind Service addresses', () => {
  const NAMES = { web: '10.96.0.1', nobody: '10.96.0.2' };
  const NODE_ADDRESS = '172.31.0.1' as Address;
  const backends = [OTHER_ADDRESSES[0], '10.0.0.3'].map((at) => backend(String(at), 80));
  const service = (name: keyof typeof NAMES, fields: Partial<ServiceRows>) => {
    const at = frontend({ ...fields.frontends?.[0], address: NAMES[name] as Address });
    return serviceRows(`shop/${name}`, { ...fields, frontends: [at] });
  };
  const services: Rows = {
    ...rowsWith(
      service('web', { cluster: backends }),
      service('nobody', { cluster: [], frontends: [frontend({ inside: 'reject' })] }),
    ),
    addresses: new Map(
      Object.entries(NAMES).map(([name, at]) => [
        at as Address,
        {
          address: at as Address,
          owner: `shop/${name}` as ObjectName,
          kind: 'clusterIP',
          pingable: name === 'web',
        },
      ]),
    ),
    node: { ...NODE_ROWS, nodeAddresses: [NODE_ADDRESS] },
  };
  const told: VerdictWords = { direction: 'egress', protocol: 'TCP', port: 80, verdict: 'allow' };
  const ping: VerdictWords = { direction: 'egress', peer: 'node', verdict: 'allow' };
  const rows = rowsOf(WEB, WEB_ADDRESSES.slice(0, 1), { '172.31.0.1/32': 'node' }, deniedBut(told, ping));
  /** A kernel that leads to this backend, has pings answered by this address, and refuses all else of Services. */
  const leadingTo = (address: string, answering: string = NODE_ADDRESS): Pick<Rehearsal, 'judge'> => {
    const straight = kernelOf(rows);
    return {
      judge: async (place, flows) => {
        const verdicts = await straight.judge(
          place,
          flows.map((flow) => {
            const destination = (flow.protocol === null ? answering : address) as Address;
            return flow.destination === NAMES.web ? { ...flow, destination } : flow;
          }),
        );
        return flows.map(({ destination, protocol, port }, index): RehearsedVerdict => {
          const isService = Object.values(NAMES).includes(destination);
          if (
            place.interfaceIndex !== 5 ||
            !isService ||
            (destination === NAMES.web && (protocol === null || port === 80))
          )
            return verdicts[index] as RehearsedVerdict;
          const reason = port === 80 ? 'no-endpoint' : 'no-service-port';
          return {
            verdict: 'drop',
            reason,
            rule: null,
            auditRule: null,
            peer: { address: destination, port },
          };
        });
      },
    };
  };
  const verified = (kernel: Pick<Rehearsal, 'judge'>) =>
    verifyPolicies(kernel, { rows, services, interfaces: INTERFACES });

  it('[C15] [F12] any of the candidates is right, judged as itself; so is the refusal of what nobody serves', async () => {
    for (const { address } of backends)
      expect((await verified(leadingTo(address))).disagreements).toEqual([]);
  });

  it('[C15] [F12] a backend that is no candidate is wrong, allowed or not', async () => {
    const { disagreements } = await verified(leadingTo('10.0.0.4'));
    expect(disagreements.map(({ peer, port, backend: chosen }) => [peer, port, chosen])).toEqual([
      [NAMES.web, 80, '10.0.0.4:80'],
    ]);
  });

  it('[A68] [F12] pings are right where the node’s own address answers them, judged as that, and wrong elsewhere', async () => {
    for (const answering of ['172.31.0.2', NAMES.web]) {
      const { disagreements } = await verified(leadingTo('10.0.0.3', answering));
      expect(
        disagreements.map(({ peer, protocol, backend: chosen, rows: expected }) => [
          peer,
          protocol,
          chosen,
          expected.verdict,
        ]),
      ).toEqual([[NAMES.web, 'ICMP', answering, 'allowed']]);
    }
  });

  it('[C35] [F12] of a pod that is closed nothing is led anywhere', async () => {
    const closed: Pick<Rehearsal, 'judge'> = {
      judge: async (_, flows) =>
        flows.map(({ destination, port }): RehearsedVerdict => {
          const peer = { address: destination, port };
          return { verdict: 'drop', reason: 'closed', rule: null, auditRule: null, peer };
        }),
    };
    const interfaces = INTERFACES.map((each) => ({ ...each, held: true }));
    expect((await verifyPolicies(closed, { rows, services, interfaces })).disagreements).toEqual([]);
  });

  it('[C15] [F12] it is wrong to let pass what nobody serves, and to lead nowhere', async () => {
    const untranslated = await verified(kernelOf(rows));
    expect(untranslated.disagreements.map(({ peer, protocol, port }) => [peer, protocol, port])).toEqual([
      [NAMES.web, 'TCP', 80],
      [NAMES.nobody, 'TCP', 80],
      ...Object.values(NAMES).flatMap((at) => [
        [at, 'ICMP', null],
        [at, 'TCP', 1],
        [at, 'UDP', 1],
      ]),
    ]);
  });
});

describe('ports', () => {
  const portsOf = (...verdicts: readonly VerdictWords[]) =>
    namedPorts(rowsOf(WEB, WEB_ADDRESSES, {}, deniedBut(...verdicts)));
  const egress = (port: number, bits: number, rule = 'range'): VerdictWords => ({
    direction: 'egress',
    protocol: 'TCP',
    port,
    bits,
    verdict: 'allow',
    rule,
  });

  it('[C7] of a range are its first and its last, however many rows it takes', () => {
    // 1000 to 1010
    expect(portsOf(egress(1000, 13), egress(1008, 15), egress(1010, 16))).toEqual({
      named: [1000, 1010],
      unnamed: 1,
    });
  });

  it('[C7] of neighbouring rules are those of each', () => {
    expect(portsOf(egress(2, 15, 'one'), egress(4, 16, 'other')).named).toEqual([2, 3, 4]);
  });

  it('[C7] one that none names is the lowest between them, and none where all are named', () => {
    expect(portsOf(egress(1, 16), egress(2, 15)).unnamed).toBe(4);
    const all = portsOf(egress(0, 1, 'low'), egress(0x8000, 1, 'high'));
    expect(all).toEqual({ named: [0, 0x7fff, 0x8000, 0xffff], unnamed: null });
  });

  it('[C7] a rule for all ports names none', () => {
    expect(portsOf(egress(0, 0))).toEqual({ named: [], unnamed: 1 });
  });
});
