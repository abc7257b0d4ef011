/** What somebody else does to programs, links and maps is undone, long before everything is read back. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { named, POLICY_OBJECT } from '../../src/dataplane/bpf/policies/backend.ts';
import { LAYOUT } from '../../src/generated/policy.ts';
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { loadBpfObject } from '../../src/kernel/bpf-object.ts';
import { openTcLink } from '../../src/kernel/bpf-program.ts';
import { nativeAddon } from '../../src/kernel/native.ts';
import type { Descriptor } from '../../src/kernel/native-bpf.ts';
import { startFlood } from './flood.ts';
import { killAgents } from './killed-agents.ts';
import { node, pod } from './manifests.ts';
import { usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';

const ONLY_NEAR = networkPolicy('web', { ingress: [{ from: [podsLabelled('near')] }] });
const ASKED = ['default/near > default/web:80', 'default/far > default/web:80'];
const ENFORCED = ['allowed', 'blocked'];
const WEB = '10.244.1.10';
const PORTS = [{ containerPort: 80 }, { containerPort: 54, protocol: 'UDP' as const }];
const web = pod('web', { node: 'one', ports: PORTS });
const CLUSTER = [
  node('one'),
  node('two'),
  { ...web, status: { ...(web.status as object), podIPs: [{ ip: WEB }, { ip: 'fd44:1::10' }] } },
  pod('near', { node: 'one', ports: [] }),
  pod('far', { node: 'two', ports: [] }),
];

describe('programs and maps that somebody tampers with', () => {
  const lab = usePolicyLab('bpf', CLUSTER);
  const pins = () => pinDirectory(`lab-${lab.name}-one`);
  const links = () => readdirSync(`${pins()}/links`).map((name) => `${pins()}/links/${name}`);
  const repairs = async () => (await lab.policies('one')).kernel?.repairs ?? 0;
  const outcome = async () => Object.values(await lab.verdicts(...ASKED));

  /** Does it, and expects that it is noticed, counted and undone. */
  const undone = async (damage: () => Promise<void>, isWhole: () => Promise<boolean>) => {
    await lab.during([ONLY_NEAR], async () => {
      expect(await outcome()).toEqual(ENFORCED);
      const before = await repairs();
      await damage();
      // Before everything is read back, every 30 s.
      await expect.poll(repairs).toBeGreaterThan(before);
      await expect.poll(isWhole).toBe(true);
      expect(await outcome()).toEqual(ENFORCED);
    });
  };
  const programsOf = async () =>
    Promise.all(
      links().map(async (path) => {
        const link = await openTcLink(path);
        const described = await link.describe();
        link.close();
        return described;
      }),
    );

  it('[H2] [C35] programs that are detached are put back', () =>
    undone(
      async () => {
        for (const path of links()) {
          const link = await openTcLink(path);
          await link.detach();
          link.close();
        }
      },
      async () => (await programsOf()).every((described) => described.interface > 0),
    ));

  it('[C35] pins of links and maps that are removed are made again', () =>
    undone(
      async () => {
        for (const path of links()) rmSync(path);
        rmSync(`${pins()}/maps/flows`);
      },
      async () => links().length === 4 && existsSync(`${pins()}/maps/flows`),
    ));

  it('[H2] maps whose pins went while no agent ran are filled before new programs read them', async () => {
    await lab.during([ONLY_NEAR], async () => {
      expect(await outcome()).toEqual(ENFORCED);
      const flood = await startFlood(lab.netns('default/far'), WEB, 54);
      await killAgents(lab, ['one']);
      rmSync(`${pins()}/maps`, { recursive: true });
      // Starts the agent again.
      await lab.apply(networkPolicy('other', { podSelector: { matchLabels: { app: 'nobody' } } }));
      expect(await outcome()).toEqual(ENFORCED);
      await flood.sent(100);
      expect(await flood.end()).toMatchObject({ answered: 0 });
    });
  });

  it('[H2] programs that are replaced are put back', async () => {
    let before: readonly number[] = [];
    const programs = async () => (await programsOf()).map(({ program }) => program);
    await undone(
      async () => {
        before = await programs();
        const foreign = await loadBpfObject(POLICY_OBJECT, LAYOUT);
        for (const path of links()) {
          const link = await openTcLink(path);
          await link.update(named(foreign.programs, 'from_pod'));
          link.close();
        }
        foreign.close();
      },
      async () => String(await programs()) === String(before),
    );
  });

  it('[C35] entries of pods that are deleted are written again', () => {
    const change = async (name: string, work: (map: Descriptor) => Promise<unknown>) => {
      const map = await nativeAddon().openPinned(`${pins()}/maps/${name}`);
      await work(map);
      nativeAddon().closeDescriptor(map);
    };
    const subjects = async () => {
      let count = 0;
      await change('subjects', async (map) => {
        count = (await nativeAddon().readMap(map)).count;
      });
      return count;
    };
    return undone(
      () =>
        change('subjects', async (map) =>
          nativeAddon().deleteFromMap(map, (await nativeAddon().readMap(map)).keys),
        ),
      async () => (await subjects()) === 2,
    );
  });
});

describe('the table of policies that somebody tampers with', () => {
  const lab = usePolicyLab('nft', CLUSTER);

  it('[C35] is whole again after a flush, and the repair is counted', async () => {
    await lab.during([ONLY_NEAR], async () => {
      const repairs = async () => (await lab.policies('one')).kernel?.repairs ?? 0;
      const before = await repairs();
      await lab.inside('node/one', 'nft', 'flush', 'table', 'inet', 'weir-policy');
      await expect.poll(repairs).toBeGreaterThan(before);
      expect(Object.values(await lab.verdicts(...ASKED))).toEqual(ENFORCED);
    });
  });
});
