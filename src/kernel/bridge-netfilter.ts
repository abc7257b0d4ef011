/** Whether packets between ports of one bridge meet the forward hook of nftables. */
import { readFile } from 'node:fs/promises';
import type { Family } from '../model/address.ts';

const SWITCHES = {
  IPv4: '/proc/sys/net/bridge/bridge-nf-call-iptables',
  IPv6: '/proc/sys/net/bridge/bridge-nf-call-ip6tables',
} as const;

/** In the process's own network namespace, for every bridge there. Without br_netfilter in the kernel: no. */
export async function readBridgeNetfilter(): Promise<Readonly<Record<Family, boolean>>> {
  const [IPv4, IPv6] = await Promise.all([isOn(SWITCHES.IPv4), isOn(SWITCHES.IPv6)]);
  return { IPv4, IPv6 };
}

async function isOn(path: string): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')).trim() !== '0';
  } catch {
    return false;
  }
}
