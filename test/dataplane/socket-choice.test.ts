import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseServicesBackend, featuresOf } from '../../src/dataplane/capabilities.ts';
import { chooseSockets, type SocketChoice, type SocketWish } from '../../src/dataplane/socket-choice.ts';
import { cgroupRoot } from '../../src/kernel/cgroup.ts';

const CGROUP = `${cgroupRoot()}/weir-test-choice-${process.pid}`;
const WISH: SocketWish = {
  servicesBackend: 'bpf',
  socketLb: 'all',
  socketLbCgroup: CGROUP,
  masqueradeAll: false,
};
const HOOKS = { policyHook: 'tcx', withoutBpf: '', bridgeNetfilter: { IPv4: true, IPv6: true } } as const;
let folder: string;

beforeAll(() => {
  mkdirSync(CGROUP);
  folder = mkdtempSync(join(tmpdir(), 'weir-no-cgroup-'));
});
afterAll(() => {
  rmdirSync(CGROUP);
  rmSync(folder, { recursive: true });
});

async function chosen(wish: Partial<SocketWish>) {
  const sockets = await chooseSockets({ ...WISH, ...wish });
  return { ...sockets, ...chooseServicesBackend(wish.servicesBackend ?? 'bpf', sockets), sockets };
}

/** As `chosen` with `auto`, in a process that may not do these. */
async function chosenWithout(capabilities: readonly string[]): Promise<Awaited<ReturnType<typeof chosen>>> {
  const module = fileURLToPath(new URL('../../src/dataplane/socket-choice.ts', import.meta.url));
  const script = `import { chooseSockets } from '${module}';
    console.log(JSON.stringify(await chooseSockets(${JSON.stringify({ ...WISH, servicesBackend: 'auto' })})));`;
  const without = capabilities.map((each) => `-${each}`).join();
  const argv = [`--bounding-set=${without}`, `--inh-caps=${without}`, process.execPath];
  const { stdout } = await promisify(execFile)('setpriv', [...argv, '--input-type=module', '-e', script]);
  const sockets = JSON.parse(stdout) as SocketChoice;
  return { ...sockets, ...chooseServicesBackend('auto', sockets), sockets };
}

describe('where Services are served at sockets', () => {
  it('is the cgroup that was named, for all sockets or the node’s', async () => {
    expect(await chosen({ servicesBackend: 'auto' })).toMatchObject({
      backend: 'bpf',
      place: { cgroup: CGROUP },
      why: `auto, at sockets of ${CGROUP}; nft serves all other packets`,
    });
    expect(await chosen({})).toMatchObject({ backend: 'bpf', place: { cgroup: CGROUP, nodeOnly: false } });
    expect(await chosen({ socketLb: 'host-only' })).toMatchObject({
      backend: 'bpf',
      place: { nodeOnly: true },
    });
  });

  it.each([
    ['auto and --socket-lb=off', { servicesBackend: 'auto', socketLb: 'off' }, /^auto: .*--socket-lb=off/],
    ['nft', { servicesBackend: 'nft' }, /^asked for by --services-backend=nft/],
    ['off', { socketLb: 'off' }, /--socket-lb=off/],
    ['--masquerade-all', { masqueradeAll: true }, /--masquerade-all/],
    ['the root', { socketLbCgroup: cgroupRoot() }, /is all of the machine/],
    ['no such cgroup', { socketLbCgroup: `${CGROUP}/nobody` }, /is no cgroup of cgroup2/],
  ] as const)('[A59] is nowhere, and nft serves, with %s', async (_, wish, why) => {
    expect(await chosen(wish)).toMatchObject({
      backend: 'nft',
      place: null,
      why: expect.stringMatching(why),
    });
  });

  it('[A59] is nowhere, and nft serves, where the kernel does not take the programs', async () => {
    expect(await chosenWithout(['net_broadcast'])).toMatchObject({ backend: 'bpf' });
    expect(await chosenWithout(['bpf', 'perfmon', 'sys_admin'])).toMatchObject({
      backend: 'nft',
      place: null,
      why: expect.stringMatching(/^auto: nft serves sockets too, .*(EPERM|not permitted)[^\n]*$/),
    });
  });

  it('[A59] is never a folder that is no cgroup', async () => {
    expect(await chosen({ socketLbCgroup: folder })).toMatchObject({ backend: 'nft', place: null });
  });

  it('is told among the features', async () => {
    const missing = async (wish: Partial<SocketWish>) =>
      featuresOf(HOOKS, (await chosen(wish)).sockets).missing.map(({ feature }) => feature);
    expect(await missing({})).not.toContain('socket load-balancing');
    expect(await missing({ socketLb: 'off' })).toContain('socket load-balancing');
  });
});
