/** Real sockets of pods behind veth pairs, through Services that the programs translate: no other table does anything. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAMILIES, type Family } from '../../src/model/address.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { MIRROR, serviceOf, serviceRows, VIP } from './service-node.ts';
import { createVethPods, type VethPod, type VethPods } from './veth-pods.ts';

const SENT = 10_000_000;
const ANSWERED = 5_000_000;
/** More than fits a packet, and than a fragment. */
const DATAGRAM = 4000;
const TALKER = `${process.execPath} ${fileURLToPath(new URL('talker.ts', import.meta.url))}`;

let pods: VethPods;
let node: PolicyNode;
const servers: (() => void)[] = [];

beforeAll(async () => {
  pods = createVethPods(`weir-test-sockets-${process.pid}`);
  node = await createPolicyNode();
  for (const pod of [pods.client, pods.server])
    for (const own of pod.addresses) servers.push(await pods.start(pod, `${TALKER} serve ${own} 8080`));
});
afterAll(() => {
  for (const stop of servers) stop();
  pods.remove();
  node.close();
});

const own = (pod: VethPod, family: Family) => pod.addresses[family === 'IPv4' ? 0 : 1];

/** The client may reach the server and nobody else; Services lead to `backend`. */
async function serving(backend: VethPod, family: Family): Promise<void> {
  const { client, server } = pods;
  const peers = { [`${server.addresses[0]}/32`]: 'friend', [`${server.addresses[1]}/128`]: 'friend' };
  const verdicts = deniedBut({ direction: 'egress', peer: 'friend', verdict: 'allow' });
  const interfaces = [client, server].map(({ name, attached }) => [name, attached] as const);
  await node.dataplane.sync(rowsOf(client.name, client.addresses, peers, verdicts), new Map(interfaces));
  const words = { family, at: VIP[family], port: 80, backends: [[own(backend, family), 8080]] } as const;
  const services = (['TCP', 'UDP'] as const).map((protocol) =>
    serviceOf({ ...words, protocol, name: protocol }),
  );
  await node.services.sync(serviceRows(services), []);
  await node.forget();
}

const talk = (protocol: 'tcp' | 'udp', family: Family, bytes: number) =>
  pods.run(pods.client, `timeout 10 ${TALKER} ${protocol} ${VIP[family]} 80 ${bytes}`).output.trim();

describe.each(FAMILIES)('%s: a pod that policies select', (family) => {
  const vip = VIP[family];

  it('[C15, A1] moves much data through a Service, segments and fragments alike', async () => {
    await serving(pods.server, family);
    await pods.guarded(node, async () => {
      const client = own(pods.client, family);
      expect(talk('tcp', family, SENT)).toBe(`${SENT} ${client}, ${ANSWERED} from ${vip}`);
      expect(talk('udp', family, DATAGRAM)).toBe(`${DATAGRAM} ${client} from ${vip} 80`);
    });
    await expect(node.drops()).resolves.toEqual({});
  });

  it('[C12, A2] reaches itself through a Service', async () => {
    await serving(pods.client, family);
    await pods.guarded(node, async () => {
      expect(talk('tcp', family, SENT)).toBe(`${SENT} ${MIRROR[family]}, ${ANSWERED} from ${vip}`);
      expect(talk('udp', family, DATAGRAM)).toBe(`${DATAGRAM} ${MIRROR[family]} from ${vip} 80`);
    });
    await expect(node.drops()).resolves.toEqual({});
  });

  it('[E31, I10] learns by the Service that a datagram met nobody', async () => {
    await serving(pods.server, family);
    const words = { family, at: vip, port: 80, backends: [[own(pods.server, family), 8081]] } as const;
    await node.services.sync(serviceRows([serviceOf({ ...words, protocol: 'UDP', name: 'UDP' })]), []);
    await pods.guarded(node, async () => {
      const send = `exec 3<>/dev/udp/${vip}/80; for i in 1 2 3 4 5 6; do echo x >&3 || exit 1; sleep 0.05; done`;
      expect(pods.run(pods.client, send).errors).toContain('Connection refused');
    });
  });
});
