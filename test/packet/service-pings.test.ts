import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/address.ts';
import { echo } from './packets.ts';
import { interfaceOf, POD, POD_ADDRESSES } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf, type VerdictWords } from './policy-rows.ts';
import { OWN, serviceOf, serviceRows, VIP } from './service-node.ts';

/** The addresses by which this node answers have a class of their own. */
const PEERS = { '172.31.0.1/32': 'node', 'fd31::1/128': 'node' };

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({}, { flows: 1000 });
});
afterAll(() => node.close());
beforeEach(() => node.forget());

const judged = (...verdicts: readonly VerdictWords[]) =>
  node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut(...verdicts)), interfaceOf());

describe.each(FAMILIES)('%s: a ping of a Service', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const vip = VIP[family];
  const serving = (pingable: boolean) => {
    const rows = serviceRows([serviceOf({ name: 'web', family, at: vip, port: 80, backends: [[pod, 1]] })]);
    const addresses = new Map([...rows.addresses].map(([at, row]) => [at, { ...row, pingable }] as const));
    return node.services.sync({ ...rows, addresses }, OWN);
  };

  it('[A68, C15] is judged as one of the node, which answers it', async () => {
    await serving(true);
    await judged({ direction: 'egress', peer: 'node', verdict: 'allow' });
    await expect(node.fromPod(echo(pod, vip, 'request', 7))).resolves.toBe('pass');
    await expect(node.toPod(echo(vip, pod, 'reply', 7))).resolves.toBe('pass');
    await expect(node.fromPod(echo(pod, vip, 'request', 7))).resolves.toBe('pass');
    await expect(node.toPod(echo(vip, pod, 'reply', 8))).resolves.toBe('drop');
    await judged();
    await expect(node.fromPod(echo(pod, vip, 'request', 7))).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ policy: 2 });
  });

  it('[A68] is refused where nobody is behind the address', async () => {
    await serving(false);
    await judged({ direction: 'egress', peer: 'node', verdict: 'allow' });
    await expect(node.fromPod(echo(pod, vip, 'request', 7))).resolves.toBe('redirect');
    await expect(node.drops()).resolves.toEqual({ 'no-service-port': 1 });
  });
});
