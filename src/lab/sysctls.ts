/** Kernel settings of the lab's namespaces, made before any device exists so that devices inherit the defaults. */

/** Everywhere. ICMP errors are verdicts here, so none may fall to a rate limit. */
export const COMMON_SYSCTLS: readonly string[] = [
  'net.ipv4.icmp_ratelimit=0',
  'net.ipv4.icmp_ratemask=0',
  'net.ipv6.icmp.ratelimit=0',
  // No type of message is left to the limit that all peers share.
  'net.ipv6.icmp.ratemask=',
  'net.ipv4.conf.all.rp_filter=0',
  'net.ipv4.conf.default.rp_filter=0',
  'net.ipv4.conf.all.accept_redirects=0',
  'net.ipv4.conf.default.accept_redirects=0',
  'net.ipv4.conf.all.send_redirects=0',
  'net.ipv4.conf.default.send_redirects=0',
  'net.ipv6.conf.all.accept_redirects=0',
  'net.ipv6.conf.default.accept_redirects=0',
  'net.ipv6.conf.default.accept_ra=0',
  'net.ipv6.conf.default.accept_dad=0',
];

export const NODE_SYSCTLS: readonly string[] = [
  ...COMMON_SYSCTLS,
  'net.ipv4.ip_forward=1',
  'net.ipv4.conf.default.forwarding=1',
  'net.ipv6.conf.all.forwarding=1',
  'net.ipv6.conf.default.forwarding=1',
];
