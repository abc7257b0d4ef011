/**
 * Packets from pod to pod of a node when something is in their way: sizes, bridges, interfaces and pods that go. Each time they
 * have to arrive, or their sender to learn why not, and the policies to hold.
 */
import { describe, expect, it } from 'vitest';
import type { Conversation } from './conversation.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';
import {
  ADDRESSES,
  BY_STACK,
  FAMILIES,
  letIn,
  PAST_IT,
  type PodName,
  podAt,
  SELECTS_NEAR,
  useSameNodeLab,
} from './same-node-lab.ts';

const PATIENTLY = { timeout: 15_000 };
/** In a pod: what comes to its port 80. */
const SIZES = `table inet sizes {
  counter arrived {}
  chain input {
    type filter hook input priority 0; policy accept
    tcp dport 80 counter name arrived
  }
}`;
/** The largest frames of pods' interfaces. */
const MTU = 1500;

describe('packets from pod to pod of a node with something in their way', () => {
  const lab = useSameNodeLab();
  const { converse, waysOf } = lab;
  const ip = (...argv: readonly string[]) => lab.inside('node/one', 'ip', ...argv);
  const answers = (talk: Conversation) => expect.poll(() => talk.talk(), PATIENTLY).toBe('answered');
  const said = (talk: Conversation) => waysOf(() => answers(talk));
  /** Nobody gets through while the policy of web lets near in no more, and then near does as before. */
  const expectCut = async (...talks: readonly Conversation[]) => {
    await lab.apply(letIn('far'));
    for (const talk of talks) {
      const { past } = await waysOf(async () => expect(await talk.talk()).toBe('silent'));
      expect(past).toBe(0);
    }
    await lab.apply(letIn('near', 'free', 'far'));
    for (const talk of talks) await answers(talk);
  };
  const toWeb = (more: object = {}) =>
    FAMILIES.map((family) =>
      converse('default/near', ADDRESSES.web[family], 53, { protocol: 'udp', ...more }),
    );
  const replaced = async (name: PodName, work: () => Promise<unknown>) => {
    await lab.remove(podAt(name, 'one'));
    await work();
    await lab.apply(podAt(name, 'one'));
  };

  it('[E16] echoes and datagrams go past the stack whoever asks, and those denied nowhere', async () => {
    const near = networkPolicy('near', { ingress: [{ from: [podsLabelled('web')] }], egress: [{}] });
    const web = networkPolicy('web', { ingress: [{ from: [podsLabelled('near')] }] });
    const asked = ['near > default/web', 'web > default/near'];
    const questions = asked.flatMap((each) => [`${each}/icmp`, `${each}:53/udp`]);
    await lab.apply(near, web);
    for (const question of questions)
      expect(await waysOf(async () => expect(await lab.ask(question)).toEqual(['allowed']))).toEqual(PAST_IT);
    await lab.apply(SELECTS_NEAR, letIn('far'));
    const nowhere = { past: 0, stack: 0 };
    for (const question of questions)
      expect(await waysOf(async () => expect(await lab.ask(question)).toEqual(['blocked']))).toEqual(nowhere);
    await lab.apply(letIn('near', 'free', 'far'));
  });

  it.each(FAMILIES)('[E16] large segments go past the stack in one piece (%i)', async (family) => {
    await lab.inside('default/web', 'nft', SIZES);
    const talk = converse('default/near', ADDRESSES.web[family], 80, { length: 400_000 });
    await answers(talk);
    const before = await lab.counter('default/web', 'sizes', 'arrived');
    expect(await said(talk)).toEqual(PAST_IT);
    await expect
      .poll(
        async () => (await lab.counter('default/web', 'sizes', 'arrived')).bytes - before.bytes,
        PATIENTLY,
      )
      .toBeGreaterThan(400_000);
    const after = await lab.counter('default/web', 'sizes', 'arrived');
    expect((after.bytes - before.bytes) / (after.packets - before.packets)).toBeGreaterThan(2 * MTU);
    await expectCut(talk);
    await lab.inside('default/web', 'nft', 'delete', 'table', 'inet', 'sizes');
  });

  it.each(FAMILIES)(
    '[E16] [C21] what is too large for the other interface goes by the stack, which tells its sender (%i)',
    async (family) => {
      const device = await lab.hostSide('web');
      const address = ADDRESSES.web[family];
      const [small, large, stream] = [
        converse('default/near', address, 53, { protocol: 'udp' }),
        converse('default/near', address, 53, { protocol: 'udp', length: 1400 }),
        converse('default/near', address, 80, { length: 20_000 }),
      ];
      for (const talk of [small, large, stream]) expect(await said(talk)).toEqual(PAST_IT);
      await ip('link', 'set', device, 'mtu', '1300');
      try {
        expect(await said(small)).toEqual(PAST_IT);
        expect(await waysOf(() => large.talk())).toEqual({ past: 0, stack: 0 });
        // By now near knows the size, and sends fragments.
        expect(await said(large)).toMatchObject({
          stack: expect.toSatisfy((count: number) => count > 0),
        });
        // Segments become smaller, and are past the stack again.
        expect(await said(stream)).toEqual(PAST_IT);
        await expectCut(small, large);
        expect(await lab.inside('default/near', 'ip', 'route', 'get', address)).toContain('mtu 1300');
      } finally {
        await ip('link', 'set', device, 'mtu', String(MTU));
        await lab.inside('default/near', 'ip', family === 0 ? '-4' : '-6', 'route', 'flush', 'cache');
      }
    },
  );

  it('[E16] [E33] pods that become ports of a bridge go by the stack, and come back', async () => {
    const talks = toWeb();
    for (const talk of talks) expect(await said(talk)).toEqual(PAST_IT);
    const device = await lab.hostSide('near');
    const own = JSON.parse(await ip('-j', 'link', 'show', device))[0].address as string;
    const pod = JSON.parse(await lab.inside('default/near', 'ip', '-j', 'link', 'show', 'eth0'))[0]
      .address as string;
    const lead = async (to: string) => {
      for (const address of ADDRESSES.near) {
        await ip('neighbour', 'replace', address, 'lladdr', pod, 'dev', to, 'nud', 'permanent');
        await ip('route', 'replace', address, 'dev', to);
      }
    };
    // The bridge has the port's own address, as the first port of a bridge gives it.
    await ip('link', 'add', 'bridge0', 'address', own, 'type', 'bridge', 'stp_state', '0');
    await ip('link', 'set', 'bridge0', 'up');
    await ip('link', 'set', device, 'master', 'bridge0');
    await lead('bridge0');
    await expect.poll(lab.refused, PATIENTLY).toEqual([{ interface: device, why: ['bridge'] }]);
    for (const talk of talks) expect(await said(talk)).toEqual(BY_STACK);
    expect(
      await waysOf(async () => expect(await lab.ask('near > default/web:80')).toEqual(['allowed'])),
    ).toEqual(BY_STACK);
    await expectCut(...talks);
    await lead(device);
    await ip('link', 'del', 'bridge0');
    await expect.poll(lab.refused, PATIENTLY).toEqual([]);
    expect(
      await waysOf(async () => expect(await lab.ask('near > default/web:80')).toEqual(['allowed'])),
    ).toEqual(PAST_IT);
  });

  it('[E16] [C18] a pod that comes back with its address gets what was for the one before, by its own policy', async () => {
    const talks = toWeb();
    for (const talk of talks) expect(await said(talk)).toEqual(PAST_IT);
    await replaced('web', async () => {
      for (const talk of talks)
        expect(await waysOf(async () => expect(await talk.talk()).toBe('silent'))).toMatchObject({ past: 0 });
      await lab.apply(letIn('far'));
    });
    for (const talk of talks)
      expect(await waysOf(async () => expect(await talk.talk()).toBe('silent'))).toMatchObject({ past: 0 });
    await lab.apply(letIn('near', 'free', 'far'));
    // Once they went by the stack they stay there.
    for (const talk of talks) expect(await said(talk)).toEqual(BY_STACK);
    const later = toWeb();
    for (const talk of later) expect(await said(talk)).toEqual(PAST_IT);
    await expectCut(...talks, ...later);
  });

  it('[E16] nothing follows an interface that was moved out of the node', async () => {
    const talks = toWeb();
    for (const talk of talks) expect(await said(talk)).toEqual(PAST_IT);
    await ip('link', 'set', await lab.hostSide('web'), 'netns', lab.netns('default/free'));
    for (const talk of talks)
      expect(await waysOf(async () => expect(await talk.talk()).toBe('silent'))).toMatchObject({ past: 0 });
    await replaced('web', async () => undefined);
    for (const talk of talks) await answers(talk);
    const later = toWeb();
    for (const talk of later) expect(await said(talk)).toEqual(PAST_IT);
    await expectCut(...talks, ...later);
  });
});
