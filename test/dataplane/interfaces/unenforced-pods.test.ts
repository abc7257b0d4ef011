/** Which pods no policy can be enforced on, and why. */
import { describe, expect, it } from 'vitest';
import {
  MISSING_REASONS,
  type PodInterfaceState,
} from '../../../src/dataplane/interfaces/pod-interface-state.ts';
import { unenforcedPods } from '../../../src/dataplane/interfaces/unenforced-pods.ts';
import type { Address } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';

function found(bridge: number | null, ...addresses: readonly string[]): PodInterfaceState {
  return {
    interfaceIndex: 7,
    interfaceName: 'veth7',
    how: 'route',
    bridge,
    addresses: addresses as readonly Address[],
  };
}

const states = new Map<ObjectName, PodInterfaceState>([
  ['shop/routed' as ObjectName, found(null, '10.1.0.5')],
  ['shop/bridged6' as ObjectName, found(9, '10.1.0.6', 'fd00::6')],
  ['shop/bridged' as ObjectName, found(9, '10.1.0.6')],
  ...MISSING_REASONS.map(
    (missing) => [`shop/${missing}` as ObjectName, { missing, detail: 'why', addresses: [] }] as const,
  ),
]);

const reasons = (enforcement: Parameters<typeof unenforcedPods>[1]) =>
  unenforcedPods(states, enforcement).map(({ pod, reason }) => `${pod} ${reason}`);

describe('pods that are not enforced', () => {
  it('are, with programs, those without an interface of their own', () => {
    expect(reasons({ backend: 'bpf' })).toEqual([
      'shop/host-device host-device',
      'shop/ipvlan ipvlan',
      'shop/macvlan macvlan',
      'shop/no-veth no-veth',
      'shop/not-found not-found',
      'shop/shared-interface shared-interface',
    ]);
  });

  it('are, with nftables, those whose packets do not meet the forward hook', () => {
    const missing = [
      'shop/host-device host-device',
      'shop/ipvlan ipvlan',
      'shop/macvlan macvlan',
      'shop/not-found not-found',
    ];
    expect(reasons({ backend: 'nft', bridgeNetfilter: { IPv4: true, IPv6: true } })).toEqual(missing);
    const only6 = ['shop/bridged6 bridge-without-netfilter', ...missing];
    expect(reasons({ backend: 'nft', bridgeNetfilter: { IPv4: true, IPv6: false } })).toEqual(only6);
    const both = ['shop/bridged bridge-without-netfilter', ...only6];
    expect(reasons({ backend: 'nft', bridgeNetfilter: { IPv4: false, IPv6: false } })).toEqual(both);
  });

  it('come with more of the reason', () => {
    const bridged = new Map([['shop/bridged6' as ObjectName, found(9, '10.1.0.6', 'fd00::6')]]);
    const enforcement = { backend: 'nft', bridgeNetfilter: { IPv4: true, IPv6: false } } as const;
    expect(unenforcedPods(bridged, enforcement)[0]?.detail).toBe(
      'IPv6 between ports of one bridge, of which veth7 is one',
    );
    expect(unenforcedPods(states, { backend: 'bpf' })[0]?.detail).toBe('why');
  });
});
