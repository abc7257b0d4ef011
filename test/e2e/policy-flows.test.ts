/** Connections from before a policy, paths with a smaller MTU, and ports that are used again. */
import { afterEach, describe, expect, it } from 'vitest';
import { type Conversation, startConversation } from './conversation.ts';
import { type Manifest, node, pod } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';
import { connectSilently, type SilentConnection } from './speaking-server.ts';

const ADDRESSES = {
  web: ['10.244.1.10', 'fd44:1::10'],
  near: ['10.244.1.11', 'fd44:1::11'],
  far: ['10.244.2.12', 'fd44:2::12'],
} as const;

function at(name: keyof typeof ADDRESSES, onNode: string): Manifest {
  const manifest = pod(name, { node: onNode, ports: [{ containerPort: 80 }] });
  const podIPs = ADDRESSES[name].map((ip) => ({ ip }));
  return { ...manifest, status: { ...(manifest.status as object), podIPs } };
}

const CASES = (['near', 'far'] as const).flatMap((client) =>
  ([4, 6] as const).map((family) => [client, family] as const),
);
const addressOf = (name: keyof typeof ADDRESSES, family: 4 | 6) => ADDRESSES[name][family === 4 ? 0 : 1];

describe.each(POLICY_BACKENDS)('flows and policies on %s', (backend) => {
  const lab = usePolicyLab(backend, [
    node('one'),
    node('two'),
    at('web', 'one'),
    at('near', 'one'),
    at('far', 'two'),
  ]);
  const open: (Conversation | SilentConnection)[] = [];
  afterEach(() => {
    for (const each of open.splice(0)) each.end();
  });
  const connect = async (client: string, family: 4 | 6, length = 10) => {
    const server = { pod: 'default/web', address: addressOf('web', family), length };
    const connection = await connectSilently(lab, `default/${client}`, server);
    open.push(connection);
    return connection;
  };
  const deviceTo = async (onNode: string, address: string) => {
    const routes = JSON.parse(await lab.inside(`node/${onNode}`, 'ip', '-j', 'route', 'show', address));
    return (routes as readonly { readonly dev: string }[])[0]?.dev ?? '';
  };
  const webLetsIn = (...apps: readonly string[]) =>
    networkPolicy('web', { ingress: apps.map((app) => ({ from: [podsLabelled(app)] })) });

  it.each(CASES)(
    '[C18] [C24] a server that speaks first after the policy came is heard where the client may connect (%s, %i)',
    async (client, family) => {
      const shut = networkPolicy(client, {
        policyTypes: ['Ingress', 'Egress'],
        egress: [{ to: [podsLabelled('web')] }],
      });
      for (const policies of [[webLetsIn(client)], [shut], [webLetsIn(client), shut]]) {
        const connection = await connect(client, family);
        await lab.during(policies, async () => {
          expect(await connection.speak()).toBe('heard');
          expect(await connection.speak()).toBe('heard');
        });
      }
    },
  );

  it.each(CASES)(
    '[C18] a server that speaks first after the policy came is not heard where the client may not connect (%s, %i)',
    async (client, family) => {
      const mute = networkPolicy(client, { policyTypes: ['Egress'] });
      for (const policies of [[webLetsIn('nobody')], [mute]]) {
        const connection = await connect(client, family);
        await lab.during(policies, async () => expect(await connection.speak()).toBe('silent'));
      }
    },
  );

  it.each([4, 6] as const)(
    '[E31] [C11] a path whose MTU shrinks is found by pods that let nobody in, at both ends (%i)',
    async (family) => {
      const only = (app: string, other: string) =>
        networkPolicy(app, { policyTypes: ['Ingress', 'Egress'], egress: [{ to: [podsLabelled(other)] }] });
      // The other node tells of it: what a pod's own node says passes anyway.
      const device = await deviceTo('two', addressOf('far', 4));
      const setMtu = (mtu: number) => lab.inside('node/two', 'ip', 'link', 'set', device, 'mtu', String(mtu));
      await lab.during([only('near', 'far'), webLetsIn('far')], async () => {
        const server = await connect('far', family, 9000);
        const address = addressOf('far', family);
        const client = startConversation(lab, 'default/near', { address, port: 80, length: 9000 });
        open.push(client);
        expect([await client.talk(), await server.speak()]).toEqual(['answered', 'heard']);
        await setMtu(1300);
        try {
          expect([await client.talk(), await server.speak()]).toEqual(['answered', 'heard']);
          for (const who of ['near', 'web'])
            expect(await lab.inside(`default/${who}`, 'ip', 'route', 'get', address)).toContain('mtu 1300');
        } finally {
          await setMtu(1500);
          for (const who of ['near', 'far', 'web'])
            for (const version of ['-4', '-6'])
              await lab.inside(`default/${who}`, 'ip', version, 'route', 'flush', 'cache');
        }
      });
    },
  );

  it.each(CASES)(
    '[I24] a port that is used again is a connection of its own (%s, %i)',
    async (client, family) => {
      const ask = async () => {
        const question = {
          from: `default/${client}`,
          to: 'default/web',
          port: 80,
          family,
          sourcePort: 40_000,
        };
        return (await lab.probe(question)).map(({ verdict }) => verdict);
      };
      for (let round = 0; round < 2; round++) {
        await lab.during([webLetsIn(client)], async () => expect(await ask()).toEqual(['allowed']));
        await lab.during([webLetsIn('nobody')], async () => expect(await ask()).toEqual(['blocked']));
      }
    },
  );
});
