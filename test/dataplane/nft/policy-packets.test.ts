/** What the table of policies does to real packets: pods of one node, a pod of another, the world, and the node itself. */
import { spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type NftPolicyOptions, openNftPolicies } from '../../../src/dataplane/nft/policies/backend.ts';
import type { PolicyBackend, PolicyVerdict } from '../../../src/dataplane/policy-backend.ts';
import type { DropReason } from '../../../src/generated/policy.ts';
import { type Address, FAMILIES, type Family, type Prefix } from '../../../src/model/address.ts';
import type { PolicyRows, PolicyRowsChange } from '../../../src/model/policy-rows.ts';
import { boundToParent } from '../../bound-command.ts';
import { deniedBut, rowsOf, type VerdictWords } from '../../packet/policy-rows.ts';
import {
  addressesOf,
  addressOf,
  createPodNetwork,
  type Host,
  type PodNetwork,
  podName,
} from './pod-network.ts';

const POD = podName('web');
const IN_ALL: VerdictWords = { direction: 'ingress', verdict: 'allow' };
const OUT_ALL: VerdictWords = { direction: 'egress', verdict: 'allow' };

/** The machine may have other work. */
const PATIENTLY = { timeout: 15_000 };
/** What was logged since the test began. */
const verdicts: PolicyVerdict[] = [];
let network: PodNetwork;
let backend: PolicyBackend;

/** Every host is a peer class of its own name; `web` is judged by the verdicts. */
function webRows(verdicts: readonly VerdictWords[], peers: Readonly<Record<string, string | null>> = {}) {
  const hosts = (['client', 'remote', 'node'] as const).flatMap((host) =>
    addressesOf(host).map((address) => [`${address}/${address.includes(':') ? 128 : 32}`, host]),
  );
  return rowsOf(POD, addressesOf('web'), { ...Object.fromEntries(hosts), ...peers }, verdicts);
}

async function enforce(rows: PolicyRows): Promise<void> {
  await backend.sync(rows, network.interfaces);
}

function open(options: Partial<NftPolicyOptions> = {}): Promise<PolicyBackend> {
  const onVerdict = (verdict: PolicyVerdict) => void verdicts.push(verdict);
  return openNftPolicies({
    reject: false,
    closedPrefixes: [],
    onVerdict,
    onForeignChange: () => {},
    netns: network.netns,
    ...options,
  });
}

/** Only the class's rows differ. */
async function change(rows: PolicyRows): Promise<void> {
  const changed: PolicyRowsChange = { ...rows, subjects: new Map(), peers: new Map() };
  await backend.apply({ rows: changed });
}

async function drops(reason: DropReason): Promise<number> {
  const { drops: all } = await backend.figures();
  const found = all.find((figure) => figure.reason === reason);
  return (found?.ingress ?? 0) + (found?.egress ?? 0);
}

beforeAll(async () => {
  network = await createPodNetwork(`weir-tnp-${process.pid}`);
});
afterAll(() => network?.close());
beforeEach(async () => {
  network.run('node', 'nft', 'flush', 'ruleset');
  verdicts.length = 0;
  backend = await open();
});
afterEach(() => backend.close());

describe.each(FAMILIES)('policies in nftables, %s packets', (family: Family) => {
  const ask = (from: Host, to: Host, question: object = {}) =>
    network.ask(from, { address: addressOf(to, family), ...question });

  it('[C1] limits only the direction that is isolated, and only the selected pod', async () => {
    await enforce(webRows([{ direction: 'ingress', verdict: 'deny' }, OUT_ALL]));
    expect(await ask('client', 'web')).toBe('blocked');
    expect(await ask('remote', 'web')).toBe('blocked');
    expect(await ask('world', 'web', { protocol: 'UDP' })).toBe('blocked');
    expect(await drops('policy')).toBeGreaterThan(2);
    expect(await ask('web', 'client')).toBe('allowed');
    expect(await ask('web', 'world', { protocol: 'UDP' })).toBe('allowed');
    expect(await ask('remote', 'client')).toBe('allowed');
    await enforce(webRows([IN_ALL, { direction: 'egress', verdict: 'deny' }]));
    expect(await ask('client', 'web')).toBe('allowed');
    expect(await ask('web', 'remote')).toBe('blocked');
  });

  it('[C8] allows one port of one peer', async () => {
    const allowed = { direction: 'ingress', peer: 'client', protocol: 'TCP', port: 80 } as const;
    await enforce(webRows(deniedBut({ ...allowed, verdict: 'allow' })));
    expect(await ask('client', 'web')).toBe('allowed');
    expect(await ask('client', 'web', { port: 443 })).toBe('blocked');
    expect(await ask('client', 'web', { protocol: 'UDP' })).toBe('blocked');
    expect(await ask('remote', 'web')).toBe('blocked');
    expect(await ask('client', 'web', { protocol: 'ICMP', port: 0 })).toBe('blocked');
  });

  it('[C9] finds the longest prefix of the port, whatever its verdict', async () => {
    const peer = { direction: 'ingress', peer: 'client', protocol: 'TCP' } as const;
    // 8192 to 16383, but not 8080's neighbours 9000 to 9001.
    await enforce(
      webRows(
        deniedBut(
          { ...peer, port: 8192, bits: 3, verdict: 'allow' },
          { ...peer, port: 9000, bits: 15, verdict: 'deny' },
          { ...peer, port: 8080, bits: 13, verdict: 'allow' },
        ),
      ),
    );
    expect(await ask('client', 'web', { port: 9000 })).toBe('blocked');
    expect(await ask('client', 'web', { port: 8080 })).toBe('allowed');
    // Nobody listens, and the refusal comes back.
    expect(await ask('client', 'web', { port: 9002 })).toBe('refused');
    expect(await ask('client', 'web', { port: 80 })).toBe('blocked');
  });

  it('[C7] judges by the longest block, and an address with a class of its own is of no block', async () => {
    const world = addressOf('world', family);
    const [wide, narrow] = family === 'IPv4' ? ['0.0.0.0/0', '192.0.2.0/24'] : ['::/0', '2001:db8::/32'];
    const allow = { direction: 'ingress', peer: 'everybody', verdict: 'allow' } as const;
    await enforce(webRows(deniedBut(allow), { [wide as string]: 'everybody' }));
    expect(await ask('world', 'web')).toBe('allowed');
    expect(await ask('client', 'web')).toBe('blocked');
    await enforce(webRows(deniedBut(allow), { [wide as string]: 'everybody', [narrow as string]: null }));
    expect(await ask('world', 'web')).toBe('blocked');
    const exact = `${world}/${family === 'IPv4' ? 32 : 128}`;
    const peers = { [wide as string]: 'everybody', [narrow as string]: null, [exact]: 'everybody' };
    await enforce(webRows(deniedBut(allow), peers));
    expect(await ask('world', 'web')).toBe('allowed');
  });

  it('[C11] lets replies and ICMP errors of allowed flows back in', async () => {
    await enforce(webRows([{ direction: 'ingress', verdict: 'deny' }, OUT_ALL]));
    expect(await ask('web', 'remote', { protocol: 'UDP', port: 5 })).toBe('refused');
    expect(await ask('web', 'remote', { protocol: 'ICMP', port: 0 })).toBe('allowed');
    expect(await ask('remote', 'web', { protocol: 'ICMP', port: 0 })).toBe('blocked');
  });

  it('[C12] lets a pod reach itself by way of a Service', async () => {
    await enforce(webRows(deniedBut()));
    const [ip, virtual] = family === 'IPv4' ? ['ip', '10.7.0.1'] : ['ip6', 'fd07::1'];
    const to = family === 'IPv4' ? addressOf('web', family) : `[${addressOf('web', family)}]`;
    const table = `table inet service {
      chain p { type nat hook prerouting priority -100; ${ip} daddr ${virtual} tcp dport 80 dnat ${ip} to ${to}:80; }
      chain q { type nat hook postrouting priority 100; ${ip} saddr ${addressOf('web', family)} ${ip} daddr ${addressOf('web', family)} masquerade; }
    }`;
    network.run('node', 'nft', table);
    expect(await network.ask('web', { address: virtual as Address })).toBe('allowed');
    expect(await network.ask('client', { address: virtual as Address })).toBe('blocked');
    expect(await network.ask('web', { address: addressOf('web', family) })).toBe('allowed');
  });

  it('[C13] lets a node reach its pods, and judges what they send to it', async () => {
    await enforce(webRows(deniedBut()));
    expect(await ask('node', 'web')).toBe('allowed');
    expect(await ask('node', 'web', { protocol: 'UDP' })).toBe('allowed');
    expect(await ask('web', 'node')).toBe('blocked');
    await enforce(webRows(deniedBut({ direction: 'egress', peer: 'node', verdict: 'allow' })));
    expect(await ask('web', 'node')).toBe('allowed');
  });

  it('[C15] judges what goes to a Service by the pod behind it', async () => {
    const allow = { direction: 'egress', peer: 'remote', protocol: 'TCP', port: 8080 } as const;
    await enforce(webRows(deniedBut({ ...allow, verdict: 'allow' })));
    const [ip, virtual] = family === 'IPv4' ? ['ip', '10.7.0.1'] : ['ip6', 'fd07::1'];
    const to = family === 'IPv4' ? addressOf('remote', family) : `[${addressOf('remote', family)}]`;
    const serve = (port: number) => `${ip} daddr ${virtual} tcp dport ${port} dnat ${ip} to ${to}`;
    const table = `table inet service {
      chain p { type nat hook prerouting priority -100; ${serve(80)}:8080; ${serve(81)}:443; }
    }`;
    network.run('node', 'nft', table);
    expect(await network.ask('web', { address: virtual as Address, port: 80 })).toBe('allowed');
    expect(await network.ask('web', { address: virtual as Address, port: 81 })).toBe('blocked');
  });

  it('[C18] cuts open flows that a change denies, though the server might open some itself, and no others', async () => {
    const from = (peer: string): VerdictWords => ({ direction: 'ingress', peer, verdict: 'allow' });
    await enforce(
      webRows([{ direction: 'ingress', verdict: 'deny' }, OUT_ALL, from('client'), from('remote')]),
    );
    const flows = [
      talk('client', addressOf('web', family)),
      talk('remote', addressOf('web', family)),
    ] as const;
    try {
      for (const flow of flows) await expect.poll(flow.answers, PATIENTLY).toBeGreaterThan(3);
      await change(webRows([{ direction: 'ingress', verdict: 'deny' }, OUT_ALL, from('remote')]));
      await expect.poll(() => verdicts.map(({ kind }) => kind), PATIENTLY).toContain('cut');
      const [cut, other] = flows.map((flow) => flow.answers());
      await expect.poll(flows[1].answers, PATIENTLY).toBeGreaterThan((other ?? 0) + 20);
      // One answer may have been on its way.
      expect(flows[0].answers()).toBeLessThan((cut ?? 0) + 3);
      await change(
        webRows([{ direction: 'ingress', verdict: 'deny' }, OUT_ALL, from('client'), from('remote')]),
      );
      await expect.poll(flows[0].answers, PATIENTLY).toBeGreaterThan((cut ?? 0) + 5);
    } finally {
      for (const flow of flows) flow.end();
    }
  });

  it('[C29] lets pass what only an audited policy denies, and counts it', async () => {
    await enforce(webRows([{ ...IN_ALL, auditRule: 'audited' }, OUT_ALL]));
    expect(await ask('client', 'web')).toBe('allowed');
    expect((await backend.figures()).tallies).toMatchObject({ audited: 1, allowed: 1 });
    expect(await drops('policy')).toBe(0);
  });

  it('[C29] tells once of a flow from before its audited policy', async () => {
    await enforce(webRows([IN_ALL, OUT_ALL]));
    const flow = talk('client', addressOf('web', family));
    try {
      await expect.poll(flow.answers, PATIENTLY).toBeGreaterThan(3);
      await change(webRows([{ ...IN_ALL, auditRule: 'audited' }, OUT_ALL]));
      const audits = () => verdicts.filter(({ kind }) => kind === 'audit');
      await expect.poll(audits, PATIENTLY).toHaveLength(1);
      // It says so much that it is judged again meanwhile.
      const before = flow.answers();
      await expect.poll(flow.answers, PATIENTLY).toBeGreaterThan(before + 150);
      const told = { direction: 'ingress', peer: addressOf('client', family), auditRule: 'audited' };
      expect(audits()).toMatchObject([{ ...told, localPort: 80 }]);
    } finally {
      flow.end();
    }
  });

  it('[C30] [C31] tells of verdicts with both ends and the rule, and counts what rules decided', async () => {
    const allow: VerdictWords = { direction: 'ingress', peer: 'client', verdict: 'allow', rule: 'friends' };
    await enforce(
      webRows(deniedBut(allow, { ...OUT_ALL, peer: 'remote', rule: 'out', auditRule: 'audited' })),
    );
    await ask('client', 'web');
    await ask('client', 'web', { port: 443 });
    await ask('remote', 'web');
    await ask('web', 'remote', { port: 8080 });
    const ends = { local: addressOf('web', family), protocol: 6 };
    await expect.poll(() => verdicts, PATIENTLY).toHaveLength(4);
    expect(verdicts).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          ...ends,
          kind: 'allow',
          direction: 'ingress',
          peer: addressOf('client', family),
          localPort: 443,
          rule: 'friends',
          interfaceIndex: network.interfaces.get(POD)?.interfaceIndex,
        }),
        expect.objectContaining({
          ...ends,
          kind: 'drop',
          reason: 'policy',
          peer: addressOf('remote', family),
          localPort: 80,
          rule: 'ingress * * * deny',
        }),
        expect.objectContaining({ ...ends, kind: 'audit', peerPort: 8080, auditRule: 'audited' }),
      ]),
    );
    const { rules } = await backend.figures();
    const hits = Object.fromEntries(rules.map(({ rule, hits: count }) => [rule, count]));
    expect(hits).toMatchObject({ friends: 2, out: 1, audited: 1 });
    // A drop is told once, and counted each time.
    expect(hits['ingress * * * deny']).toBeGreaterThan(0);
  });

  it('[C34] [I22] drops what a pod sends from an address that is not its own', async () => {
    const foreign = family === 'IPv4' ? '10.9.0.77' : 'fd09::77';
    const length = family === 'IPv4' ? 32 : 128;
    await enforce(webRows([IN_ALL, OUT_ALL]));
    network.run('client', 'ip', 'address', 'add', `${foreign}/${length}`, 'dev', 'lo');
    expect(await ask('client', 'web', { protocol: 'UDP', source: foreign })).toBe('blocked');
    expect(await drops('spoofed-source')).toBeGreaterThan(0);
    expect(await ask('client', 'web', { protocol: 'UDP' })).toBe('allowed');
  });

  it('[C17] [C35] lets nothing through to or from an interface that is held', async () => {
    const held = [...network.interfaces].map(
      ([pod, value]) => [pod, { ...value, held: pod === POD }] as const,
    );
    await backend.sync(webRows([IN_ALL, OUT_ALL]), new Map(held));
    for (const from of ['client', 'world', 'node'] as const) expect(await ask(from, 'web')).toBe('blocked');
    expect(await ask('web', 'client')).toBe('blocked');
    expect(await drops('closed')).toBeGreaterThan(3);
    await backend.close();
    expect(await ask('client', 'web')).toBe('blocked');
    backend = await open();
    await backend.sync(webRows([IN_ALL, OUT_ALL]), network.interfaces);
    expect(await ask('client', 'web')).toBe('allowed');
  });

  it('[C17] [C35] closes addresses of the node’s pod networks that no known pod has, agent or not', async () => {
    await backend.close();
    const closedPrefixes = ['10.9.0.0/24', 'fd09::/64'] as Prefix[];
    backend = await open({ closedPrefixes });
    const known = new Map([...network.interfaces].filter(([pod]) => pod !== podName('client')));
    await backend.sync(webRows([IN_ALL, OUT_ALL]), known);
    expect(await ask('client', 'world')).toBe('blocked');
    expect(await ask('world', 'client')).toBe('blocked');
    expect(await ask('world', 'web')).toBe('allowed');
    expect(await ask('remote', 'world')).toBe('allowed');
    expect(await ask('node', 'web')).toBe('allowed');
    await backend.apply({ interfaces: network.interfaces });
    expect(await ask('client', 'world')).toBe('allowed');
    expect(await ask('world', 'client')).toBe('allowed');
  });

  it('[C21] [I19] lets fragments through or drops them as their packet', async () => {
    const allowed = {
      direction: 'ingress',
      peer: 'client',
      protocol: 'UDP',
      port: 80,
      verdict: 'allow',
    } as const;
    await enforce(webRows(deniedBut(allowed)));
    expect(sendLong('client', addressOf('web', family), 80)).toBe('answered');
    expect(sendLong('client', addressOf('web', family), 443)).toBe('silence');
  });

  it('[C28] answers what it denies when it is told to', async () => {
    await backend.close();
    backend = await open({ reject: true });
    await enforce(webRows(deniedBut()));
    expect(await ask('client', 'web')).toBe('refused');
    expect(await ask('client', 'web', { protocol: 'UDP' })).not.toBe('allowed');
    expect(await drops('policy')).toBeGreaterThan(1);
  });
});

/** A UDP packet of 8,000 bytes, in fragments. */
function sendLong(from: Host, address: Address, port: number): string {
  const script = `const socket = require('dgram').createSocket('${address.includes(':') ? 'udp6' : 'udp4'}');
    const end = (text) => { console.log(text); process.exit(); };
    socket.on('message', () => end('answered'));
    socket.send(Buffer.alloc(8000), ${port}, '${address}');
    setTimeout(end, 1000, 'silence');`;
  return network.run(from, process.execPath, '-e', script).trim();
}

/** A TCP connection that says something every 20 ms; tells how many lines came back. */
function talk(from: Host, address: Address) {
  const script = `const socket = require('net').connect(80, ${JSON.stringify(address)});
    socket.on('data', (data) => process.stdout.write('.'.repeat(data.toString().split('\\n').length - 1)));
    socket.on('error', () => {});
    setInterval(() => socket.write('again\\n'), 20);`;
  const child = spawn(
    ...boundToParent('nsenter', [
      `--net=/run/netns/${network.namespaceOf(from)}`,
      process.execPath,
      '-e',
      script,
    ]),
  );
  let count = 0;
  child.stdout.on('data', (data: Buffer) => {
    count += data.length;
  });
  return { answers: () => count, end: () => child.kill() };
}
