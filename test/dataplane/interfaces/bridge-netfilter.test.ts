/** Whether bridged packets meet nft, as the namespace that the process is in has it. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPodNetwork, type PodNetwork } from './pod-network.ts';

const MODULE = fileURLToPath(new URL('../../../src/kernel/bridge-netfilter.ts', import.meta.url));
const PRINT = `import { readBridgeNetfilter } from '${MODULE}'; console.log(JSON.stringify(await readBridgeNetfilter()));`;
let network: PodNetwork;

beforeAll(() => {
  network = createPodNetwork(`weir-test-brnf-${process.pid}`);
});
afterAll(() => network.remove());

function inside(...command: readonly string[]): string {
  return execFileSync('nsenter', [`--net=${network.node}`, ...command], { encoding: 'utf8' });
}

it('is read for each family, and again at every question', () => {
  const read = () => JSON.parse(inside(process.execPath, '--input-type=module', '--eval', PRINT));
  const set = (ip: number, ip6: number) =>
    inside(
      'sysctl',
      `net.bridge.bridge-nf-call-iptables=${ip}`,
      `net.bridge.bridge-nf-call-ip6tables=${ip6}`,
    );
  set(1, 0);
  expect(read()).toEqual({ IPv4: true, IPv6: false });
  set(0, 1);
  expect(read()).toEqual({ IPv4: false, IPv6: true });
});
