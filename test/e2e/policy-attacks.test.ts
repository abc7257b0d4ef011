/** What a hostile pod may try by packets of its own making, and never gets through. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Address, addressBytes, FAMILIES, type Family, parseAddress } from '../../src/model/address.ts';
import { echo, extension, GRE, ICMP, ICMPV6, icmp, ip, joined, UDP, udp } from '../packet/packets.ts';
import { linkAddress, openStation, type RawStation } from '../raw/raw-frames.ts';
import { type Manifest, node, pod } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';

const ADDRESSES = {
  evil: ['10.244.1.66', 'fd44:1::66'],
  near: ['10.244.1.11', 'fd44:1::11'],
  web: ['10.244.2.10', 'fd44:2::10'],
} as const;
type Name = keyof typeof ADDRESSES;
const NODES: Readonly<Record<Name, string>> = { evil: 'one', near: 'one', web: 'two' };
/** The one thing that the hostile pod may send. */
const OPEN = 9;
const MARK = 'weir-attack';
const MARKED = new TextEncoder().encode(MARK);

function at(name: Name): Manifest {
  const manifest = pod(name, { node: NODES[name], ports: [{ containerPort: OPEN, protocol: 'UDP' }] });
  return {
    ...manifest,
    status: { ...(manifest.status as object), podIPs: ADDRESSES[name].map((ip) => ({ ip })) },
  };
}

function addressOf(name: Name, family: Family): Address {
  return parseAddress(ADDRESSES[name][family === 'IPv4' ? 0 : 1]) as Address;
}

/** A UDP datagram that says the mark. */
function saying(port: number, sourcePort = 4000): Uint8Array {
  const datagram = joined(udp(sourcePort, port), MARKED);
  new DataView(datagram.buffer).setUint16(4, datagram.length);
  return datagram;
}

describe.each(POLICY_BACKENDS)('attacks on %s', (backend) => {
  const lab = usePolicyLab(backend, [node('one'), node('two'), at('evil'), at('near'), at('web')]);
  const stations = new Map<Name, RawStation>();
  const station = (name: Name): RawStation => {
    const found = stations.get(name);
    if (found === undefined) throw new Error(`no station in ${name}`);
    return found;
  };

  beforeAll(async () => {
    await lab.apply(
      networkPolicy('evil', {
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [podsLabelled('web')] }],
        egress: [{ to: [podsLabelled('web')], ports: [{ protocol: 'UDP', port: OPEN }] }],
      }),
    );
    for (const name of Object.keys(ADDRESSES) as Name[]) {
      const route = await lab.inside(`node/${NODES[name]}`, 'ip', '-j', 'route', 'get', ADDRESSES[name][0]);
      const [{ dev }] = JSON.parse(route) as [{ readonly dev: string }];
      const gateway = linkAddress(lab.netns(`node/${NODES[name]}`), dev);
      stations.set(name, await openStation(lab.netns(`default/${name}`), 'eth0', gateway));
    }
    // Source routes are the policies' business here, not the kernel's.
    for (const onNode of ['one', 'two'])
      await lab.inside(`node/${onNode}`, 'sysctl', '-qw', 'net.ipv4.conf.all.accept_source_route=1');
  });
  afterAll(() => {
    for (const each of stations.values()) each.end();
  });

  const dropped = async (onNode: string, reason: string): Promise<number> => {
    const found = (await lab.policies(onNode)).kernel?.drops.find((drop) => drop.reason === reason);
    return (found?.ingress ?? 0) + (found?.egress ?? 0);
  };
  let rounds = 0;
  /** Sends; resolves when what was sent before it has come through or never will: with the marks that `to` heard. */
  const heardAt = async (to: Name, family: Family, ...packets: readonly Uint8Array[]): Promise<number> => {
    const [from, own] = [addressOf('evil', family), addressOf('web', family)];
    const sourcePort = 60_000 + ++rounds;
    const before = station(to).heard.length;
    station('evil').send(...packets);
    const end = Uint8Array.of(sourcePort >> 8, sourcePort & 0xff, 0, OPEN);
    const isOver = () => {
      station('evil').send(ip(from, own, UDP, udp(sourcePort, OPEN)));
      return station('web')
        .packets()
        .some((packet) => packet.includes(Buffer.from(end)));
    };
    await expect.poll(isOver, { timeout: 30_000 }).toBe(true);
    return station(to)
      .heard.slice(before)
      .filter((frame) => frame.includes(MARK)).length;
  };
  const fromEvil = (family: Family, to: Name, protocol: number, payload: Uint8Array, fields = {}) =>
    ip(addressOf('evil', family), addressOf(to, family), protocol, payload, fields);

  it.each(FAMILIES)('[C8] the mark of what is allowed arrives (%s)', async (family) => {
    expect(await heardAt('web', family, fromEvil(family, 'web', UDP, saying(OPEN)))).toBe(1);
    expect(await heardAt('web', family, fromEvil(family, 'web', UDP, saying(OPEN + 1)))).toBe(0);
  });

  it('[I7] [I17] neighbour discovery goes nowhere but to neighbours', async () => {
    const [own, web] = [addressOf('evil', 'IPv6'), addressOf('web', 'IPv6')];
    const before = await dropped('one', 'policy');
    for (const to of ['web', 'near'] as const)
      for (const type of [133, 135, 136]) {
        const target = type === 136 ? own : web;
        const rest = joined(new Uint8Array(4), addressBytes(target), MARKED);
        const packet = ip(own, addressOf(to, 'IPv6'), ICMPV6, icmp(type, 0, rest), { hopLimit: 255 });
        expect(await heardAt(to, 'IPv6', packet)).toBe(0);
      }
    expect(await dropped('one', 'policy')).toBe(before + 6);
  });

  it.each(FAMILIES)(
    '[I24] [C11] errors about flows of others are judged, and own ones pass (%s)',
    async (family) => {
      const [evil, near, web] = (['evil', 'near', 'web'] as const).map((name) => addressOf(name, family));
      if (evil === undefined || near === undefined || web === undefined) throw new Error('no address');
      const quoting = (from: Address, to: Address, about: Uint8Array) => {
        const rest = joined(new Uint8Array(4), about, MARKED);
        return family === 'IPv4'
          ? ip(from, to, ICMP, icmp(3, 3, rest))
          : ip(from, to, ICMPV6, icmp(1, 4, rest));
      };
      // A flow of near with web, and one of evil with web.
      station('near').send(ip(near, web, UDP, udp(5000, OPEN)));
      station('evil').send(ip(evil, web, UDP, udp(5001, OPEN)));
      const answer = (port: number) => Buffer.from([0, OPEN, port >> 8, port & 0xff]);
      await expect
        .poll(() =>
          station('near')
            .packets()
            .some((one) => one.includes(answer(5000))),
        )
        .toBe(true);
      await expect
        .poll(() =>
          station('evil')
            .packets()
            .some((one) => one.includes(answer(5001))),
        )
        .toBe(true);
      expect(await heardAt('near', family, quoting(evil, near, ip(near, web, UDP, udp(5000, OPEN))))).toBe(0);
      expect(await heardAt('web', family, quoting(evil, web, ip(web, near, UDP, udp(OPEN, 5000))))).toBe(0);
      expect(await heardAt('near', family, quoting(evil, near, ip(web, evil, UDP, udp(OPEN, 5001))))).toBe(0);
      expect(await heardAt('web', family, quoting(evil, web, ip(web, evil, UDP, udp(OPEN, 5001))))).toBe(1);
    },
  );

  it('[I17] [C22] packets that name further destinations are dropped and counted', async () => {
    const before = await dropped('one', 'source-route');
    const hop = addressBytes(addressOf('near', 'IPv4'));
    for (const kind of [131, 137]) {
      const options = joined(Uint8Array.of(kind, 7, 4), hop, Uint8Array.of(0));
      const packet = fromEvil('IPv4', 'web', UDP, saying(OPEN), { options });
      expect(await heardAt('web', 'IPv4', packet)).toBe(0);
    }
    for (const type of [0, 2, 3, 4]) {
      const rest = joined(
        Uint8Array.of(2, type, 1),
        new Uint8Array(4),
        addressBytes(addressOf('near', 'IPv6')),
      );
      const extensions = [{ kind: 43, rest }];
      const packet = fromEvil('IPv6', 'web', UDP, saying(OPEN), { extensions });
      expect(await heardAt('web', 'IPv6', packet)).toBe(0);
    }
    const done = { kind: 43, rest: joined(Uint8Array.of(2, 3, 0), new Uint8Array(20)) };
    const open = { kind: 43, rest: joined(Uint8Array.of(2, 3, 1), new Uint8Array(20)) };
    // Behind one that is done, and behind that and another header.
    for (const between of [[], [extension(60)]]) {
      const packet = fromEvil('IPv6', 'web', UDP, saying(OPEN), { extensions: [done, ...between, open] });
      expect(await heardAt('web', 'IPv6', packet)).toBe(0);
    }
    expect(await dropped('one', 'source-route')).toBe(before + 8);
    const packet = fromEvil('IPv6', 'web', UDP, saying(OPEN), { extensions: [extension(60), done] });
    expect(await heardAt('web', 'IPv6', packet)).toBe(1);
  });

  it.each(FAMILIES)(
    '[C22] [I20] protocols that no rule names are dropped and counted (%s)',
    async (family) => {
      const before = await dropped('one', 'policy');
      const IGMP = 2;
      const [ESP, DCCP, UDP_LITE] = [50, 33, 136];
      for (const protocol of [IGMP, GRE, ESP, DCCP, UDP_LITE]) {
        const packet = fromEvil(family, 'web', protocol, joined(saying(OPEN), new Uint8Array(8)));
        expect(await heardAt('web', family, packet)).toBe(0);
      }
      expect(await dropped('one', 'policy')).toBe(before + 5);
    },
  );

  it.each(FAMILIES)(
    '[I22] [C34] sources that are not the pod’s are dropped, whoever’s they are (%s)',
    async (family) => {
      const before = await dropped('one', 'spoofed-source');
      const spoofs =
        family === 'IPv4'
          ? ['10.96.0.1', '10.244.1.11', '127.0.0.1', '172.31.0.1']
          : ['fd96::1', 'fd44:1::11'];
      for (const source of spoofs) {
        const packet = ip(parseAddress(source) as Address, addressOf('web', family), UDP, saying(OPEN));
        expect(await heardAt('web', family, packet)).toBe(0);
      }
      expect(await dropped('one', 'spoofed-source')).toBe(before + spoofs.length);
    },
  );

  it('[I22] an IPv4 address mapped into IPv6 is no source', async () => {
    const before = await dropped('one', 'spoofed-source');
    const packet = fromEvil('IPv6', 'web', UDP, saying(OPEN));
    packet.fill(0, 8, 24);
    packet.set([0xff, 0xff, ...addressBytes(addressOf('evil', 'IPv4'))], 18);
    expect(await heardAt('web', 'IPv6', packet)).toBe(0);
    expect(await dropped('one', 'spoofed-source')).toBe(before + 1);
  });

  it.each(FAMILIES)('[I19] fragments that overlap the first rewrite nothing (%s)', async (family) => {
    const whole = joined(saying(OPEN), new Uint8Array(64).fill(1));
    const id = 77;
    const first = fromEvil(family, 'web', UDP, whole.subarray(0, 48), {
      fragment: { id, offset: 0, more: true },
    });
    const forged = joined(saying(OPEN + 1), new Uint8Array(64)).subarray(0, 48);
    for (const offset of [0, 8, 40]) {
      const over = fromEvil(family, 'web', UDP, forged, { fragment: { id, offset, more: false } });
      expect(await heardAt('web', family, first, over)).toBeLessThan(2);
    }
    expect(
      station('web')
        .packets()
        .some((one) => one.includes(Buffer.from([4000 >> 8, 4000 & 255, 0, OPEN + 1]))),
    ).toBe(false);
  });

  it.each(FAMILIES)('[I10] answers to questions that nobody asked are dropped (%s)', async (family) => {
    const reply = echo(addressOf('evil', family), addressOf('near', family), 'reply', 7);
    expect(await heardAt('near', family, joined(reply))).toBe(0);
    const heard = station('near')
      .packets()
      .filter((one) => one.includes(Buffer.from(addressBytes(addressOf('evil', family)))));
    expect(heard).toEqual([]);
  });

  // nftables leaves flows to connection tracking, which has one table for all.
  if (backend === 'bpf')
    it('[I27] a pod that fills its share of the flow table takes nothing from others', async () => {
      const [EACH, SHARE] = [40_000, 65_536];
      const tally = async (name: 'share-full' | 'table-full') =>
        (await lab.policies('one')).kernel?.tallies[name] ?? 0;
      await lab.during(
        [networkPolicy('near', { policyTypes: ['Egress'], egress: [{ to: [podsLabelled('web')] }] })],
        async () => {
          for (const family of FAMILIES)
            station('evil').send(
              ...Array.from({ length: EACH }, (_, port) => fromEvil(family, 'web', UDP, udp(port + 1, OPEN))),
            );
          // All have come by then.
          await expect
            .poll(() => tally('share-full'), { timeout: 90_000 })
            .toBeGreaterThanOrEqual(2 * EACH - SHARE);
          expect(await tally('table-full')).toBe(0);
          const asked = 'default/near > default/web:9/udp';
          // The server has much to answer still.
          await expect.poll(() => lab.verdicts(asked), { timeout: 30_000 }).toEqual({ [asked]: 'allowed' });
          // What finds no place is judged packet by packet. Who listens there loses packets until it has caught up.
          const allowed = fromEvil('IPv4', 'web', UDP, saying(OPEN, 50_000));
          await expect.poll(() => heardAt('web', 'IPv4', allowed), { timeout: 30_000 }).toBe(1);
          expect(await heardAt('web', 'IPv4', fromEvil('IPv4', 'web', UDP, saying(OPEN + 1, 50_000)))).toBe(
            0,
          );
        },
      );
    }, 120_000);
});
