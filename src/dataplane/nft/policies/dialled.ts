/**
 * What pods dialled: a packet that is logged tells where it is led only, conntrack what it was sent to. So the kernel
 * notes that down beside the log, and whoever reads the log asks for it.
 */
import { expr, type Nftables } from '../../../kernel/native.ts';
import { addressFromBytes, FAMILIES, type Family } from '../../../model/address.ts';
import type { Dialled, PolicyVerdict } from '../../policy-backend.ts';
import {
  addressWidth,
  forEachFamily,
  loadAddress,
  loadDestinationPort,
  loadProtocol,
  loadSourcePort,
  matchTranslated,
  type Rule,
} from '../chains/matching.ts';
import { addressKey, byteKey, portFromKey, portKey } from '../element.ts';
import { TABLE_FAMILY } from '../table-layout.ts';
import { DIALLED_MS, POLICY_TABLE, policySet } from './layout.ts';

/** Rules that note it down for packets that match; `rate` bounds how many. */
export function noteDialled(match: Rule, rate: Rule): readonly Rule[] {
  return forEachFamily((family) => {
    const width = addressWidth(family);
    const destination = width + 1;
    const data = 2 * destination + 1;
    const key = family === 'IPv4' ? 'destinationAddress4' : 'destinationAddress6';
    return [
      ...match,
      ...matchTranslated(),
      ...rate,
      loadAddress(family, 'source', 0),
      loadSourcePort(width),
      loadAddress(family, 'destination', destination),
      loadDestinationPort(destination + width),
      loadProtocol(data - 1),
      expr.ct({ key, direction: 'original', register: data }),
      expr.ct({ key: 'destinationPort', direction: 'original', register: data + width }),
      expr.dynset({
        set: policySet('dialled', family),
        operation: 'update',
        key: 0,
        data,
        timeoutMs: DIALLED_MS,
      }),
    ];
  });
}

export type DialledByFlow = ReadonlyMap<string, Dialled>;

/** All that is noted down now, for `dialledBy`. Rejects with an NftError. */
export async function readDialled(nft: Nftables): Promise<DialledByFlow> {
  const noted = new Map<string, Dialled>();
  for (const family of FAMILIES)
    for (const { key, data } of await nft.listElements(
      TABLE_FAMILY,
      POLICY_TABLE.table,
      policySet('dialled', family),
      { encoding: 'binary' },
    ))
      if (typeof data === 'string') noted.set(String(key), dialledFrom(data, family));
  return noted;
}

/** null: what the pod sent, it sent to the peer itself. */
export function dialledBy(verdict: PolicyVerdict, noted: DialledByFlow): Dialled | null {
  const { local, localPort, peer, peerPort, protocol } = verdict;
  const ends = addressKey(local) + portKey(localPort) + addressKey(peer) + portKey(peerPort);
  return noted.get(`${ends}${byteKey(protocol)}\0\0\0`) ?? null;
}

function dialledFrom(data: string, family: Family): Dialled {
  const bytes = addressWidth(family) * 4;
  return {
    address: addressFromBytes(Buffer.from(data.slice(0, bytes), 'latin1')),
    port: portFromKey(data, bytes),
  };
}
