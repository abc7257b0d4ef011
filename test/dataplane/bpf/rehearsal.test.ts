import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createPolicyDataplane,
  type PolicyDataplane,
} from '../../../src/dataplane/bpf/policies/dataplane.ts';
import { openRehearsal, type Rehearsal } from '../../../src/dataplane/bpf/policies/rehearsal.ts';
import { openPolicyTables, type PolicyTables } from '../../../src/dataplane/bpf/policies/tables.ts';
import { LAYOUT } from '../../../src/generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../../src/kernel/bpf-object.ts';
import { FAMILIES } from '../../../src/model/address.ts';
import { PROTOCOLS } from '../../../src/model/names.ts';
import { DIRECTIONS } from '../../../src/model/policy-rows.ts';
import { type BpfFileSystem, mountBpfFileSystem } from '../../bpf-file-system.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from '../../packet/pod.ts';
import { OBJECT, POD_INTERFACE } from '../../packet/policy-node.ts';
import { deniedBut, rowsOf } from '../../packet/policy-rows.ts';

const ROWS = rowsOf(
  POD,
  POD_ADDRESSES,
  PEERS,
  deniedBut(
    ...PROTOCOLS.map((protocol) => ({
      direction: 'ingress' as const,
      peer: 'friend',
      protocol,
      port: 80,
      verdict: 'allow' as const,
      auditRule: 'audited',
    })),
    { direction: 'egress', peer: 'friend', verdict: 'allow' },
  ),
);
/** More than are run in one call. */
const MANY = 10_000;

let pins: BpfFileSystem;
let live: BpfObject;
let tables: PolicyTables;
let dataplane: PolicyDataplane;
let rehearsal: Rehearsal;

beforeAll(async () => {
  pins = mountBpfFileSystem();
  live = await loadBpfObject(OBJECT, LAYOUT, {
    pins: Object.fromEntries(Object.keys(LAYOUT.maps).map((name) => [name, `${pins.path}/maps/${name}`])),
  });
  tables = openPolicyTables(live.maps);
  dataplane = createPolicyDataplane(tables);
  await dataplane.sync(ROWS, interfaceOf());
  rehearsal = await openRehearsal({ directory: pins.path, networkNamespace: '/proc/self/ns/net' });
});
afterAll(() => {
  rehearsal.close();
  live.close();
  pins.remove();
});

beforeEach(async () => {
  await dataplane.sync(ROWS, interfaceOf());
  await rehearsal.learn(
    [...ROWS.classes.values()].flatMap(({ verdicts }) => verdicts.map(({ rule }) => rule)),
  );
});

const asked = (direction: 'ingress' | 'egress', family: 'IPv4' | 'IPv6', peer = FRIEND[family]) => {
  const own = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [source, destination] = direction === 'ingress' ? [peer, own] : [own, peer];
  return { source, destination, protocol: 'TCP' as const, port: 80 };
};
const place = (direction: 'ingress' | 'egress') => ({ interfaceIndex: POD_INTERFACE, direction });
const DENIED = { verdict: 'drop', reason: 'policy', auditRule: null };

describe.each(FAMILIES)('%s', (family) => {
  it('[F12] a rehearsal tells verdict and rule of every protocol and direction', async () => {
    const ingress = asked('ingress', family);
    const flows = [...PROTOCOLS, null].map((protocol) => ({ ...ingress, protocol }));
    expect(await rehearsal.judge(place('ingress'), flows)).toMatchObject([
      ...PROTOCOLS.map((protocol) => ({
        verdict: 'pass',
        reason: 'none',
        rule: `ingress friend ${protocol} 80 allow`,
        // Not among those that it learnt.
        auditRule: expect.stringMatching(/^number \d+$/),
      })),
      { ...DENIED, rule: 'ingress * * * deny' },
    ]);
    expect(await rehearsal.judge(place('egress'), [asked('egress', family)])).toMatchObject([
      { verdict: 'pass', reason: 'none', rule: 'egress friend * * allow', auditRule: null },
    ]);
    expect(await rehearsal.judge(place('egress'), [asked('egress', family, STRANGER[family])])).toMatchObject(
      [{ ...DENIED, rule: 'egress * * * deny' }],
    );
  });

  it('[F12] neither an answer nor a packet of another direction changes the next one', async () => {
    const there = asked('egress', family);
    const back = { ...asked('ingress', family), port: 40_000 };
    for (let round = 0; round < 3; round++) {
      expect((await rehearsal.judge(place('egress'), [there]))[0]?.verdict).toBe('pass');
      expect((await rehearsal.judge(place('ingress'), [back]))[0]?.verdict).toBe('drop');
    }
  });
});

it('[F12] thousands of packets are asked at once, each answered by itself', async () => {
  const flows = Array.from({ length: MANY }, (_, port) => ({ ...asked('ingress', 'IPv4'), port }));
  const verdicts = await rehearsal.judge(place('ingress'), flows);
  expect(verdicts).toHaveLength(MANY);
  for (const [port, { verdict, rule }] of verdicts.entries())
    expect([port, verdict, rule]).toEqual(
      port === 80 ? [80, 'pass', 'ingress friend TCP 80 allow'] : [port, 'drop', 'ingress * * * deny'],
    );
});

it('[F12] it follows the rows as they are now', async () => {
  await dataplane.sync(ROWS, interfaceOf({ held: true }));
  const [closed] = await rehearsal.judge(place('ingress'), [asked('ingress', 'IPv4')]);
  expect(closed).toMatchObject({ verdict: 'drop', reason: 'closed', rule: null, auditRule: null });
  const before = await rehearsal.revision();
  await dataplane.sync({ ...ROWS, subjects: new Map() }, interfaceOf());
  expect(await rehearsal.revision()).toBe(before + 1);
  const [open] = await rehearsal.judge(place('ingress'), [asked('ingress', 'IPv4')]);
  expect(open).toEqual({ verdict: 'pass', reason: 'none', rule: null, auditRule: null, peer: null });
});

it('[F12] [H18] nothing live is touched: no flow, no counter, no rule’s hits', async () => {
  for (const direction of DIRECTIONS) await rehearsal.judge(place(direction), [asked(direction, 'IPv6')]);
  const [flows, hits, tallies, drops] = await Promise.all([
    tables.flows.entries(),
    tables.ruleHits.entries(),
    tables.tallies.entries(),
    tables.dropCounts.entries(),
  ]);
  expect([flows, hits]).toEqual([[], []]);
  expect(tallies.flatMap(([, counts]) => counts).filter(({ count }) => count > 0)).toEqual([]);
  expect(drops.flatMap(([, counts]) => counts).filter(({ packets }) => packets[0] + packets[1] > 0)).toEqual(
    [],
  );
});

it('[F12] where nobody pinned rows it says so, and pins none', async () => {
  const options = { directory: `${pins.path}/nobody`, networkNamespace: '/proc/self/ns/net' };
  await expect(openRehearsal(options)).rejects.toThrow(
    /no policy rows are pinned at .*\/nobody\/maps\/subjects; an agent with --policy-backend=bpf puts them there/,
  );
  expect(readdirSync(pins.path)).not.toContain('nobody');
});
