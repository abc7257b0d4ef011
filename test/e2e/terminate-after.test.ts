import { describe, expect, it } from 'vitest';
import { startConversation } from './conversation.ts';
import { useLab } from './lab-cluster.ts';
import { client, type Manifest, node, pod, service, slice } from './manifests.ts';

const ADDRESSES = { old: '10.244.2.10', new: '10.244.2.11' } as const;
/** So long that a busy machine looks at the connection before its end. */
const GRACE_SECONDS = 8;

/** A pod that stays, whatever its Services say of it. */
function server(name: keyof typeof ADDRESSES): Manifest {
  const manifest = pod(name, { node: 'two' });
  return { ...manifest, status: { ...(manifest.status as object), podIPs: [{ ip: ADDRESSES[name] }] } };
}

function asking(name: string, clusterIP: string, annotations: Readonly<Record<string, string>>): Manifest {
  return service(
    name,
    { selector: undefined, clusterIP, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] },
    { metadata: { annotations } },
  );
}

const endpointOf = (name: string, server: keyof typeof ADDRESSES) =>
  slice(name, [{ addresses: [ADDRESSES[server]], conditions: { ready: true } }]);

describe('weir.dev/terminate-after', () => {
  const lab = useLab(
    [
      ...[node('one'), node('two'), client('client', 'one'), server('old'), server('new')],
      asking('short', '10.96.0.20', { 'weir.dev/terminate-after': `${GRACE_SECONDS}s` }),
      asking('for-ever', '10.96.0.21', {}),
      ...['short', 'for-ever'].map((name) => endpointOf(name, 'old')),
    ],
    { servicesBackend: 'bpf' },
  );
  const talkTo = (address: string, inCgroup: boolean) =>
    startConversation(lab, 'default/client', { address, port: 80, inCgroup });

  it('[E7] [H12] ends connections of sockets to an endpoint that went when its grace is over, and no others', async () => {
    const doomed = talkTo('10.96.0.20', true);
    // By nft, and by a Service that asks for nothing.
    const others = [talkTo('10.96.0.20', false), talkTo('10.96.0.21', true)];
    for (const each of [doomed, ...others]) expect(await each.talk()).toBe('answered');
    await lab.apply(...['short', 'for-ever'].map((name) => endpointOf(name, 'new')));
    expect(await doomed.talk()).toBe('answered');
    await expect.poll(() => doomed.talk()).toBe('silent');
    for (const each of others) expect(await each.talk()).toBe('answered');
    for (const each of [doomed, ...others]) each.end();
  });
});
