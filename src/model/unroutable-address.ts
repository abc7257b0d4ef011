/** Which addresses can never be reached through the network, and so are no node, pod, endpoint or Service, whatever a manifest says (A11, I2, I5). */
import { type Address, familyOf } from './address.ts';

/** Why the address cannot be reached through the network (`a loopback address` …); null: it can. */
export function unroutableReason(address: Address): string | null {
  return familyOf(address) === 'IPv4' ? unroutableIPv4(address) : unroutableIPv6(address);
}

function unroutableIPv4(address: Address): string | null {
  const first = Number.parseInt(address, 10);
  if (first === 0) return 'an unspecified address';
  if (first === 127) return 'a loopback address';
  if (address.startsWith('169.254.')) return 'a link-local address';
  if (first >= 224 && first <= 239) return 'a multicast address';
  if (address === '255.255.255.255') return 'the broadcast address';
  return null;
}

function unroutableIPv6(address: Address): string | null {
  if (address === '::') return 'an unspecified address';
  if (address === '::1') return 'a loopback address';
  // No parser of ours lets it through; checked again since the kernel would treat it as the IPv4 address inside.
  if (/^::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(address) || address.includes('.'))
    return 'an IPv4-mapped address';
  if (/^fe[89ab][0-9a-f]:/.test(address)) return 'a link-local address';
  if (/^ff[0-9a-f]{2}:/.test(address)) return 'a multicast address';
  return null;
}
