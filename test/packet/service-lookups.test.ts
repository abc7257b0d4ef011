/** Which Service a packet is for: the programs against the walk that `weir trace` makes over the same rows. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Decision, decide } from '../../src/explain/decide.ts';
import { lookupTables } from '../../src/explain/lookup-tables.ts';
import { type Address, FAMILIES, type Family, familyOf } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import type { Rows } from '../../src/model/rows.ts';
import { checked, endsOf, wrongChecksums } from './checksums.ts';
import { address, ip, SCTP, SYN, sctp, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { OTHER_NODE, OWN, type ServiceWords, serviceOf, serviceRows, UNALLOCATED } from './service-node.ts';

const PORTS = [80, 443];
const PROTOCOLS = { TCP, UDP, SCTP } as const;
const DESTINATIONS = {
  IPv4: ['10.96.0.1', '10.96.0.2', '203.0.113.1', '10.8.8.8'].map(address),
  IPv6: ['fd96::1', 'fd96::2', '2001:db8::1', 'fd08::8'].map(address),
} as const;

const own = (family: Family) => OWN.filter((address) => familyOf(address) === family);
const everywhere = (family: Family): readonly Address[] => [
  ...DESTINATIONS[family],
  ...own(family),
  OTHER_NODE[family],
  UNALLOCATED[family],
];

/** One frontend each: of an address, of host ports, of node ports. */
function services(family: Family): fc.Arbitrary<readonly ServiceWords[]> {
  const treatment = fc.constantFrom('cluster', 'local', 'reject', 'drop', 'pass' as const);
  const backend = fc.tuple(fc.constantFrom(FRIEND[family], STRANGER[family]), fc.constantFrom(8080, 9090));
  const place = fc.oneof(
    fc.record({
      kind: fc.constant('clusterIP' as const),
      at: fc.constantFrom(...DESTINATIONS[family].slice(0, 2)),
    }),
    fc.record({ kind: fc.constant('externalIP' as const), at: fc.constantFrom(...everywhere(family)) }),
    fc.record({ kind: fc.constant('hostPort' as const), at: fc.constantFrom(null, ...own(family)) }),
    fc.record({ kind: fc.constant('nodePort' as const), at: fc.constant(null) }),
  );
  const words = fc.record({
    place,
    port: fc.constantFrom(...PORTS),
    protocol: fc.constantFrom('TCP', 'UDP', 'SCTP' as const),
    inside: treatment,
    elsewhere: treatment,
    backends: fc.uniqueArray(backend, { minLength: 1, maxLength: 3, selector: String }),
    local: fc.uniqueArray(backend, { minLength: 1, maxLength: 2, selector: String }),
  });
  return fc
    .uniqueArray(words, {
      maxLength: 12,
      selector: ({ place: { kind, at }, port, protocol }) =>
        `${kind === 'hostPort' ? kind : at === null} ${at} ${port} ${protocol}`,
    })
    .map((list) =>
      list.map(({ place: where, ...rest }, index) => ({ ...rest, ...where, name: `s${index}`, family })),
    );
}

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({ answerDenied: 1, eventsPerSecond: 0 }, { flows: 10_000 });
  const verdicts = deniedBut({ direction: 'egress', verdict: 'allow' }).slice(2);
  await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
});
afterAll(() => node.close());

/** What the rows ask for, as a list of what may be seen. */
function wanted(decision: Decision, destination: Address, port: number): readonly string[] {
  if (decision.verdict === 'untouched') return [`pass ${destination} ${port}`];
  if (decision.verdict === 'dropped') return ['drop'];
  if (decision.verdict === 'rejected') return ['redirect'];
  return decision.candidates.map(({ backend }) => `pass ${backend.address} ${backend.port}`);
}

async function asked(family: Family, rows: Rows): Promise<void> {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const tables = lookupTables(rows, OWN);
  await node.services.sync(rows, OWN);
  await node.forget();
  for (const destination of everywhere(family))
    for (const port of PORTS)
      for (const protocol of ['TCP', 'UDP', 'SCTP'] as const) {
        const payload = { TCP: tcp(4000, port, SYN), UDP: udp(4000, port), SCTP: sctp(4000, port) }[protocol];
        const packet = checked(ip(pod, destination, PROTOCOLS[protocol], payload));
        const run = await node.send('fromPod', packet);
        const to = endsOf(run.packet);
        const seen = run.verdict === 'pass' ? `pass ${to.destination} ${to.destinationPort}` : run.verdict;
        const decision = decide(tables, {
          source: pod,
          sourceIsThisNode: true,
          destination,
          port: port as Port,
          protocol,
        });
        expect(wanted(decision, destination, port), `${protocol} ${destination} ${port}`).toContain(seen);
        if (run.verdict !== 'drop') expect(wrongChecksums(run.packet)).toEqual([]);
      }
}

describe('packets of a pod', () => {
  it.each(FAMILIES)(
    '[C15, A1, A18, A24, A25] %s: meet the Service that the rows name',
    { timeout: 60_000 },
    async (family) => {
      await fc.assert(
        fc.asyncProperty(services(family), async (list) => {
          await asked(family, serviceRows(list.map(serviceOf)));
        }),
        { numRuns: 60 },
      );
    },
  );
});
