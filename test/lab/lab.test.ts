import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labDown, labExec, labProbe, labStatus } from '../../src/lab/lab.ts';
import { labCgroup } from '../../src/lab/lab-names.ts';
import {
  commandOf,
  folder,
  inNamespace,
  NAME,
  probe,
  request,
  up,
  verdicts,
  verdictsOf,
} from './running-lab.ts';

afterAll(() => folder.remove());

describe('a running lab', () => {
  beforeAll(up);
  afterAll(() => labDown({ name: NAME }));

  it.each(['tcp', 'udp', 'sctp'] as const)(
    'connects everyone to every pod by %s in both families',
    async (protocol) => {
      const sources = ['shop/web', 'shop/stock', 'node/north', 'node/south', 'external', 'shop/exporter'];
      const targets = ['shop/web', 'shop/cart', 'shop/stock'];
      const requests = sources.flatMap((from) => targets.map((to) => request({ from, to, protocol })));
      const lines = await labProbe({ name: NAME, requests });
      expect(lines).toHaveLength(sources.length * targets.length * 2);
      for (const line of lines) {
        expect(line).toMatchObject({ verdict: 'allowed', answeredBy: line.to });
      }
    },
  );

  it('shows servers the client as it is', async () => {
    const [fromPod] = await probe({ from: 'shop/stock', to: 'shop/web', family: 4 });
    expect(fromPod).toMatchObject({ clientSeen: '10.250.0.7' });
    const [fromOutside] = await probe({ from: 'external', to: 'shop/web', family: 6 });
    expect(fromOutside).toMatchObject({ clientSeen: '2001:db8:ffff::10' });
    const [fromAddress] = await probe({ from: 'external/198.51.100.7', to: 'shop/stock' });
    expect(fromAddress).toMatchObject({ clientSeen: '198.51.100.7', verdict: 'allowed' });
    const [fromNode] = await probe({ from: 'node/south', to: 'shop/web', family: 4 });
    expect(fromNode).toMatchObject({ clientSeen: '192.168.7.9' });
  });

  it('can use an IPv6 source address at once', async () => {
    await probe({ from: 'external/2001:db8:77::7', to: 'shop/stock' });
    const addresses = inNamespace('external', ['ip', '-6', '-oneline', 'address', 'show', 'dev', 'lo']);
    // Else it waits for a check that nobody else has it, a moment that now and then is too long.
    expect(addresses).toMatch(/2001:db8:77::7\/128 .*nodad/);
  });

  it('prints exactly the fields of the contract, in order', async () => {
    const [line] = await probe({ port: 80, family: 4 });
    expect(Object.keys(line ?? {})).toEqual([
      'index',
      'from',
      'to',
      'address',
      'port',
      'protocol',
      'verdict',
      'answeredBy',
      'clientSeen',
      'ms',
    ]);
  });

  it.each(['tcp', 'udp', 'sctp'] as const)('calls an undeclared %s port refused', async (protocol) => {
    const targets = ['shop/stock', '192.168.7.9', 'fd99::9'];
    const requests = targets.map((to) => request({ to, protocol, port: 98 }));
    const lines = await labProbe({ name: NAME, requests });
    expect(verdictsOf(lines)).toEqual(Array(4).fill('refused'));
  });

  it('serves a host-network pod at its node, SCTP beside the node itself', async () => {
    for (const [protocol, port] of [
      ['tcp', 9100],
      ['sctp', 99],
    ] as const) {
      const lines = await probe({ from: 'node/north', to: 'shop/exporter', protocol, port: port });
      expect(lines).toHaveLength(2);
      for (const line of lines)
        expect(line).toMatchObject({ verdict: 'allowed', answeredBy: 'shop/exporter' });
    }
  });

  it.each(['tcp', 'udp', 'sctp', 'icmp'] as const)(
    'tells %s drops, rejections and missing routes apart',
    async (protocol) => {
      const rules = `table inet t {
      chain c {
        type filter hook input priority 0
        ip saddr 10.250.0.7 drop
        ip6 saddr fd55::7 drop
        ip saddr 192.168.7.9 reject with icmpx port-unreachable
        ip6 saddr fd99::9 reject with icmpx port-unreachable
        ip saddr 203.0.113.10 reject with icmpx admin-prohibited
        ip6 saddr 2001:db8:ffff::10 reject with icmpx admin-prohibited
      }
    }`;
      inNamespace('p-shop-web', ['nft', '-f', '-'], rules);
      try {
        const to = 'shop/web';
        expect(await verdicts({ from: 'shop/stock', to, protocol })).toEqual(['blocked', 'blocked']);
        expect(await verdicts({ from: 'node/south', to, protocol })).toEqual(['refused', 'refused']);
        expect(await verdicts({ from: 'external', to, protocol })).toEqual(['unreachable', 'unreachable']);
        expect(await verdicts({ from: 'shop/cart', to, protocol })).toEqual(['allowed', 'allowed']);
      } finally {
        inNamespace('p-shop-web', ['nft', 'delete table inet t']);
      }
      inNamespace('p-shop-cart', ['ip', 'route', 'add', 'unreachable', '198.18.0.0/15']);
      expect(await verdicts({ from: 'shop/cart', to: '198.18.0.1', protocol, port: 80 })).toEqual([
        'unreachable',
      ]);
      inNamespace('p-shop-cart', ['ip', 'route', 'del', 'unreachable', '198.18.0.0/15']);
    },
  );

  it('reports a blocked probe within 500 ms, a thousand of them side by side', async () => {
    const requests = [request({ to: '198.18.0.1', port: 80 })];
    const lines = await labProbe({ name: NAME, requests, count: 1000 });
    expect(lines).toHaveLength(1000);
    expect(new Set(verdictsOf(lines))).toEqual(new Set(['blocked']));
  });

  it.each([4, 6] as const)(
    'gets an ICMP error for each of a thousand datagrams over IPv%i',
    async (family) => {
      const lines = await probe({ protocol: 'udp', port: 7, family }, 1000);
      expect(new Set(verdictsOf(lines))).toEqual(new Set(['refused']));
    },
  );

  it('lets packets from outside enter at the node asked for', async () => {
    const rules = `table ip t {
      counter seen { }
      chain c {
        type filter hook prerouting priority -300
        ip daddr 198.18.0.9 counter name seen drop
      }
    }`;
    for (const node of ['north', 'south']) inNamespace(`n-${node}`, ['nft', '-f', '-'], rules);
    await probe({
      from: 'external',
      to: '198.18.0.9',
      protocol: 'udp',
      port: 9,
      node: 'south',
    });
    await probe({ from: 'external', to: '198.18.0.9', protocol: 'icmp' });
    const packets = (node: string) =>
      Number(/packets (\d+)/.exec(inNamespace(`n-${node}`, ['nft', 'list', 'counters']))?.[1]);
    expect([packets('north'), packets('south')]).toEqual([3, 3]);
    for (const node of ['north', 'south']) inNamespace(`n-${node}`, ['nft', 'delete table ip t']);
  });

  it('uses a given source port, again and again, towards several destinations', async () => {
    const sourcePort = 5000;
    for (const protocol of ['tcp', 'udp', 'sctp'] as const) {
      const requests = ['shop/cart', 'shop/stock'].map((to) =>
        request({ to, protocol, sourcePort, family: 4 }),
      );
      const lines = await labProbe({ name: NAME, requests, count: 3 });
      expect(verdictsOf(lines)).toEqual(Array(6).fill('allowed'));
    }
  });

  it('answers what can be answered and says what cannot', async () => {
    const lines = await labProbe({
      name: NAME,
      requests: [
        request({ from: 'shop/nobody' }),
        request({}),
        request({ to: 'svc:shop/none' }),
        { error: 'batch line 4: not JSON' },
        request({ from: 'external/192.168.7.9' }),
      ],
    });
    expect(lines.map(({ index }) => index)).toEqual([0, 1, 1, 2, 3, 4]);
    expect(lines.map((line) => ('error' in line ? 'error' : line.verdict))).toEqual([
      'error',
      'allowed',
      'allowed',
      'error',
      'error',
      'error',
    ]);
  });

  it('expands all and pods by namespace, then name', async () => {
    const lines = await probe({ from: 'all', to: 'pods', port: 80, family: 4 });
    const names = ['shop/cart', 'shop/exporter', 'shop/stock', 'shop/web'];
    expect(lines.map(({ from, to }) => [from, to])).toEqual(
      names.flatMap((from) => names.map((to) => [from, to])),
    );
  });

  it('answers a datagram from the address that was dialled', async () => {
    for (const to of ['203.0.113.10', '2001:db8:ffff::10', '172.31.0.254']) {
      const [line] = await probe({ to, protocol: 'udp', port: 53 });
      expect(line).toMatchObject({ verdict: 'allowed', answeredBy: 'external' });
    }
  });

  it('keeps a connection open and answers each further line', () => {
    const client = `
      const socket = require('net').connect(80, '10.250.0.7');
      let text = '';
      socket.on('data', (data) => {
        const before = text.split('\\n').length;
        text += data;
        if (before === 1) socket.write('one more\\nand another\\n');
        if (text.split('\\n').length === 4) { console.log(text); socket.end(); }
      });`;
    const lines = inNamespace('p-shop-web', [process.execPath, '-e', client]).trim().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(JSON.parse(line)).toEqual({
        pod: 'stock',
        namespace: 'shop',
        node: 'south',
        port: 80,
        protocol: 'TCP',
        client: expect.stringMatching(/^10\.244\./),
      });
    }
  });

  it('runs commands in the namespace and the cgroup of a pod', async () => {
    const file = `${folder.path}/seen`;
    const script = `{ cat /proc/self/cgroup; ip -4 -o address show dev eth0; } > ${file}; exit 7`;
    expect(await labExec({ name: NAME, who: 'shop/stock', argv: ['sh', '-c', script] })).toBe(7);
    const seen = readFileSync(file, 'utf8');
    expect(seen).toContain('10.250.0.7/32');
    expect(seen).toContain(`/weir-lab-${NAME}/south/shop_stock`);
    expect(await labExec({ name: NAME, who: 'shop/stock', argv: ['sh', '-c', 'kill -TERM $$'] })).toBe(143);
    await expect(labExec({ name: NAME, who: 'shop/none', argv: ['true'] })).rejects.toThrow(/does not run/);
  });

  it('puts only the processes of pods into cgroups', () => {
    const path = `${labCgroup(NAME)}/north/shop_web/cgroup.procs`;
    const pids = readFileSync(path, 'utf8').trim().split('\n');
    expect(pids).toHaveLength(1);
    expect(commandOf(pids[0] ?? '')).toContain('weir-pod');
  });

  it('tells its state', async () => {
    const status = await labStatus({ name: NAME });
    expect(status.nodes.map(({ name, agent }) => [name, agent])).toEqual([
      ['north', null],
      ['south', null],
    ]);
    expect(status.pods.every(({ running }) => running)).toBe(true);
    expect(status.pods.map(({ name }) => name)).toContain('shop/exporter');
  });

  it('refuses a second lab of the name', async () => {
    await expect(up()).rejects.toThrow(/exists; change it with/);
    expect(await verdicts({ family: 4 })).toEqual(['allowed']);
  });
});
