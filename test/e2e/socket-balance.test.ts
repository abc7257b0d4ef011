/** Annotations, through agents, to the connections of pods' sockets: whom each scheduler gives them, and what is counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { streamAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath } from '../../src/agent/instance-paths.ts';
import type { ServiceStatus } from '../../src/agent/service-status.ts';
import { type HeldFlows, holdFlows } from './flows.ts';
import { killAgents } from './killed-agents.ts';
import { tally, useLab } from './lab-cluster.ts';
import { client, type Manifest, node, pod, service } from './manifests.ts';

/** A Service by its name, which is that of its scheduler, and pods with these weights. */
function crowd(scheduler: string, weights: readonly number[]): readonly Manifest[] {
  return [
    ...weights.map((weight, index) => member(scheduler, index, weight)),
    service(scheduler, {}, { metadata: { annotations: { 'weir.dev/scheduler': scheduler } } }),
  ];
}

function member(scheduler: string, index: number, weight: number): Manifest {
  return pod(`${scheduler}-${index}`, {
    node: index % 2 === 0 ? 'one' : 'two',
    labels: { app: scheduler },
    metadata: { annotations: { 'weir.dev/weight': `${weight}` } },
  });
}

const CLIENTS = ['default/asker', 'default/other', 'node/one'];

describe('schedulers at sockets, on bpf', () => {
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      client('other', 'one'),
      ...crowd('sh', [1, 1, 1]),
      ...crowd('maglev', [1, 1, 1]),
      ...crowd('dh', [1, 1, 1]),
      ...crowd('lc', [1, 9, 1, 0]),
      ...crowd('wlc', [1, 2, 3]),
      ...crowd('sed', [1, 2, 3]),
      ...crowd('nq', [1, 2, 3]),
    ],
    { servicesBackend: 'bpf' },
  );
  const held: HeldFlows[] = [];
  afterEach(async () => {
    for (const flows of held.splice(0)) await flows.end();
  });
  const hold = async (name: string, family: 4 | 6, more: { tcp: number; rate?: number }) => {
    const [line] = await lab.probe({ from: 'default/asker', to: `svc:default/${name}`, family });
    const flows = await holdFlows(lab, 'default/asker', { address: line?.address ?? '', port: 80, ...more });
    held.push(flows);
    return flows;
  };
  /** What node one counts open at each pod of the Service, in the order of their names. */
  const openAt = async (name: string, family: 4 | 6) => {
    const found: [string, number | undefined][] = [];
    await streamAgent(controlSocketPath(`lab-${lab.name}-one`), `/services?name=default/${name}`, (line) => {
      const status = JSON.parse(line) as ServiceStatus;
      if (status.family !== `IPv${family}`) return;
      for (const { pod: name, counts } of status.backends) found.push([String(name), counts?.open]);
    });
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, open]) => open);
  };
  const shares = async (name: string, count: number, family: 4 | 6, from = 'default/asker') =>
    [...tally(await lab.repeat(count, { from, to: `svc:default/${name}`, family }))].sort(([a], [b]) =>
      a < b ? -1 : 1,
    );

  describe.each([4, 6] as const)('by IPv%i', (family) => {
    it('[A57] [E5] keep to one backend by client, or by what is dialled', async () => {
      for (const name of ['sh', 'maglev', 'dh']) {
        const backends = new Set<string>();
        for (const from of CLIENTS) {
          const answers = await shares(name, 12, family, from);
          expect(answers, `${from} to ${name}`).toHaveLength(1);
          backends.add(answers[0]?.[0] ?? '');
        }
        if (name === 'dh') expect(backends.size).toBe(1);
      }
    });

    it.each([
      ['lc', 12, [4, 4, 4]],
      ['wlc', 12, [2, 4, 6]],
      ['sed', 12, [2, 4, 6]],
      ['nq', 12, [2, 4, 6]],
      ['sed', 1, [0, 0, 1]],
      ['nq', 3, [1, 1, 1]],
    ] as const)('[A57] %s fills backends with %i connections exactly', async (name, tcp, expected) => {
      const none = expected.map(() => 0);
      await expect.poll(() => openAt(name, family)).toEqual(none);
      const flows = await hold(name, family, { tcp });
      expect(await openAt(name, family)).toEqual(expected);
      await flows.end();
      held.length = 0;
      await expect.poll(() => openAt(name, family)).toEqual(none);
    });

    it('[H1] [H2] [F8] count truly while the agent is killed under load, and comes back', async () => {
      const flows = await hold('lc', family, { tcp: 9 });
      const load = await hold('wlc', family, { tcp: 6, rate: 300 });
      const pid = await lab.agentPid('one');
      await killAgents(lab, ['one']);
      await sleep(300);
      // Three more, and three that were: nobody but the programs has counted.
      const more = await hold('lc', family, { tcp: 3 });
      await lab.apply(node('one'));
      expect(await lab.agentPid('one')).not.toBe(pid);
      expect(await openAt('lc', family)).toEqual([4, 4, 4]);
      expect(await load.end()).toMatchObject({ failed: 0, broken: 0, moved: 0 });
      await more.end();
      expect(await flows.end()).toMatchObject({ broken: 0, moved: 0 });
      held.length = 0;
      for (const name of ['lc', 'wlc']) await expect.poll(() => openAt(name, family)).toEqual([0, 0, 0]);
    });
  });
});
