/** Connections of a pod to Services while policies come and go, backends leave and agents die. */
import { afterEach, describe, expect, it } from 'vitest';
import { streamAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath } from '../../src/agent/instance-paths.ts';
import type { NamedVerdict } from '../../src/agent/verdict-log.ts';
import { type Conversation, startConversation } from './conversation.ts';
import { holdFlows } from './flows.ts';
import { killAgents } from './killed-agents.ts';
import { type Manifest, node, pod, service } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';
import { translatedFor } from './translated-flows.ts';

const PORTS = [{ containerPort: 8080 }, { containerPort: 5353, protocol: 'UDP' as const }];
const [IPV4, IPV6] = ['10.96.7.7', 'fd96::707'];
const ADDRESSES = [IPV4, IPV6];
/** Several over TCP, so that not all happen to choose the same backend twice. */
const DIALLED = [...Array.from({ length: 4 }, () => [80, 'tcp'] as const), [53, 'udp'] as const];
const server = (name: string, onNode: string) =>
  pod(name, { node: onNode, labels: { app: name, tier: 'web' }, ports: PORTS });
const WEB = service('web', {
  clusterIP: IPV4,
  clusterIPs: ADDRESSES,
  selector: { tier: 'web' },
  ports: [
    { name: 'http', port: 80, targetPort: 8080 },
    { name: 'dns', port: 53, targetPort: 5353, protocol: 'UDP' },
  ],
});
const CLUSTER: readonly Manifest[] = [
  node('one'),
  node('two'),
  pod('asker', { node: 'one', ports: [] }),
  server('near', 'one'),
  server('far', 'two'),
  WEB,
];
const egress = (...peers: readonly object[]) =>
  networkPolicy('asker', { policyTypes: ['Egress'], egress: peers.map((peer) => ({ to: [peer] })) });
const TO_WEB = egress({ podSelector: { matchLabels: { tier: 'web' } } });
const TO_NOBODY = egress();

describe.each(POLICY_BACKENDS)('connections to Services under policies on %s', (backend) => {
  // What a socket chose is no packet to a Service any more.
  const lab = usePolicyLab(backend, CLUSTER, ['--services-backend=nft']);
  const open: Conversation[] = [];
  /** Opens them in both families; each was answered. */
  const converse = async () => {
    for (const address of ADDRESSES)
      for (const [port, protocol] of DIALLED)
        open.push(startConversation(lab, 'default/asker', { address, port, protocol }));
    expect(await talk()).toEqual(open.map(() => 'answered'));
  };
  const talk = () => Promise.all(open.map((each) => each.talk()));
  const all = (what: 'answered' | 'silent') => open.map(() => what);
  const isTranslatedByNft = async () => (await translatedFor(lab, 'one', ['default/asker']))['default/asker'];

  afterEach(() => {
    for (const each of open.splice(0)) each.end();
  });

  it('[C15] [C18] those from before a policy go on with their backend, or are cut as it says', async () => {
    await converse();
    expect(await isTranslatedByNft()).toBe(true);
    await lab.during([TO_WEB], async () => expect(await talk()).toEqual(all('answered')));
    await lab.during([TO_NOBODY], async () => expect(await talk()).toEqual(all('silent')));
    await lab.during([egress(podsLabelled('near'))], async () => {
      const said = await talk();
      // Which of the two each had chosen is not known; none was moved to the other.
      for (const each of said) expect(['answered', 'silent']).toContain(each);
    });
  });

  it('[C15] [C18] those that a policy allows are cut by the next one, and go on where it goes', async () => {
    await lab.apply(TO_WEB);
    await converse();
    await lab.apply(TO_NOBODY);
    expect(await talk()).toEqual(all('silent'));
    await lab.remove(TO_NOBODY);
    // TCP tries again ever more seldom.
    await expect.poll(talk, { timeout: 15_000 }).toEqual(all('answered'));
  });

  it('[C15] those that began under a policy outlive it, and each new one is whoever’s it is then', async () => {
    await lab.apply(TO_WEB);
    await converse();
    await lab.remove(TO_WEB);
    for (let round = 0; round < 3; round++) expect(await talk()).toEqual(all('answered'));
    const { kernel } = await lab.policies('one');
    if (backend === 'bpf') expect(kernel?.tallies.translated).toBeGreaterThanOrEqual(open.length);
    expect(await lab.verdicts('default/asker > svc:default/web:http')).toEqual({
      'default/asker > svc:default/web:http': 'allowed',
    });
  });

  it('[C15] [H1] [H2] agents that are killed and start again break none and refuse none', async () => {
    await lab.apply(TO_WEB);
    const flows = await Promise.all(
      ADDRESSES.flatMap((address) => [
        holdFlows(lab, 'default/asker', { address, port: 80, tcp: 4, rate: 20 }),
        holdFlows(lab, 'default/asker', { address, port: 53, udp: 4 }),
      ]),
    );
    await killAgents(lab, ['one', 'two']);
    // Starts them again, with what they find in the kernel.
    await lab.apply(networkPolicy('other', { podSelector: { matchLabels: { app: 'nobody' } } }));
    for (const held of flows) expect(await held.end()).toMatchObject({ failed: 0, broken: 0, moved: 0 });
    await lab.remove(TO_WEB);
  });

  it('[C15] [A60] datagrams go to another backend once theirs is gone, connections stay with theirs', async () => {
    await lab.apply(TO_WEB);
    const held = await Promise.all(
      ADDRESSES.map((address) => holdFlows(lab, 'default/asker', { address, port: 53, udp: 8 })),
    );
    await lab.remove(server('far', 'two'));
    const reports = await Promise.all(held.map((each) => settledOn(each, 'default/near')));
    expect(reports).toEqual([true, true]);
    await lab.apply(server('far', 'two'));
    await lab.remove(TO_WEB);
  });

  it('[C30] they are told by the Service that the pod dialled, and the pod that it leads to', async () => {
    const own = (name: string) => service(`only-${name}`, { selector: { app: name } });
    const asked = ['near', 'far'].map((name) => `default/asker > svc:default/only-${name}:80`);
    const told: NamedVerdict[] = [];
    await lab.during([own('near'), own('far'), egress(podsLabelled('near'))], async () => {
      expect(Object.values(await lab.verdicts(...asked))).toEqual(['allowed', 'blocked']);
      const socket = controlSocketPath(`lab-${lab.name}-one`);
      const listen = () => streamAgent(socket, '/flows', (line) => told.push(JSON.parse(line)));
      for (const [kind, name, separator] of [
        ['allow', 'near', '.'],
        ['allow', 'near', ':'],
        ['drop', 'far', '.'],
        ['drop', 'far', ':'],
      ] as const) {
        const led = {
          kind,
          pod: 'default/asker',
          peerPod: `default/${name}`,
          peerPort: 8080,
          peerService: `default/only-${name}`,
          dialled: { address: expect.stringContaining(separator), port: 80 },
        };
        await expect.poll(() => listen().then(() => told)).toContainEqual(expect.objectContaining(led));
      }
    });
  });

  it('[C15] a new Service and a new backend count as soon as the change is said to be in', async () => {
    await lab.apply(TO_WEB);
    for (let round = 0; round < 3; round++) {
      const name = `new-${round}`;
      const asked = `default/asker > svc:default/${name}:80`;
      await lab.apply(service(name, { selector: { app: 'near' } }));
      expect(await lab.verdicts(asked)).toEqual({ [asked]: 'allowed' });
      await lab.apply(service(name, { selector: { app: 'nobody' } }));
      expect(await lab.verdicts(asked)).toEqual({ [asked]: 'refused' });
      await lab.remove(service(name));
    }
    await lab.remove(TO_WEB);
  });
});

/** Whether all of the flows are answered by this pod in the end. */
async function settledOn(held: Awaited<ReturnType<typeof holdFlows>>, pod: string): Promise<boolean> {
  await held.answered(100);
  const { backends } = await held.end();
  return backends.every((each) => each === pod);
}
