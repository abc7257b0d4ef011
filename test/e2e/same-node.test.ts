/** What pods of one node send each other, past the node's stack: the same verdicts as by it, and only where nobody misses it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { named, POLICY_OBJECT } from '../../src/dataplane/bpf/policies/backend.ts';
import { LAYOUT } from '../../src/generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../src/kernel/bpf-object.ts';
import { attachTcx, pin } from '../../src/kernel/bpf-program.ts';
import type { TcHook } from '../../src/kernel/native-bpf.ts';
import { listInterfaces } from '../../src/kernel/network.ts';
import { mountBpfFileSystem } from '../bpf-file-system.ts';
import { networkPolicy } from './policy-manifests.ts';
import {
  ADDRESSES,
  BY_STACK,
  CLUSTER_IPS,
  FAMILIES,
  letIn,
  PAST_IT,
  SELECTS_NEAR,
  useSameNodeLab,
} from './same-node-lab.ts';

/** In a pod: what came over one router. */
const HOPS = `table inet hops {
  counter one {}
  chain input {
    type filter hook input priority 0; policy accept
    ip ttl 63 tcp dport 80 counter name one
    ip6 hoplimit 63 tcp dport 80 counter name one
  }
}`;

/** Sends a datagram that may be passed on so often. */
function sendDatagram(order: { address: string; port: number; hops: number }) {
  const { createSocket } = require('node:dgram') as typeof import('node:dgram');
  const socket = createSocket(order.address.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  socket.bind(() => {
    socket.setTTL(order.hops);
    socket.send('one', order.port, order.address, () => socket.close());
  });
}

describe('packets from pod to pod of a node', () => {
  const lab = useSameNodeLab();
  const { converse, waysOf, ask: verdicts, kernel } = lab;
  const hops = async () => (await lab.counter('default/web', 'hops', 'one')).packets;

  beforeAll(() => lab.inside('default/web', 'nft', HOPS));

  it.each(FAMILIES)('[E16] go past its stack from the first one on, both ways (%i)', async (family) => {
    const before = await hops();
    const ways = await waysOf(async () => {
      const talk = converse('default/near', ADDRESSES.web[family], 80);
      expect([await talk.talk(), await talk.talk()]).toEqual(['answered', 'answered']);
    });
    // A handshake of three, and twice what is said, the answer, and an acknowledgement of either.
    expect(ways).toEqual({ past: expect.toSatisfy((count: number) => count >= 7), stack: 0 });
    expect(await hops()).toBeGreaterThan(before);
    const tracked = await lab.inside('node/one', 'conntrack', '-L', '-s', ADDRESSES.near[family]);
    expect(tracked).not.toContain(ADDRESSES.web[family]);
  });

  it('[E16] go past it as datagrams, echoes and errors', async () => {
    const ways = await waysOf(async () =>
      expect(
        await verdicts('near > default/web:53/udp', 'near > default/web/icmp', 'near > default/web:99/udp'),
      ).toEqual(['allowed', 'blocked', 'refused']),
    );
    expect(ways).toEqual(PAST_IT);
  });

  it('[E16] [C15] go past it where the programs translate them to the pod behind a Service', async () => {
    const ways = await waysOf(async () =>
      expect(await verdicts('near > svc:default/web:8080')).toEqual(['allowed']),
    );
    expect(ways).toEqual(PAST_IT);
  });

  it('[E16] go by it where netfilter translates them, or a pod is not judged', async () => {
    const ways = await waysOf(async () =>
      expect(await verdicts('free > svc:default/web:8080', 'free > default/web:80')).toEqual([
        'allowed',
        'allowed',
      ]),
    );
    expect(ways).toEqual(BY_STACK);
  });

  it.each(FAMILIES)(
    '[E16] [C18] go on by it where conntrack has them when the pod is judged (%i)',
    async (family) => {
      const address = ADDRESSES.web[family];
      const talks = [
        converse('default/free', CLUSTER_IPS[family], 8080),
        converse('default/free', address, 80),
        converse('default/free', address, 53, { protocol: 'udp' }),
      ];
      for (const talk of talks) expect(await talk.talk()).toBe('answered');
      await lab.during([networkPolicy('free', { egress: [{}] })], async () => {
        for (const talk of talks)
          expect(await waysOf(async () => expect(await talk.talk()).toBe('answered'))).toEqual(BY_STACK);
        expect(
          await waysOf(async () => expect(await verdicts('free > default/web:80')).toEqual(['allowed'])),
        ).toEqual(PAST_IT);
      });
    },
  );

  it('[E16] [C4] [H18] are denied by the other pod’s policy, and counted there', async () => {
    const denied = async () =>
      (await kernel())?.drops.find(({ reason }) => reason === 'policy')?.ingress ?? 0;
    const before = await denied();
    const ways = await waysOf(async () =>
      expect(await verdicts('near > default/web:81')).toEqual(['blocked']),
    );
    expect(ways).toEqual({ past: 0, stack: 0 });
    expect(await denied()).toBeGreaterThan(before);
  });

  it.each([
    ['the other', letIn('far'), letIn('near', 'free', 'far')],
    ['its own', networkPolicy('near', { policyTypes: ['Egress'] }), SELECTS_NEAR],
  ] as const)('[E16] [C18] are cut by a change of %s pod’s policy', async (_, shut, open) => {
    const talks = ADDRESSES.web.map((address) => converse('default/near', address, 53, { protocol: 'udp' }));
    const said = () => Promise.all(talks.map((talk) => talk.talk()));
    expect(await said()).toEqual(['answered', 'answered']);
    await lab.apply(shut);
    const ways = await waysOf(async () => expect(await said()).toEqual(['silent', 'silent']));
    expect(ways).toEqual({ past: 0, stack: 0 });
    await lab.apply(open);
    expect(await waysOf(async () => expect(await said()).toEqual(['answered', 'answered']))).toEqual(PAST_IT);
  });

  it('[E16] [C29] go past it where an audited policy would deny them, which is counted', async () => {
    const audited = async () => (await kernel())?.tallies.audited ?? 0;
    const before = await audited();
    const audit = networkPolicy('web', { ingress: [] }, { annotations: { 'weir.dev/audit': 'true' } });
    await lab.apply(audit);
    expect(
      await waysOf(async () => expect(await verdicts('near > default/web:80')).toEqual(['allowed'])),
    ).toEqual(PAST_IT);
    expect(await audited()).toBeGreaterThan(before);
    await lab.apply(letIn('near', 'free', 'far'));
  });

  it.each(FAMILIES)(
    '[E16] [C21] go by it in fragments, and when they have come far enough (%i)',
    async (family) => {
      const address = ADDRESSES.web[family];
      const long = converse('default/near', address, 53, { protocol: 'udp', length: 8000 });
      expect(await waysOf(async () => expect(await long.talk()).toBe('answered'))).toEqual(BY_STACK);
      const script = `(${sendDatagram})(${JSON.stringify({ address, port: 53, hops: 1 })})`;
      expect(await waysOf(() => lab.inside('default/near', process.execPath, '-e', script))).toEqual({
        past: 0,
        stack: 0,
      });
    },
  );

  it.each(FAMILIES)('[E16] go on by it when the pods are judged no more (%i)', async (family) => {
    const talk = converse('default/near', ADDRESSES.web[family], 80);
    expect(await talk.talk()).toBe('answered');
    await lab.remove(SELECTS_NEAR);
    expect(await waysOf(async () => expect(await talk.talk()).toBe('answered'))).toEqual(BY_STACK);
    await lab.apply(SELECTS_NEAR);
  });

  describe('where somebody else is at a pod’s interface', () => {
    const pins = mountBpfFileSystem();
    let object: BpfObject;
    beforeAll(async () => {
      object = await loadBpfObject(POLICY_OBJECT, LAYOUT);
      await pin(named(object.programs, 'stand_by'), `${pins.path}/program`);
    });
    afterAll(() => {
      object.close();
      pins.remove();
    });
    const tc = (...argv: readonly string[]) => lab.inside('node/one', 'tc', ...argv);
    const strangers = {
      async queue(device: string) {
        await tc('qdisc', 'add', 'dev', device, 'root', 'pfifo', 'limit', '1000');
        return () => tc('qdisc', 'del', 'dev', device, 'root');
      },
      async filter(device: string, hook: TcHook) {
        await tc('qdisc', 'replace', 'dev', device, 'clsact');
        const place = ['dev', device, hook, 'prio', '9'];
        await tc('filter', 'add', ...place, 'bpf', 'da', 'object-pinned', `${pins.path}/program`);
        return () => tc('filter', 'del', ...place);
      },
      async program(device: string, hook: TcHook) {
        const networkNamespace = lab.netns('node/one');
        const all = await listInterfaces({ networkNamespace });
        const interfaceIndex = all.find(({ name }) => name === device)?.index ?? 0;
        const program = named(object.programs, 'stand_by');
        const link = await attachTcx(program, { interfaceIndex, hook, networkNamespace });
        return () => link.detach();
      },
    };

    it.each([
      ['queue', 'to', 'web', 'egress'],
      ['filter', 'to', 'web', 'egress'],
      ['filter', 'from', 'near', 'ingress'],
      ['program', 'to', 'web', 'egress'],
      ['program', 'from', 'near', 'ingress'],
    ] as const)('[E16] [E33] go by it for a %s on the way %s %s', async (what, _, name, hook) => {
      const device = await lab.hostSide(name);
      const talk = converse('default/near', ADDRESSES.web[0], 80);
      const said = async () => expect(await talk.talk()).toBe('answered');
      const asked = async () => expect(await verdicts('near > default/web:80')).toEqual(['allowed']);
      expect(await waysOf(said)).toEqual(PAST_IT);
      const takeOff = await strangers[what](device, hook);
      await expect.poll(lab.refused, { timeout: 10_000 }).toEqual([{ interface: device, why: [what] }]);
      expect(await waysOf(said)).toEqual(BY_STACK);
      expect(await waysOf(asked)).toEqual(BY_STACK);
      await takeOff();
      await expect.poll(lab.refused, { timeout: 10_000 }).toEqual([]);
      expect(await waysOf(asked)).toEqual(PAST_IT);
      expect(await waysOf(said)).toEqual(BY_STACK);
    });
  });
});
