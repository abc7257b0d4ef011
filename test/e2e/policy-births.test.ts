/** Pods that talk from the first moment at which they have an interface. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startFlood } from './flood.ts';
import { killAgents } from './killed-agents.ts';
import type { LabCluster } from './lab-cluster.ts';
import { type Manifest, node, pod } from './manifests.ts';
import { type PolicyLab, usePolicyLab } from './policy-lab.ts';
import { networkPolicy } from './policy-manifests.ts';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const WEB = { 4: '10.244.1.10', 6: 'fd44:1::10' } as const;
const GATEWAYS = { 4: '169.254.1.1', 6: 'fe80::1' } as const;
const PORTS = [{ containerPort: 80 }, { containerPort: 54, protocol: 'UDP' as const }];
const NODE_MAC = '02:00:00:00:00:01';

function at(name: string, onNode: string, addresses: readonly string[], ports = PORTS): Manifest {
  const manifest = pod(name, { node: onNode, ports });
  const podIPs = addresses.map((ip) => ({ ip }));
  return { ...manifest, status: { ...(manifest.status as object), podIPs } };
}

/** A network namespace that becomes a pod's when it is joined to the node. */
async function withUnjoined(
  lab: LabCluster,
  onNode: string,
  addresses: Readonly<Record<4 | 6, string>>,
  work: (born: { readonly netns: string; join(): Promise<void> }) => Promise<void>,
): Promise<void> {
  const name = `weir-${lab.name}-x`;
  const nodeName = `weir-${lab.name}-n-${onNode}`;
  const ip = (namespace: string, lines: readonly string[]) => {
    const child = run('ip', ['-n', namespace, '-batch', '-']);
    child.child.stdin?.end(lines.map((line) => `${line}\n`).join(''));
    return child;
  };
  await run('ip', ['netns', 'add', name]);
  try {
    await work({
      netns: `/run/netns/${name}`,
      async join() {
        // As CNI plug-ins do: the pod's own side is ready before the node has a route back.
        await ip(nodeName, [
          `link add x0 address ${NODE_MAC} type veth peer name eth0 netns ${name}`,
          'link set x0 addrgenmode none',
          'link set x0 up',
        ]);
        await ip(name, [
          'link set eth0 addrgenmode none',
          'link set eth0 up',
          ...([4, 6] as const).flatMap((family) => [
            `address add ${addresses[family]}/${family === 4 ? 32 : 128} dev eth0${family === 6 ? ' nodad' : ''}`,
            `neighbour add ${GATEWAYS[family]} lladdr ${NODE_MAC} dev eth0`,
            `route add default via ${GATEWAYS[family]} dev eth0 onlink`,
          ]),
        ]);
        await ip(
          nodeName,
          ([4, 6] as const).map(
            (family) => `route replace ${addresses[family]}/${family === 4 ? 32 : 128} dev x0`,
          ),
        );
      },
    });
  } finally {
    await run('ip', ['netns', 'del', name]);
  }
}

async function datagramsAt(lab: LabCluster, who: string, family: 4 | 6): Promise<number> {
  const text = await lab.inside(who, 'cat', family === 4 ? '/proc/net/snmp' : '/proc/net/snmp6');
  const found =
    family === 4
      ? /^Udp: (\d+)/m.exec(text.replace(/^Udp: InDatagrams.*$/m, ''))
      : /^Udp6InDatagrams\s+(\d+)/m.exec(text);
  return Number(found?.[1]);
}

async function deviceTo(lab: LabCluster, onNode: string, address: string): Promise<string> {
  const routes = JSON.parse(await lab.inside(`node/${onNode}`, 'ip', '-j', 'route', 'show', address));
  return (routes as readonly { readonly dev: string }[])[0]?.dev ?? '';
}

/** Nobody else's: agents look for a pod that is missing in all processes of the machine, so in other suites' labs as well. */
const LATE = { 4: '10.244.2.217', 6: 'fd44:2::217' } as const;
const LATE_POD = at('late', 'two', Object.values(LATE), []);
const SHUT = networkPolicy('late', { policyTypes: ['Egress'] });

/** Where the agents know the pod, its interface has gone and comes again. */
async function knownButGone(lab: PolicyLab): Promise<void> {
  await lab.apply(LATE_POD);
  await lab.inside('node/two', 'ip', 'link', 'del', await deviceTo(lab, 'two', LATE[4]));
  await expect
    .poll(async () => (await lab.policies('two')).unenforced.map(({ pod: name }) => name), {
      timeout: 15_000,
    })
    .toContain('default/late');
}

describe.each([
  ['bpf', 'known', 'closed'],
  ['bpf', 'unknown', 'closed'],
  ['bpf', 'known', 'open'],
  ['nft', 'known', 'closed'],
  ['nft', 'unknown', 'closed'],
  ['nft', 'known', 'open'],
] as const)('pods that talk at once, on %s, while they are %s, others %s', (backend, knowledge, others) => {
  const lab = usePolicyLab(
    backend,
    [node('one'), node('two'), at('web', 'one', Object.values(WEB)), pod('near', { node: 'one', ports: [] })],
    others === 'closed' ? ['--policy-default-closed'] : [],
  );
  it.each([4, 6] as const)('[C17] [C35] [H6] get nothing out (%i)', async (family) => {
    await lab.during(knowledge === 'known' ? [SHUT, LATE_POD] : [SHUT], async () => {
      if (knowledge === 'known') await knownButGone(lab);
      await withUnjoined(lab, 'two', LATE, async ({ netns, join }) => {
        const before = await datagramsAt(lab, 'default/web', family);
        const flood = await startFlood(netns, WEB[family], 54);
        await join();
        await flood.sent(200);
        await flood.end();
        expect(await datagramsAt(lab, 'default/web', family)).toBe(before);
      });
    });
    await lab.during([networkPolicy('web', { ingress: [{}] })], async () =>
      expect(Object.values(await lab.verdicts('default/near > default/web:80'))).toEqual(['allowed']),
    );
  });
});

describe('pods that BPF has closed for want of programs', () => {
  const lab = usePolicyLab('bpf', [
    node('one'),
    node('two'),
    at('web', 'one', Object.values(WEB)),
    pod('near', { node: 'one', ports: [] }),
    pod('far', { node: 'two', ports: [] }),
  ]);
  const tables = () => lab.inside('node/two', 'nft', 'list', 'tables');

  it('[C17] [H6] stay so without an agent, and the next one opens them', async () => {
    await lab.apply(LATE_POD, SHUT);
    // Before anything is closed there is no such table.
    const closed = () =>
      lab.inside('node/two', 'nft', 'list', 'table', 'inet', 'weir-closed').catch(() => '');
    await expect.poll(closed, { timeout: 15_000 }).not.toContain(LATE[4]);
    await knownButGone(lab);
    expect(await closed()).toContain(LATE[4]);
    await killAgents(lab, ['two']);
    await withUnjoined(lab, 'two', LATE, async ({ netns, join }) => {
      const before = await datagramsAt(lab, 'default/web', 4);
      const flood = await startFlood(netns, WEB[4], 54);
      await join();
      await flood.sent(200);
      expect(await datagramsAt(lab, 'default/web', 4)).toBe(before);
      await lab.apply(networkPolicy('late', { policyTypes: ['Egress'], egress: [{}] }));
      await expect
        .poll(() => datagramsAt(lab, 'default/web', 4), { timeout: 15_000 })
        .toBeGreaterThan(before);
      await flood.end();
    });
    await lab.remove(LATE_POD, SHUT);
    expect(Object.values(await lab.verdicts('default/far > default/web:80'))).toEqual(['allowed']);
  });

  it('[A71] [H6] cleanup takes the table away, and another agent makes it again', async () => {
    await lab.during([SHUT, LATE_POD], async () => {
      await knownButGone(lab);
      expect(await tables()).toContain('weir-closed');
      await killAgents(lab, ['two']);
      const argv = [process.execPath, MAIN, 'cleanup', '--instance', `lab-${lab.name}-two`];
      const said = await lab.inside('node/two', ...argv);
      expect(said).toContain('removed nft table inet weir-closed');
      expect(await tables()).not.toContain('weir-closed');
      await lab.apply(networkPolicy('other', { podSelector: { matchLabels: { app: 'nobody' } } }));
      expect(await tables()).toContain('weir-closed');
    });
    // What the suite asks at its end is to be seen by these agents.
    const judged = [
      networkPolicy('far', { policyTypes: ['Egress'] }),
      networkPolicy('web', { ingress: [{}] }),
    ];
    await lab.during(judged, async () =>
      expect(
        Object.values(await lab.verdicts('default/far > default/web:80', 'default/near > default/web:80')),
      ).toEqual(['blocked', 'allowed']),
    );
  });
});
