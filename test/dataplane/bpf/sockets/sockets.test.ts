import { beforeEach, describe, expect, it } from 'vitest';
import { keepPins } from '../../../../src/dataplane/bpf/pins.ts';
import { DEFAULT_BALANCING } from '../../../../src/model/rows.ts';
import type { Dialler, TestSocket } from './dialler.ts';
import { answering, connected, connecting, NOWHERE, senderOf, serverOf } from './questions.ts';
import { frontend, NODE, OTHER_NODE, SERVER_PORT, SERVERS, serviceOf } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

const scene = useSocketScene();

const [FIRST, SECOND, , FIRST_V6, SECOND_V6] = SERVERS;
const V4 = [FIRST, SECOND];
const V6 = [FIRST_V6, SECOND_V6];

describe.each([
  ['tcp4', '10.96.0.10', '10.96.0.10', V4],
  ['tcp6', 'fd96::10', 'fd96::10', V6],
  ['tcp6', '10.96.0.10', '::ffff:10.96.0.10', V4],
] as const)('TCP sockets (%s) that dial %s', (kind, address, named, servers) => {
  beforeEach(() => scene.sync(serviceOf('web', [frontend({ address, port: 80 })], servers)));

  it('[A1] [E1] talk to the backends, all of them, and see the Service’s address', async () => {
    const seen = new Set<string>();
    for (let index = 0; index < 40; index++) {
      const socket = await connected(scene.pod, kind, address);
      expect(await socket.peer()).toBe(`${named} 80`);
      seen.add(serverOf(await socket.receive()));
      await socket.close();
    }
    expect([...seen].sort()).toEqual([...servers].sort());
  });

  it('[A2] do so on the node too', async () => {
    const socket = await connected(scene.node, kind, address);
    expect(servers).toContain(serverOf(await socket.receive()));
  });
});

describe.each([
  ['udp4', '10.96.0.10', '10.96.0.10', V4],
  ['udp6', 'fd96::10', 'fd96::10', V6],
  ['udp6', '10.96.0.10', '::ffff:10.96.0.10', V4],
] as const)('UDP sockets (%s) to %s', (kind, address, named, servers) => {
  const protocol = { protocol: 'UDP' } as const;
  const dns = () => serviceOf('dns', [frontend({ address, port: 53 })], servers, protocol);
  beforeEach(() => scene.sync(dns()));

  it('[A3] [E1] see answers from the Service when they are connected', async () => {
    const socket = await connected(scene.pod, kind, address, 53);
    expect(await socket.peer()).toBe(`${named} 53`);
    await socket.send();
    const answer = await socket.receive();
    expect(senderOf(answer)).toBe(`${named} 53`);
    expect(servers).toContain(serverOf(answer));
  });

  it('[A3] [E1] see them when they are not, and keep one backend', async () => {
    const before = (await scene.sockets.figures()).sent;
    const chosen = new Set<string>();
    for (let index = 0; index < 10; index++) {
      const socket = await scene.pod.open(kind);
      const seen = new Set<string>();
      for (let message = 0; message < 10; message++) {
        expect(await socket.sendTo(address, 53)).toBe('ok');
        const answer = await socket.receive();
        expect(senderOf(answer)).toBe(`${named} 53`);
        seen.add(serverOf(answer));
      }
      expect(seen.size).toBe(1);
      for (const server of seen) chosen.add(server);
      await socket.close();
    }
    expect([...chosen].sort()).toEqual([...servers].sort());
    expect((await scene.sockets.figures()).sent - before).toBe(10);
  });

  it('[A37] [A60] go to another backend with the next message when theirs went', async () => {
    const socket = await scene.pod.open(kind);
    await socket.sendTo(address, 53);
    const old = serverOf(await socket.receive());
    const left = servers.filter((server) => server !== old);
    await scene.sync(serviceOf('dns', [frontend({ address, port: 53 })], left, protocol));
    await socket.sendTo(address, 53);
    const answer = await socket.receive();
    expect([serverOf(answer), senderOf(answer)]).toEqual([left[0], `${named} 53`]);
  });
});

describe('connected UDP sockets', () => {
  const udp = { protocol: 'UDP' } as const;
  const dns = (servers: readonly string[]) =>
    serviceOf('dns', [frontend({ address: '10.96.0.10', port: 53 })], servers, udp);

  it('[A60] [E7] are ended when their backend went, those alone', async () => {
    await scene.sync(dns([FIRST]));
    const [doomed, onNode] = [
      await connected(scene.pod, 'udp6', '10.96.0.10', 53),
      await connected(scene.node, 'udp4', '10.96.0.10', 53),
    ];
    const [direct, stranger] = [
      await connected(scene.pod, 'udp4', FIRST, SERVER_PORT),
      await connected(scene.stranger, 'udp4', FIRST, SERVER_PORT),
    ];
    await scene.sync(dns(V4));
    const spared = await connectedTo(scene.pod, SECOND);
    await scene.sync(dns([SECOND]));
    await scene.services.collect();
    await scene.sockets.endOrphans();
    for (const socket of [doomed, onNode]) expect(await socket.receive()).toBe('ECONNABORTED');
    for (const socket of [direct, stranger, spared]) {
      expect(await socket.send()).toBe('ok');
      expect(await socket.receive()).toContain(' from ');
    }
  });

  async function connectedTo(dialler: Dialler, server: string): Promise<TestSocket> {
    for (;;) {
      const socket = await connected(dialler, 'udp4', '10.96.0.10', 53);
      await socket.send();
      if (serverOf(await socket.receive()) === server) return socket;
      await socket.close();
    }
  }
});

describe('one UDP socket', () => {
  const udp = { protocol: 'UDP' } as const;

  it('[A72] asks several Services, and each answer comes from the one that was asked', async () => {
    await scene.sync(
      ...[1, 2, 3].map((number) =>
        serviceOf(`s${number}`, [frontend({ address: `10.96.0.${number}`, port: 53 })], [FIRST], udp),
      ),
    );
    const socket = await scene.pod.open('udp4');
    for (const number of [1, 2, 3, 1, 3, 2]) {
      await socket.sendTo(`10.96.0.${number}`, 53);
      expect(senderOf(await socket.receive())).toBe(`10.96.0.${number} 53`);
    }
  });

  it('[A60] is not refused when it connects to a Service that will have endpoints later, but with each message', async () => {
    const empty = frontend({ address: '10.96.0.10', port: 53, inside: 'reject' });
    await scene.sync(serviceOf('dns', [empty], [], udp));
    const socket = await scene.pod.open('udp4');
    expect(await socket.sendTo('10.96.0.10', 53)).toBe('ECONNREFUSED');
    // Here no nft is at hand: the untranslated address has no route.
    expect(await socket.connect('10.96.0.10', 53)).toBe(NOWHERE);
    await scene.sync(serviceOf('dns', [frontend({ address: '10.96.0.10', port: 53 })], V4, udp));
    expect(await socket.sendTo('10.96.0.10', 53)).toBe('ok');
  });

  it('[E1] sees true addresses again when it talks to a backend itself', async () => {
    await scene.sync(serviceOf('dns', [frontend({ address: '10.96.0.10', port: 53 })], [FIRST], udp));
    const socket = await connected(scene.pod, 'udp4', '10.96.0.10', 53);
    expect(await socket.connect(FIRST, SERVER_PORT)).toBe('ok');
    expect(await socket.peer()).toBe(`${FIRST} ${SERVER_PORT}`);
    await socket.send();
    expect(senderOf(await socket.receive())).toBe(`${FIRST} ${SERVER_PORT}`);
    await socket.disconnect();
    await socket.sendTo('10.96.0.10', 53);
    expect(senderOf(await socket.receive())).toBe('10.96.0.10 53');
    await socket.sendTo(FIRST, SERVER_PORT);
    expect(senderOf(await socket.receive())).toBe(`${FIRST} ${SERVER_PORT}`);
  });
});

describe('Services without an answer', () => {
  beforeEach(() =>
    scene.sync(
      serviceOf('web', [frontend({ address: '10.96.0.10', port: 80 })], V4),
      serviceOf('empty', [frontend({ address: '10.96.0.11', port: 80, inside: 'reject' })], []),
      serviceOf('local', [frontend({ address: '10.96.0.12', port: 80, inside: 'drop' })], []),
      serviceOf('empty6', [frontend({ address: 'fd96::11', port: 80, inside: 'reject' })], []),
    ),
  );

  it('[A17] refuse connections', async () => {
    const before = (await scene.sockets.figures()).refused;
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.11')).toBe('ECONNREFUSED');
    expect(await connecting(scene.pod, 'tcp6', 'fd96::11')).toBe('ECONNREFUSED');
    expect(await connecting(scene.pod, 'tcp6', '10.96.0.11')).toBe('ECONNREFUSED');
    expect((await scene.sockets.figures()).refused - before).toBe(3);
  });

  it('[A18] [A41] leave to packets what is to be dropped, and ports that no row names', async () => {
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.12')).toBe(NOWHERE);
    expect(await connecting(scene.pod, 'tcp4', '10.96.9.9')).toBe(NOWHERE);
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10', 81)).toBe(NOWHERE);
  });

  it('[A17] have a socket go on that is connected again', async () => {
    const socket = await scene.pod.open('tcp4');
    expect(await socket.connect('10.96.0.11', 80)).toBe('ECONNREFUSED');
    expect(await socket.connect('10.96.0.10', 80)).toBe('ok');
    expect(await socket.peer()).toBe('10.96.0.10 80');
  });
});

describe('addresses of nodes', () => {
  const local = { cluster: [], local: serviceOf('x', [], [SECOND]).cluster };

  it('[A21] [A25] serve node ports, another node’s from here', async () => {
    const nodePort = { kind: 'nodePort', address: null, port: 30080 } as const;
    await scene.sync(
      serviceOf('web', [frontend({ ...nodePort, elsewhere: 'cluster' })], [FIRST]),
      serviceOf('web6', [frontend({ ...nodePort, inside: 'local', elsewhere: 'pass' })], [FIRST_V6]),
    );
    for (const dialler of [scene.pod, scene.node]) {
      expect(await answering(dialler, 1, NODE[0], 30080)).toEqual([FIRST]);
      expect(await answering(dialler, 1, OTHER_NODE[0], 30080)).toEqual([FIRST]);
      expect(await answering(dialler, 1, NODE[1], 30080)).toEqual([FIRST_V6]);
      expect(await connecting(dialler, 'tcp6', OTHER_NODE[1], 30080)).toBe(NOWHERE);
    }
  });

  it('[E1] are left to packets where a backend stands at a Service’s address itself', async () => {
    const at = { kind: 'nodePort', address: null, port: SERVER_PORT } as const;
    await scene.sync(
      serviceOf('web', [frontend({ address: '10.96.0.10', port: 80 })], [NODE[0]]),
      serviceOf('other', [frontend(at)], [FIRST]),
    );
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    expect(await answering(scene.pod, 1, NODE[0], SERVER_PORT)).toEqual([FIRST]);
  });

  it('[A32] [A33] serve host ports first; a pod’s loopback is its own', async () => {
    const at = (kind: 'hostPort' | 'nodePort') =>
      frontend({ kind, address: null, port: 30080, inside: 'local' });
    await scene.sync(
      serviceOf('port', [at('hostPort')], [], local),
      serviceOf('web', [at('nodePort')], [FIRST]),
    );
    expect(await answering(scene.pod, 1, NODE[0], 30080)).toEqual([SECOND]);
    expect(await answering(scene.node, 1, '127.0.0.1', 30080)).toEqual([SECOND]);
    expect(await connecting(scene.pod, 'tcp4', '127.0.0.1', 30080)).toBe('ECONNREFUSED');
  });
});

describe('affinity', () => {
  const sticky = (servers: readonly string[]) =>
    serviceOf('web', [frontend({ address: '10.96.0.10', port: 80 })], servers, { affinitySeconds: 60 });

  it('[A36] [A40] is of a network namespace: each keeps its backend, whatever the other has', async () => {
    const differing = new Set<string>();
    for (let attempt = 0; attempt < 30 && differing.size < 2; attempt++) {
      await scene.sync();
      await scene.services.collect();
      await scene.sync(sticky(V4));
      differing.clear();
      for (const dialler of [scene.pod, scene.node]) {
        const seen = new Set(await answering(dialler, 8, '10.96.0.10'));
        expect(seen.size).toBe(1);
        for (const server of seen) differing.add(server);
      }
    }
    expect(differing.size).toBe(2);
  });

  it('[A37] [A39] outlives the agent, and ends with its backend', async () => {
    await scene.sync(sticky(V4));
    const [before = ''] = await answering(scene.pod, 1, '10.96.0.10');
    await scene.restart();
    expect(new Set(await answering(scene.pod, 8, '10.96.0.10'))).toEqual(new Set([before]));
    const left = V4.filter((server) => server !== before);
    await scene.sync(sticky(left));
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual(left);
  });

  it('[A36] [F8] keeps clients at a new backend, whose slow start is for those who have none yet', async () => {
    const balancing = { ...DEFAULT_BALANCING, slowStartSeconds: 100_000 };
    const starting = (servers: readonly string[]) => ({ ...sticky(servers), balancing });
    // The new one is chosen while it is alone, and then has a tenth of its share beside another.
    await scene.sync(starting([FIRST]));
    await scene.sync(starting(V4));
    await scene.sync(starting([SECOND]));
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([SECOND]);
    await scene.sync(starting(V4));
    expect(new Set(await answering(scene.pod, 60, '10.96.0.10'))).toEqual(new Set([SECOND]));
  });
});

describe('the programs', () => {
  beforeEach(() => scene.sync(serviceOf('web', [frontend({ address: '10.96.0.10', port: 80 })], [FIRST])));

  it('[E2] are on the sockets of their cgroup only', async () => {
    expect(await connecting(scene.stranger, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
  });

  it('[E2] leave pods alone where only the node’s sockets are served', async () => {
    await scene.restart({ nodeOnly: true });
    expect(await connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    expect(await answering(scene.node, 1, '10.96.0.10')).toEqual([FIRST]);
  });

  it('[H1] [H2] go on without the agent, and with the next one, which knows their sockets', async () => {
    const socket = await connected(scene.pod, 'udp4', FIRST, SERVER_PORT);
    const early = await connected(scene.pod, 'tcp4', '10.96.0.10');
    scene.sockets.close();
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([FIRST]);
    await scene.restart();
    expect(await early.peer()).toBe('10.96.0.10 80');
    expect(await socket.peer()).toBe(`${FIRST} ${SERVER_PORT}`);
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([FIRST]);
  });

  it('[A71] are gone with their pins, and open connections stay', async () => {
    const early = await connected(scene.pod, 'tcp4', '10.96.0.10');
    scene.sockets.close();
    keepPins(scene.directory, ['policies']);
    // The kernel takes a link off a moment after its last reference went.
    await expect.poll(() => connecting(scene.pod, 'tcp4', '10.96.0.10')).toBe(NOWHERE);
    await early.receive();
    await early.send();
    expect(serverOf(await early.receive())).toBe(FIRST);
  });

  it('[F6] are put on again after somebody removed their pins', async () => {
    keepPins(scene.directory, ['policies']);
    await scene.sockets.attach();
    scene.sockets.close();
    expect(await answering(scene.pod, 1, '10.96.0.10')).toEqual([FIRST]);
  });
});
