import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type ConntrackEntry,
  type ConntrackFilter,
  deleteConntrack,
  listConntrack,
  TCP_STATES,
} from '../../src/kernel/conntrack.ts';
import { type Address, type Family, parseAddress } from '../../src/model/address.ts';
import { type Port, PROTOCOLS } from '../../src/model/names.ts';
import { type ConntrackNamespace, createConntrackNamespace } from './conntrack-namespace.ts';

const ADDRESSES = {
  IPv4: { service: '10.96.0.1', backend: '10.0.0.2', otherBackend: '10.0.0.3' },
  IPv6: { service: 'fd96::1', backend: 'fd00::2', otherBackend: 'fd00::3' },
} as const;

let namespace: ConntrackNamespace;
let place: { readonly networkNamespace: string };

beforeAll(() => {
  namespace = createConntrackNamespace(`weir-test-ct-${process.pid}`);
  place = { networkNamespace: namespace.path };
});
afterAll(() => namespace.remove());
beforeEach(() => namespace.flush());

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

function frontendsOf(entries: readonly ConntrackEntry[]): readonly string[] {
  return entries
    .map((entry) => `${entry.protocol} ${entry.original.destination} ${entry.original.destinationPort}`)
    .sort();
}

describe.each(['IPv4', 'IPv6'] as const)('conntrack entries of %s', (family: Family) => {
  const { service, backend, otherBackend } = ADDRESSES[family];

  it('[A60] a removed UDP backend loses exactly the entries that lead to it through its Service', async () => {
    namespace.send('udp', service, 53);
    namespace.send('udp', service, 54);
    namespace.send('udp', backend, 5353);
    const removed: ConntrackFilter = {
      family,
      protocol: 'UDP',
      originalDestination: address(service),
      originalDestinationPort: 53 as Port,
      replySource: address(backend),
      replySourcePort: 5353 as Port,
      natted: true,
    };
    expect(await listConntrack(removed, place)).toHaveLength(1);
    expect(await deleteConntrack([removed], place)).toBe(1);
    expect(frontendsOf(await listConntrack({ family }, place))).toEqual([
      `UDP ${backend} 5353`,
      `UDP ${service} 54`,
    ]);
    expect(await deleteConntrack([removed], place)).toBe(0);
  });

  it('lists both directions, the translation and that nobody answered', async () => {
    namespace.send('udp', service, 53);
    const [entry, ...others] = await listConntrack({ family }, place);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      family,
      protocol: 'UDP',
      original: { destination: service, destinationPort: 53 },
      reply: { source: backend, sourcePort: 5353, destination: entry?.original.source },
      destinationTranslated: true,
      sourceTranslated: false,
      replied: false,
      tcpState: null,
    });
    expect(entry?.timeoutSeconds).toBeGreaterThan(0);
  });

  it('tells TCP states apart', async () => {
    namespace.send('tcp', service, 80);
    const filter: ConntrackFilter = { family, replySource: address(backend) };
    expect(await deleteConntrack([{ ...filter, tcpStates: ['established', 'close'] }], place)).toBe(0);
    expect(await listConntrack({ ...filter, tcpStates: ['syn-sent'] }, place)).toMatchObject([
      { protocol: 'TCP', tcpState: 'syn-sent' },
    ]);
    expect(await deleteConntrack([{ ...filter, tcpStates: ['close', 'syn-sent'] }], place)).toBe(1);
  });

  it('[A60] many removed backends go at once, whatever stays', async () => {
    namespace.send('udp', service, 53);
    namespace.send('udp', service, 54);
    const absent = Array.from({ length: 300 }, (_, index) => ({
      family,
      replySource: address(family === 'IPv4' ? `10.9.${index >> 8}.${index & 255}` : `fd09::${index + 1}`),
      natted: true,
    }));
    expect(await deleteConntrack(absent, place)).toBe(0);
    const gone = { family, replySource: address(otherBackend), natted: true };
    expect(await deleteConntrack([...absent, gone, { ...gone, protocol: 'UDP' }], place)).toBe(1);
    expect(frontendsOf(await listConntrack({ family }, place))).toEqual([`UDP ${service} 53`]);
  });

  it('[A61] many new frontends forget what went to them untranslated, whatever stays', async () => {
    namespace.send('udp', service, 53);
    namespace.send('udp', backend, 5353);
    namespace.send('udp', backend, 99);
    const frontends = Array.from({ length: 300 }, (_, index) => ({
      family,
      originalDestination: address(
        family === 'IPv4' ? `10.9.${index >> 8}.${index & 255}` : `fd09::${index + 1}`,
      ),
      natted: false,
    }));
    expect(await deleteConntrack(frontends, place)).toBe(0);
    const begun = { family, originalDestination: address(backend), originalDestinationPort: 99 as Port };
    const served = { family, originalDestination: address(service), natted: false };
    expect(await deleteConntrack([...frontends, begun, served], place)).toBe(1);
    expect(frontendsOf(await listConntrack({ family }, place))).toEqual([
      `UDP ${backend} 5353`,
      `UDP ${service} 53`,
    ]);
  });

  it('selects what comparing every field by hand selects', async () => {
    for (const port of [53, 54]) namespace.send('udp', service, port);
    for (const [to, port] of [
      [backend, 5353],
      [otherBackend, 5353],
      [backend, 99],
    ] as const) {
      namespace.send('udp', to, port);
    }
    namespace.send('tcp', service, 80);
    const all = await listConntrack({ family }, place);
    expect(all).toHaveLength(6);
    const addresses = fc.constantFrom(service, backend, otherBackend).map(address);
    const ports = fc.constantFrom(53, 54, 80, 5353, 8080, 99).map((port) => port as Port);
    const filters: fc.Arbitrary<ConntrackFilter> = fc.record(
      {
        family: fc.constant(family),
        protocol: fc.constantFrom(...PROTOCOLS),
        originalDestination: addresses,
        originalDestinationPort: ports,
        replySource: addresses,
        replySourcePort: ports,
        natted: fc.boolean(),
        tcpStates: fc.array(fc.constantFrom(...TCP_STATES), { minLength: 1 }),
      },
      { requiredKeys: ['family'] },
    );
    await fc.assert(
      fc.asyncProperty(filters, async (filter) => {
        const expected = all.filter((entry) => selects(filter, entry));
        expect(frontendsOf(await listConntrack(filter, place))).toEqual(frontendsOf(expected));
      }),
      { numRuns: 150 },
    );
  });
});

function selects(filter: ConntrackFilter, entry: ConntrackEntry): boolean {
  const pairs: readonly (readonly [unknown, unknown])[] = [
    [filter.protocol, entry.protocol],
    [filter.originalDestination, entry.original.destination],
    [filter.originalDestinationPort, entry.original.destinationPort],
    [filter.replySource, entry.reply.source],
    [filter.replySourcePort, entry.reply.sourcePort],
    [filter.natted, entry.destinationTranslated],
  ];
  const stateHolds =
    filter.tcpStates === undefined || filter.tcpStates.some((state) => state === entry.tcpState);
  return stateHolds && pairs.every(([wanted, actual]) => wanted === undefined || wanted === actual);
}

describe('conntrack calls that can not be carried out', () => {
  it('name the system call and what it was about', async () => {
    const nowhere = { networkNamespace: '/run/netns/weir-test-absent' };
    await expect(listConntrack({ family: 'IPv4' }, nowhere)).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
      message: expect.stringContaining('/run/netns/weir-test-absent'),
    });
    await expect(listConntrack({ family: 'IPv4' }, { networkNamespace: '/dev/null' })).rejects.toMatchObject({
      code: 'EINVAL',
      syscall: 'setns',
    });
  });

  it('never empty the table for a filter without conditions', async () => {
    await expect(deleteConntrack([{ family: 'IPv4' }], place)).rejects.toThrow(/selects every IPv4 entry/);
  });

  it('refuse an address of the other family', async () => {
    const filter: ConntrackFilter = { family: 'IPv4', replySource: address('fd00::2') };
    await expect(deleteConntrack([filter], place)).rejects.toThrow(/names fd00::2/);
  });

  it('refuse values the addon can not take, naming the field', async () => {
    const filter: ConntrackFilter = { family: 'IPv4', replySourcePort: 70000 as Port };
    await expect(listConntrack(filter, place)).rejects.toThrow(
      /replySourcePort must be an integer from 0 to 65535/,
    );
  });

  it('have nothing to do without filters', async () => {
    expect(await deleteConntrack([], { networkNamespace: '/run/netns/weir-test-absent' })).toBe(0);
  });
});
