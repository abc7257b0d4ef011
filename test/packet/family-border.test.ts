/** IPv6 prefixes around mapped addresses, in tables that hold both families. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Prefix } from '../../src/model/address.ts';
import type { PeerClassName, PolicyRows } from '../../src/model/policy-rows.ts';
import { ip, UDP, udp } from './packets.ts';
import { interfaceOf, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode();
});
afterAll(() => node.close());

function rows(...prefixes: readonly string[]): PolicyRows {
  const peers = Object.fromEntries(prefixes.map((prefix) => [prefix, 'friend']));
  return rowsOf(
    POD,
    POD_ADDRESSES,
    peers,
    deniedBut({ direction: 'ingress', peer: 'friend', verdict: 'allow' }),
  );
}

/** What becomes of packets from an address of each family that only blocks hold. */
async function reached(): Promise<readonly string[]> {
  await node.forget();
  return Promise.all(
    (['IPv4', 'IPv6'] as const).map((family, index) =>
      node.toPod(ip(STRANGER[family], POD_ADDRESSES[index] ?? POD_ADDRESSES[0], UDP, udp(1, 2))),
    ),
  );
}

async function change(...peers: readonly (readonly [string, string | null])[]): Promise<void> {
  const changed = peers.map(([text, peerClass]) => {
    const prefix = text as Prefix;
    return [prefix, peerClass === null ? null : { prefix, peerClass: peerClass as PeerClassName }] as const;
  });
  await node.dataplane.apply({
    rows: { peers: new Map(changed), subjects: new Map(), classes: new Map(), rules: new Map() },
  });
}

it.each(['::/0', '::/1', '::/80', '::8000:0:0/81', '::fffe:0:0/95'])(
  '[C20] [I11] %s says nothing of IPv4, when it comes, beside others, and after a restart',
  async (prefix) => {
    const six = prefix === '::/0' ? 'pass' : 'drop';
    await node.dataplane.sync(rows(prefix), interfaceOf());
    expect(await reached()).toEqual(['drop', six]);
    await change(['0.0.0.0/0', 'friend']);
    expect(await reached()).toEqual(['pass', six]);
    await change(['0.0.0.0/0', null]);
    expect(await reached()).toEqual(['drop', six]);
    await change([prefix, null]);
    expect(await reached()).toEqual(['drop', 'drop']);
    await node.dataplane.collect();
    expect(await node.tables.peers.entries()).toEqual([]);
    await change([prefix, 'friend']);
    expect(await reached()).toEqual(['drop', six]);
    await expect(node.dataplane.sync(rows(prefix), interfaceOf())).resolves.toMatchObject({ written: 0 });
  },
);
