/** Random policy rows: each packet meets the verdict that reading the rows gives. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNftPolicies } from '../../../src/dataplane/nft/policies/backend.ts';
import type { PolicyBackend } from '../../../src/dataplane/policy-backend.ts';
import { decidePolicy, policyTables } from '../../../src/dataplane/policy-decision.ts';
import { type Address, FAMILIES, type Family, type Prefix } from '../../../src/model/address.ts';
import {
  DIRECTIONS,
  type Direction,
  type PeerClassName,
  type PolicyClassName,
  type PolicyClassRows,
  type PolicyRows,
  type RuleName,
  type VerdictRow,
} from '../../../src/model/policy-rows.ts';
import {
  addressesOf,
  addressOf,
  createPodNetwork,
  HOSTS,
  type Host,
  PORTS,
  type PodNetwork,
  podName,
} from './pod-network.ts';

const RUNS = 12;
const SUBJECTS: readonly Host[] = ['web', 'client'];
const PEER_CLASSES = ['a', 'b', 'c'] as PeerClassName[];
const BLOCKS = [
  '0.0.0.0/0',
  '10.9.0.0/16',
  '10.9.0.0/31',
  '192.0.2.0/24',
  '::/0',
  'fd09::/64',
  '2001:db8::/32',
];
const SINGLE = HOSTS.flatMap((host) => [`${addressOf(host, 'IPv4')}/32`, `${addressOf(host, 'IPv6')}/128`]);
const PROTOCOLS = ['TCP', 'UDP'] as const;

const verdictRow = fc
  .record({
    direction: fc.constantFrom(...DIRECTIONS),
    peerClass: fc.constantFrom(null, ...PEER_CLASSES),
    protocol: fc.constantFrom(null, ...PROTOCOLS),
    port: fc.constantFrom(...PORTS),
    bits: fc.constantFrom(0, 16, 16, 16, 13, 4, 2, 1),
    verdict: fc.constantFrom('allow', 'deny'),
  })
  .map(({ port, ...row }): VerdictRow => {
    const bits = row.protocol === null ? 0 : row.bits;
    const rule = JSON.stringify([row, port]) as RuleName;
    return {
      ...row,
      bits,
      port: bits === 0 ? 0 : (port >> (16 - bits)) << (16 - bits),
      rule,
      auditRule: null,
    };
  });

const keyOf = (row: VerdictRow) => [row.direction, row.peerClass, row.protocol, row.port, row.bits].join();

/** With a row for any peer and every protocol in each direction, as compiling makes them. */
function classOf(name: PolicyClassName): fc.Arbitrary<PolicyClassRows> {
  const defaults = fc.tuple(...DIRECTIONS.map(() => fc.constantFrom('allow', 'deny', 'deny')));
  return fc.tuple(fc.array(verdictRow, { maxLength: 14 }), defaults).map(([rows, verdicts]) => {
    const all = new Map(rows.map((row) => [keyOf(row), row]));
    DIRECTIONS.forEach((direction, index) => {
      const verdict = verdicts[index] === 'allow' ? 'allow' : 'deny';
      const rule = `default ${direction} ${verdict}` as RuleName;
      const row: VerdictRow = {
        direction,
        peerClass: null,
        protocol: null,
        port: 0,
        bits: 0,
        verdict,
        rule,
        auditRule: null,
      };
      all.set(keyOf(row), row);
    });
    return { name, verdicts: [...all.values()] };
  });
}

const anyRows: fc.Arbitrary<PolicyRows> = fc
  .record({
    peers: fc.dictionary(fc.constantFrom(...BLOCKS, ...SINGLE), fc.constantFrom(null, ...PEER_CLASSES)),
    classes: fc.tuple(...SUBJECTS.map((host) => classOf(host as string as PolicyClassName))),
  })
  .map(({ peers, classes }) => ({
    peers: new Map(
      Object.entries(peers).map(([text, peerClass]) => {
        const prefix = text as Prefix;
        return [prefix, { prefix, peerClass }] as const;
      }),
    ),
    subjects: new Map(
      SUBJECTS.map((host) => {
        const pod = podName(host);
        const policyClass = host as string as PolicyClassName;
        return [pod, { pod, addresses: addressesOf(host), policyClass }] as const;
      }),
    ),
    classes: new Map(classes.map((rows) => [rows.name, rows] as const)),
    rules: new Map(),
  }));

interface Asked {
  readonly to: Host;
  readonly address: Address;
  readonly protocol: 'TCP' | 'UDP' | 'ICMP';
  readonly port: number;
}

function questionsOf(from: Host, family: Family): readonly Asked[] {
  return HOSTS.filter((to) => to !== from).flatMap((to) => {
    const address = addressOf(to, family);
    const ports = PROTOCOLS.flatMap((protocol) => PORTS.map((port) => ({ to, address, protocol, port })));
    return [...ports, { to, address, protocol: 'ICMP' as const, port: 0 }];
  });
}

/** By the rows alone: both ends must allow; a node reaches its own pods. */
function expected(rows: PolicyRows, from: Host, family: Family, asked: Asked): string {
  const tables = policyTables(rows);
  const judge = (direction: Direction, subject: Host, peer: Host) =>
    decidePolicy(tables, {
      policyClass: subject as string as PolicyClassName,
      direction,
      peer: addressOf(peer, family),
      protocol: asked.protocol === 'ICMP' ? null : asked.protocol,
      port: asked.port,
    }).verdict;
  const out = SUBJECTS.includes(from) ? judge('egress', from, asked.to) : 'allow';
  const isJudged = SUBJECTS.includes(asked.to) && from !== 'node';
  const into = isJudged ? judge('ingress', asked.to, from) : 'allow';
  return out === 'allow' && into === 'allow' ? 'allowed' : 'blocked';
}

describe('policy rows and packets', () => {
  let network: PodNetwork;
  let backend: PolicyBackend;
  beforeAll(async () => {
    network = await createPodNetwork(`weir-tnv-${process.pid}`);
    backend = await openNftPolicies({
      reject: false,
      closedPrefixes: [],
      onVerdict: () => {},
      onForeignChange: () => {},
      netns: network.netns,
    });
  });
  afterAll(async () => {
    await backend?.close();
    await network?.close();
  });

  it('[C4] [C7] [C9] [C13] [C20] agree on every pair of hosts, port, protocol and family', async () => {
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        await backend.sync(rows, network.interfaces);
        const rounds = HOSTS.flatMap((from) => FAMILIES.map((family) => ({ from, family })));
        const verdicts = await Promise.all(
          rounds.map(async ({ from, family }) => {
            const questions = questionsOf(from, family);
            const answers = await network.askAll(from, questions);
            const label = ({ to, protocol, port }: Asked) => `${from} > ${to} ${protocol} ${port} ${family}`;
            return {
              packets: questions.map((asked, index) => `${label(asked)}: ${answers[index]}`),
              rows: questions.map((asked) => `${label(asked)}: ${expected(rows, from, family, asked)}`),
            };
          }),
        );
        for (const verdict of verdicts) expect(verdict.packets).toEqual(verdict.rows);
      }),
      { numRuns: RUNS },
    );
  });
});
