/** What is around policies: programs of others on the same interface, pods from before the agent, and pods that play router. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attachTcx, type TcLink } from '../../src/kernel/bpf-program.ts';
import { nativeAddon } from '../../src/kernel/native.ts';
import { type Address, addressBytes } from '../../src/model/address.ts';
import { address, ICMPV6, icmp, ip, joined, UDP, udp } from '../packet/packets.ts';
import { linkAddress, openStation, type RawStation } from '../raw/raw-frames.ts';
import { startConversation } from './conversation.ts';
import { startFlood } from './flood.ts';
import type { LabCluster } from './lab-cluster.ts';
import { type Manifest, node, pod } from './manifests.ts';
import { POLICY_BACKENDS, type PolicyLab, usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const ADDRESSES = {
  web: ['10.244.1.10', 'fd44:1::10'],
  near: ['10.244.1.11', 'fd44:1::11'],
  far: ['10.244.2.12', 'fd44:2::12'],
} as const;
const PORTS = [{ containerPort: 80 }, { containerPort: 54, protocol: 'UDP' as const }];
const ASKED = ['default/near > default/web:80', 'default/far > default/web:80'];
const ONLY_NEAR = networkPolicy('web', { ingress: [{ from: [podsLabelled('near')] }] });

function at(name: keyof typeof ADDRESSES, onNode: string): Manifest {
  const manifest = pod(name, { node: onNode, ports: PORTS });
  const podIPs = ADDRESSES[name].map((each) => ({ ip: each }));
  return { ...manifest, status: { ...(manifest.status as object), podIPs } };
}

const CLUSTER = [node('one'), node('two'), at('web', 'one'), at('near', 'one'), at('far', 'two')];

/** Ends the node's agent and takes all it made away. */
async function withoutAgent(lab: LabCluster, onNode: string): Promise<void> {
  const pid = await lab.agentPid(onNode);
  process.kill(pid, 'SIGKILL');
  while (existsSync(`/proc/${pid}/root`)) await sleep(5);
  await lab.inside(
    `node/${onNode}`,
    process.execPath,
    MAIN,
    'cleanup',
    '--instance',
    `lab-${lab.name}-${onNode}`,
  );
}

async function vethOf(lab: LabCluster, onNode: string, podAddress: string): Promise<string> {
  const routes = JSON.parse(await lab.inside(`node/${onNode}`, 'ip', '-j', 'route', 'show', podAddress));
  return (routes as readonly { readonly dev: string }[])[0]?.dev ?? '';
}

/** How many datagrams the pod has received, in IPv4 and in IPv6. */
async function datagramsAt(lab: LabCluster, who: string): Promise<readonly number[]> {
  const four = await lab.inside(who, 'cat', '/proc/net/snmp');
  const six = await lab.inside(who, 'cat', '/proc/net/snmp6');
  return [/^Udp: (\d+)/m.exec(four)?.[1], /^Udp6InDatagrams\s+(\d+)/m.exec(six)?.[1]].map(Number);
}

describe.each(POLICY_BACKENDS)('surroundings of policies on %s', (backend) => {
  const lab: PolicyLab = usePolicyLab(backend, CLUSTER);

  it('[E39] pods from before the agent are found, and judged in what they already do', async () => {
    await withoutAgent(lab, 'one');
    expect(Object.values(await lab.verdicts(...ASKED))).toEqual(['allowed', 'allowed']);
    const talks = ADDRESSES.web.map((each) =>
      startConversation(lab, 'default/far', { address: each, port: 80 }),
    );
    const said = () => Promise.all(talks.map((talk) => talk.talk()));
    expect(await said()).toEqual(['answered', 'answered']);
    const floods = await Promise.all(
      ADDRESSES.web.map((each) => startFlood(lab.netns('default/far'), each, 54)),
    );
    await expect
      .poll(async () => Math.min(...(await datagramsAt(lab, 'default/web'))), { timeout: 15_000 })
      .toBeGreaterThan(20);
    await lab.during([ONLY_NEAR], async () => {
      expect(await said()).toEqual(['silent', 'silent']);
      const before = await datagramsAt(lab, 'default/web');
      for (const flood of floods) await flood.sent(100);
      expect(await datagramsAt(lab, 'default/web')).toEqual(before);
      expect(Object.values(await lab.verdicts(...ASKED))).toEqual(['allowed', 'blocked']);
      const { unenforced, rows } = await lab.policies('one');
      expect([unenforced, rows.subjects]).toEqual([[], 1]);
    });
    for (const flood of floods) expect((await flood.end()).answered).toBeGreaterThan(0);
    for (const talk of talks) talk.end();
  });

  describe('a pod that plays router', () => {
    const OWN = address('fe80::66');
    const ALL = address('ff02::1');
    const BAD = '2001:db8:bad::';
    let station: RawStation;
    let veth: string;

    beforeAll(async () => {
      veth = await vethOf(lab, 'one', ADDRESSES.near[0]);
      const gateway = linkAddress(lab.netns('node/one'), veth);
      station = await openStation(lab.netns('default/near'), 'eth0', gateway);
      for (const [key, value] of [
        ['accept_ra', 2],
        ['accept_ra_defrtr', 1],
        ['autoconf', 1],
      ])
        await lab.inside('node/one', 'sysctl', '-qw', `net.ipv6.conf.${veth}.${key}=${value}`);
    });
    afterAll(() => station?.end());

    const rogue = async () =>
      (await lab.policies('one')).kernel?.drops.find(({ reason }) => reason === 'rogue-router')?.egress ?? 0;
    const advertisement = (): Uint8Array => {
      const prefix = joined(
        Uint8Array.of(3, 4, 64, 0xc0, 0, 0, 0x70, 0x80, 0, 0, 0x38, 0x40, 0, 0, 0, 0),
        addressBytes(address(BAD)),
      );
      const head = Uint8Array.of(64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0);
      return ip(OWN, ALL, ICMPV6, icmp(134, 0, joined(head, prefix)), { hopLimit: 255 });
    };
    const redirect = (): Uint8Array => {
      const [target, destination] = [OWN, address(ADDRESSES.far[1])].map((each: Address) =>
        addressBytes(each),
      );
      const rest = joined(new Uint8Array(4), target as Uint8Array, destination as Uint8Array);
      return ip(OWN, ALL, ICMPV6, icmp(137, 0, rest), { hopLimit: 255 });
    };

    it.each([
      ['that no policy selects', []],
      ['that is isolated', [networkPolicy('near', { policyTypes: ['Ingress', 'Egress'] })]],
      ['that may send anything', [networkPolicy('near', { egress: [{}] })]],
    ])('[I7] advertises, redirects and configures nobody: one %s', async (_which, policies) => {
      await lab.during([networkPolicy('web', { ingress: [{}] }), ...policies], async () => {
        const before = await rogue();
        station.send(advertisement(), redirect(), ip(OWN, ALL, UDP, udp(547, 546, 40)));
        await expect.poll(rogue).toBe(before + 3);
        expect(await lab.inside('node/one', 'ip', '-6', 'route', 'show', 'proto', 'ra')).toBe('');
        expect(await lab.inside('node/one', 'ip', '-6', 'address', 'show', 'dev', veth)).not.toContain('bad');
      });
    });
  });
});

/** Counts packets, and has the last word on them for who comes after it. */
const FOREIGN = `
  #define SEC(name) __attribute__((section(name), used))
  static void *(*const look_up)(void *map, const void *key) = (void *)1;
  struct { int (*type)[2]; int (*max_entries)[1]; unsigned int *key; unsigned long long *value; } runs SEC(".maps");
  SEC("tc") int foreign(void *skb) {
    unsigned int key = 0;
    unsigned long long *count = look_up(&runs, &key);
    if (count) __sync_fetch_and_add(count, 1);
    return 0;
  }
`;

describe('programs of others beside those of policies, on bpf', () => {
  const lab = usePolicyLab('bpf', CLUSTER);
  let folder: string;
  let pins: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-e2e-'));
    pins = `/sys/fs/bpf/weir-${lab.name}-foreign`;
    writeFileSync(join(folder, 'foreign.c'), FOREIGN);
    const object = join(folder, 'foreign.o');
    execFileSync('clang', ['-O2', '-g', '-target', 'bpf', '-c', join(folder, 'foreign.c'), '-o', object]);
    mkdirSync(pins);
    execFileSync('bpftool', ['prog', 'load', object, `${pins}/program`, 'pinmaps', pins]);
  });
  afterAll(() => {
    rmSync(pins, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  const runs = () => {
    const text = execFileSync('bpftool', ['-j', 'map', 'dump', 'pinned', `${pins}/runs`]);
    return (JSON.parse(String(text)) as readonly { readonly formatted: { readonly value: number } }[])[0]
      ?.formatted.value;
  };

  it('[E33] one that ends the chain runs after ours, sees what they let pass, and stays when they go', async () => {
    const native = nativeAddon();
    const place = lab.netns('node/one');
    const device = await vethOf(lab, 'one', ADDRESSES.web[0]);
    const index = (await native.listInterfaces(place)).find(({ name }) => name === device)?.index ?? 0;
    await withoutAgent(lab, 'one');
    const program = await native.openPinned(`${pins}/program`);
    const { id } = await native.describeProgram(program);
    const links: TcLink[] = [];
    for (const hook of ['ingress', 'egress'] as const)
      links.push(await attachTcx(program, { interfaceIndex: index, hook, networkNamespace: place }));
    await lab.during([ONLY_NEAR], async () => {
      for (const hook of ['ingress', 'egress'] as const) {
        const programs = (await native.programsOn(index, hook, place)).map((each) => each.program);
        expect(programs).toHaveLength(2);
        expect(programs[1]).toBe(id);
      }
      const before = runs() ?? 0;
      expect(Object.values(await lab.verdicts(...ASKED))).toEqual(['allowed', 'blocked']);
      expect(runs()).toBeGreaterThan(before);
    });
    await withoutAgent(lab, 'one');
    expect((await native.programsOn(index, 'ingress', place)).map((each) => each.program)).toEqual([id]);
    for (const link of links) link.close();
    native.closeDescriptor(program);
    // The counters are new: what the suite asks at its end is to be seen again.
    await lab.during([ONLY_NEAR], async () =>
      expect(Object.values(await lab.verdicts(...ASKED))).toEqual(['allowed', 'blocked']),
    );
  });
});
