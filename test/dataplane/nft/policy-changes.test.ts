/** Changes of the table of policies while packets come, and pods that take the places of others. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openNftPolicies } from '../../../src/dataplane/nft/policies/backend.ts';
import type { PolicyBackend } from '../../../src/dataplane/policy-backend.ts';
import { FAMILIES, type Family } from '../../../src/model/address.ts';
import type { PolicyRows } from '../../../src/model/policy-rows.ts';
import { startFlood } from '../../e2e/flood.ts';
import { deniedBut, rowsOf } from '../../packet/policy-rows.ts';
import { addressesOf, addressOf, createPodNetwork, type PodNetwork, podName } from './pod-network.ts';

const FLIPS = 300;
const POD = podName('web');

let network: PodNetwork;
let backend: PolicyBackend;
beforeAll(async () => {
  network = await createPodNetwork(`weir-tnc-${process.pid}`);
});
afterAll(() => network?.close());
beforeEach(async () => {
  network.run('node', 'nft', 'flush', 'ruleset');
  backend = await openNftPolicies({
    reject: false,
    closedPrefixes: [],
    onVerdict: () => {},
    onForeignChange: () => {},
    netns: network.netns,
  });
});
afterEach(() => backend.close());

/** The client is labelled one way, and the policy lets in what is labelled the other way. */
function state(label: string, allowed: string): PolicyRows {
  const peers = Object.fromEntries(
    addressesOf('client').map((own) => [`${own}/${own.includes(':') ? 128 : 32}`, label]),
  );
  return rowsOf(
    POD,
    addressesOf('web'),
    peers,
    deniedBut({ direction: 'ingress', peer: allowed, verdict: 'allow' }),
  );
}

describe.each(FAMILIES)('changes of nftables under traffic (%s)', (family: Family) => {
  it('[C18] [I15] [I16] let no packet through that both states deny', async () => {
    const states = [state('red', 'blue'), state('blue', 'red')] as const;
    await backend.sync(states[0], network.interfaces);
    const flood = await startFlood(
      `/run/netns/${network.namespaceOf('client')}`,
      addressOf('web', family),
      80,
    );
    const dropped = async () =>
      (await backend.figures()).drops.find(({ reason }) => reason === 'policy')?.ingress ?? 0;
    await expect.poll(dropped, { timeout: 15_000 }).toBeGreaterThan(10);
    for (let flip = 1; flip <= FLIPS; flip++) await backend.apply({ rows: states[flip % 2 === 0 ? 0 : 1] });
    const during = await dropped();
    await expect.poll(dropped, { timeout: 15_000 }).toBeGreaterThan(during);
    expect(await flood.end()).toMatchObject({ answered: 0 });
    await backend.apply({ rows: state('red', 'red') });
    expect(await network.ask('client', { address: addressOf('web', family) })).toBe('allowed');
  });

  it('[C19] [I24] leave a pod nothing of the one that had its interface and address before', async () => {
    const address = addressOf('web', family);
    const question = { address, protocol: 'UDP', sourcePort: 5353 } as const;
    await backend.sync(state('red', 'red'), network.interfaces);
    expect(await network.ask('client', question)).toBe('allowed');
    const successor = podName('remote');
    const attached = network.interfaces.get(POD);
    if (attached === undefined) throw new Error('no interface');
    const rows = state('red', 'blue');
    const subjects = new Map([
      [POD, null],
      ...[...rows.subjects.values()].map((subject) => [successor, { ...subject, pod: successor }] as const),
    ]);
    await backend.apply({
      rows: { ...rows, subjects },
      interfaces: new Map([
        [POD, null],
        [successor, { ...attached, pod: successor }],
      ]),
    });
    expect(await network.ask('client', question)).toBe('blocked');
  });
});
