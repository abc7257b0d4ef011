/** Agents that start again with another backend for Services: who serves, what stays, and what clients see of it. */
import { existsSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentStatus } from '../../src/agent/status.ts';
import { LAYOUT as POLICY } from '../../src/generated/policy.ts';
import { LAYOUT as SOCKET } from '../../src/generated/socket.ts';
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { holdFlows } from './flows.ts';
import { killAgents } from './killed-agents.ts';
import { useLab } from './lab-cluster.ts';
import { type Manifest, node, pod, service } from './manifests.ts';
import { POLICY_BACKENDS } from './policy-lab.ts';

const ADDRESSES = ['10.96.8.8', 'fd96::808'];
const PORTS = [{ containerPort: 8080 }, { containerPort: 5353, protocol: 'UDP' as const }];
const server = (name: string, onNode: string) =>
  pod(name, { node: onNode, labels: { app: 'web' }, ports: PORTS });
const CLUSTER: readonly Manifest[] = [
  node('one'),
  node('two'),
  pod('asker', { node: 'one', ports: [] }),
  server('near', 'one'),
  server('far', 'two'),
  service('web', {
    clusterIP: ADDRESSES[0],
    clusterIPs: ADDRESSES,
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'dns', port: 53, targetPort: 5353, protocol: 'UDP' },
    ],
  }),
];
/** Maps that only programs on sockets use. */
const OWN_MAPS = Object.keys(SOCKET.maps).filter((name) => !(name in POLICY.maps));

describe.each(POLICY_BACKENDS)('another backend for Services, with policies on %s', (policyBackend) => {
  let before: string | undefined;
  beforeEach(() => {
    before = process.env.WEIR_SERVICES_BACKEND;
  });
  afterEach(() => {
    if (before === undefined) delete process.env.WEIR_SERVICES_BACKEND;
    else process.env.WEIR_SERVICES_BACKEND = before;
  });
  const lab = useLab(CLUSTER, {
    agentArguments: [`--policy-backend=${policyBackend}`],
    // Who translated last is not who did before.
    expectTranslation: false,
  });
  const statusOf = async (onNode: string) => (await lab.status(onNode)) as unknown as AgentStatus;
  /** Pinned by the agent of node one for sockets alone. */
  const pins = (): readonly string[] => {
    const directory = pinDirectory(`lab-${lab.name}-one`);
    const maps = existsSync(`${directory}/maps`) ? readdirSync(`${directory}/maps`) : [];
    const links = existsSync(`${directory}/sockets`) ? ['sockets'] : [];
    return [...links, ...maps.filter((map) => OWN_MAPS.includes(map))];
  };
  /** Who answers the pod, in both families. */
  const answers = () => lab.probe(...ADDRESSES.map((to) => ({ from: 'default/asker', to, port: 80 })));

  it('[A59] [H1] takes over without a gap, breaks no connection, and leaves nothing of the first', async () => {
    const isServing = async () => {
      const { backends, sockets } = await statusOf('one');
      return [backends.services.backend, sockets?.attached ?? false, pins().length > 0];
    };
    expect(await isServing()).toEqual(['bpf', true, true]);
    const flows = await Promise.all(
      ADDRESSES.map((address) => holdFlows(lab, 'default/asker', { address, port: 80, tcp: 8, rate: 50 })),
    );
    const datagrams = await Promise.all(
      ADDRESSES.map((address) => holdFlows(lab, 'default/asker', { address, port: 53, udp: 8 })),
    );
    for (const next of ['nft', 'auto', 'nft']) {
      process.env.WEIR_SERVICES_BACKEND = next;
      await killAgents(lab, ['one']);
      const more = service('more', { selector: { app: 'web' } });
      // Starts it again, to other rows than it left.
      await lab.apply(more);
      const isAtSockets = next !== 'nft';
      expect(await isServing()).toEqual([isAtSockets ? 'bpf' : 'nft', isAtSockets, isAtSockets]);
      for (const { verdict } of await answers()) expect(verdict).toBe('allowed');
      await lab.remove(more);
    }
    for (const held of flows) {
      const report = await held.end();
      expect(report).toMatchObject({ failed: 0, broken: 0, moved: 0 });
      expect(report.opened).toBeGreaterThan(50);
    }
    // A socket that sends to whom it likes asks anew who that is.
    for (const held of datagrams) expect(await held.end()).toMatchObject({ broken: 0 });
  }, 120_000);
});
