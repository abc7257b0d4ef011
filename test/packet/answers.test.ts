import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIRECTIONS, type Direction } from '../../src/model/policy-rows.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { createVethPods, type VethPod, type VethPods } from './veth-pods.ts';

/** Gives up in the end, so that silence is an answer too. */
const CONNECT = (host: string) => `timeout 3 bash -c 'exec 3<>/dev/tcp/${host}/81'`;
/** The second datagram's error is that of the first. */
const SEND_TWICE = (host: string) =>
  `exec 3<>/dev/udp/${host}/81; for i in 1 2 3 4 5 6 7 8 9; do echo x >&3 || exit 1; sleep 0.05; done`;
const SILENCE = 124;

let pods: VethPods;
let answering: PolicyNode;
let silent: PolicyNode;

beforeAll(async () => {
  pods = createVethPods(`weir-test-answer-${process.pid}`);
  answering = await createPolicyNode({ answerDenied: 1 });
  silent = await createPolicyNode();
});
afterAll(() => {
  pods.remove();
  answering.close();
  silent.close();
});

/** The client may not reach the server: by the server's ingress, or by its own egress. */
async function deny(node: PolicyNode, direction: Direction): Promise<void> {
  const judged: VethPod = direction === 'ingress' ? pods.server : pods.client;
  const interfaces = [pods.client, pods.server].map(({ name, attached }) => [name, attached] as const);
  await node.dataplane.sync(rowsOf(judged.name, judged.addresses, {}, deniedBut()), new Map(interfaces));
}

describe('a denied connection', () => {
  it('[C17] ends in silence unless answers are asked for', async () => {
    await deny(silent, 'ingress');
    await pods.guarded(silent, async () => {
      expect(pods.run(pods.client, CONNECT('10.77.0.2')).code).toBe(SILENCE);
    });
    expect((await silent.drops()).policy).toBeGreaterThan(0);
  });

  it.each(DIRECTIONS)('[C28] is refused at once where they are, by %s rules', async (direction) => {
    await deny(answering, direction);
    await pods.guarded(answering, async () => {
      for (const host of pods.server.addresses) {
        expect(pods.run(pods.client, CONNECT(host)).errors).toContain('Connection refused');
        expect(pods.run(pods.client, SEND_TWICE(host)).errors).toContain('Connection refused');
      }
    });
    expect((await answering.drops()).policy).toBeGreaterThanOrEqual(4);
  });
});
