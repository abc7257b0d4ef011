/** Which backend connections get: by each scheduler, by weights, and while these change. */
import { describe, expect, it } from 'vitest';
import { startConversation } from './conversation.ts';
import { BACKENDS, type LabCluster, tally, useLab } from './lab-cluster.ts';
import { client, ingress, type Manifest, node, pod, service, slice } from './manifests.ts';

const WEIGHT = 'weir.dev/weight';
const CLIENTS = Array.from({ length: 48 }, (_, index) => `external/198.51.100.${index + 1}`);
const VIPS: Readonly<Record<string, string>> = {
  sh: '203.0.113.1',
  maglev: '203.0.113.2',
  dh: '203.0.113.3',
};
/** Of the Service that is told apart by the address that is dialled. */
const MORE_ADDRESSES = Array.from({ length: 12 }, (_, index) => `203.0.113.${index + 100}`);

/** With these weights, and this scheduler. */
function crowd(name: string, weights: readonly number[], scheduler: string): readonly Manifest[] {
  const vip = VIPS[name];
  const balancer = vip === undefined ? {} : { type: 'LoadBalancer' };
  const addresses = vip === undefined ? [] : [vip, ...(name === 'dh' ? MORE_ADDRESSES : [])];
  return [
    ...weights.map((weight, index) => member(name, index, weight)),
    service(name, balancer, {
      metadata: { annotations: { 'weir.dev/scheduler': scheduler } },
      status: ingress(...addresses),
    }),
  ];
}

function member(name: string, index: number, weight: number): Manifest {
  return pod(`${name}-${index}`, {
    node: index % 2 === 0 ? 'one' : 'two',
    labels: { app: name },
    metadata: weight === 1 ? {} : { annotations: { [WEIGHT]: `${weight}` } },
  });
}

/** By how much a share may be off, at five standard deviations. */
function bound(count: number, share: number): number {
  return 5 * Math.sqrt(count * share * (1 - share));
}

async function sharesOf(lab: LabCluster, name: string, count: number, family: 4 | 6 = 4) {
  const to = `svc:default/${name}`;
  const counts = tally(await lab.repeat(count, { from: 'default/asker', to, family }));
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe.each(BACKENDS)('schedulers on %s', (servicesBackend) => {
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      ...crowd('rr', [1, 9, 1], 'rr'),
      ...crowd('turns', [1, 1, 1], 'rr'),
      ...crowd('wrr', [5, 1, 1], 'wrr'),
      ...crowd('canary', [95, 5], 'random'),
      // Packets have nothing nearer to it than drawing by weight.
      ...crowd('tenth', [9, 1], servicesBackend === 'nft' ? 'sed' : 'random'),
      ...crowd('sh', [1, 1, 3], 'sh'),
      ...crowd('dh', [1, 1, 1], 'dh'),
      ...crowd('maglev', Array<number>(10).fill(1), 'maglev'),
      ...crowd('live', [1, 1, 1], 'rr'),
      service('by-hand', { selector: undefined, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }),
    ],
    { servicesBackend },
  );
  const one = async (name: string, from = 'default/asker', family: 4 | 6 = 4) => {
    const [line] = await lab.probe({ from, to: `svc:default/${name}`, family });
    return line?.answeredBy ?? line?.verdict ?? '';
  };
  /** The backend of each client. */
  const askedBy = async (address: string) => {
    const lines = await lab.probe(...CLIENTS.map((from) => ({ from, to: address, port: 80, node: 'one' })));
    return new Map(lines.map(({ from, answeredBy }) => [from, answeredBy]));
  };

  it.each([4, 6] as const)(
    '[A57] [A58] rr gives one after the other, each Service in its own turns (IPv%i)',
    async (family) => {
      const [first, second]: [string[], string[]] = [[], []];
      for (let round = 0; round < 9; round++) {
        first.push(await one('rr', 'default/asker', family));
        second.push(await one('turns', 'default/asker', family));
      }
      for (const answers of [first, second]) {
        expect(new Set(answers.slice(0, 3)).size).toBe(3);
        expect(answers).toEqual([0, 1, 2].flatMap(() => answers.slice(0, 3)));
      }
    },
  );

  it.each([4, 6] as const)(
    '[A57] [F8] wrr gives each exactly its share, evenly spread (IPv%i)',
    async (family) => {
      const shares = await sharesOf(lab, 'wrr', 70, family);
      expect(shares).toEqual([
        ['default/wrr-0', 50],
        ['default/wrr-1', 10],
        ['default/wrr-2', 10],
      ]);
      const answers: string[] = [];
      for (let round = 0; round < 14; round++) answers.push(await one('wrr', 'default/asker', family));
      expect(answers.slice(7)).toEqual(answers.slice(0, 7));
      expect(answers.join(' ')).not.toMatch(/wrr-[12] default\/wrr-[12] default\/wrr-[12]/);
    },
  );

  it.each([
    ['canary', 0.05],
    ['tenth', 0.1],
  ])('[F8] [E14] %s: the lighter backend gets its share, %f of 4,000', async (name, share) => {
    const shares = new Map(await sharesOf(lab, name, 4000));
    expect((shares.get(`default/${name}-0`) ?? 0) + (shares.get(`default/${name}-1`) ?? 0)).toBe(4000);
    expect(Math.abs((shares.get(`default/${name}-1`) ?? 0) - 4000 * share)).toBeLessThan(bound(4000, share));
  });

  it('[A57] [A58] sh gives a client the same backend each time, and clients their share of backends', async () => {
    const [first, again] = [await askedBy(VIPS.sh ?? ''), await askedBy(VIPS.sh ?? '')];
    expect(again).toEqual(first);
    const counts = new Map<string | null, number>();
    for (const backend of first.values()) counts.set(backend, (counts.get(backend) ?? 0) + 1);
    expect(counts.size).toBe(3);
    const heavy = counts.get('default/sh-2') ?? 0;
    expect(Math.abs(heavy - CLIENTS.length * 0.6)).toBeLessThan(bound(CLIENTS.length, 0.6));
    const shares = await sharesOf(lab, 'sh', 40);
    expect(shares).toHaveLength(1);
  });

  it('[A57] dh gives an address the same backend, whoever dials it', async () => {
    const backends = new Set<string | null>();
    for (const address of MORE_ADDRESSES) {
      const answers = new Set((await askedBy(address)).values());
      expect(answers.size).toBe(1);
      for (const backend of answers) backends.add(backend);
    }
    expect(backends.size).toBeGreaterThan(1);
  });

  it('[E5] [E14] maglev leaves others where they are when one of ten goes into maintenance, and back', async () => {
    const vip = VIPS.maglev ?? '';
    const before = await askedBy(vip);
    expect(new Set(before.values()).size).toBeGreaterThan(5);
    expect(await askedBy(vip)).toEqual(before);
    const gone = before.get(CLIENTS[0] ?? '') ?? '';
    const index = Number(gone.split('-').at(-1));
    await lab.apply(member('maglev', index, 0));
    const meanwhile = await askedBy(vip);
    expect([...meanwhile.values()]).not.toContain(gone);
    const moved = CLIENTS.filter((who) => before.get(who) !== gone && meanwhile.get(who) !== before.get(who));
    // Of forty-eight, one in a hundred is none or one; with bad luck another.
    expect(moved.length).toBeLessThanOrEqual(2);
    await lab.apply(member('maglev', index, 1));
    expect(await askedBy(vip)).toEqual(before);
  });

  it('[E14] maintenance: no new connection, open ones go on, and back live; the trace says so', async () => {
    const address = (await lab.rows('one')).services.find(({ owner }) => owner === 'default/live');
    const clusterIp = address?.frontends[0]?.address ?? '';
    const conversations = [0, 1, 2].map(() =>
      startConversation(lab, 'default/asker', { address: clusterIp, port: 80 }),
    );
    for (const each of conversations) expect(await each.talk()).toBe('answered');
    await lab.apply(member('live', 1, 0));
    expect((await sharesOf(lab, 'live', 20)).map(([name]) => name)).toEqual([
      'default/live-0',
      'default/live-2',
    ]);
    for (const each of conversations) expect(await each.talk()).toBe('answered');
    for (const each of conversations) each.end();
    const row = (await lab.rows('one')).services.find(({ id }) => id === 'default/live:/TCP/IPv4');
    expect(row?.excluded).toMatchObject([{ list: 'both', why: 'maintenance' }]);
    await lab.apply(member('live', 1, 1));
    expect((await sharesOf(lab, 'live', 30)).map(([, count]) => count)).toEqual([10, 10, 10]);
  });

  it('[F8] [E14] a slice’s weight is that of its endpoints, and changes live', async () => {
    const rows = await lab.rows('one');
    const endpointsOf = (name: string) =>
      rows.services
        .find(({ id }) => id === `default/${name}:/TCP/IPv4`)
        ?.cluster.map(({ address }) => address) ?? [];
    const annotated = (name: string, addresses: readonly string[], weight: number): Manifest => {
      const made = slice(
        'by-hand',
        addresses.map((each) => ({ addresses: [each] })),
        { name },
      );
      return { ...made, metadata: { ...(made.metadata as object), annotations: { [WEIGHT]: `${weight}` } } };
    };
    const turns = service(
      'by-hand',
      { selector: undefined, ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' },
      {
        metadata: { annotations: { 'weir.dev/scheduler': 'wrr' } },
      },
    );
    const [one = '', two = ''] = endpointsOf('turns');
    await lab.apply(turns, annotated('first', [one], 3), annotated('second', [two], 1));
    expect((await sharesOf(lab, 'by-hand', 40)).map(([, count]) => count)).toEqual([30, 10]);
    await lab.apply(annotated('first', [one], 1));
    expect((await sharesOf(lab, 'by-hand', 40)).map(([, count]) => count)).toEqual([20, 20]);
    await lab.apply(annotated('second', [two], 0));
    expect(await sharesOf(lab, 'by-hand', 20)).toHaveLength(1);
  });
});
