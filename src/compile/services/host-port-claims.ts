/** All host ports of this node, and which pod has each of them. */
import type { ObjectName } from '../../model/names.ts';
import type { Problem } from '../../model/objects.ts';
import type { ServiceRows } from '../../model/rows.ts';
import type { AddressBook } from './address-book.ts';
import { type HostPort, resolveHostPorts } from './host-ports.ts';
import { createOwnerIndex } from './owner-index.ts';

/** Host ports by pod, and the decisions between them by key (see frontend-keys). */
export interface HostPortClaims {
  /** Replaces a pod's host ports; returns the keys to settle again. */
  replace(pod: ObjectName, hostPorts: readonly HostPort[]): readonly string[];
  /** Keys to settle again when this address changed hands. */
  withHostIp(address: string): readonly string[];
  /** Decides who has the port of this key. */
  settle(key: string): { readonly rows: readonly ServiceRows[]; readonly problems: readonly Problem[] };
  /** Ports that some pod has at every address of the node, with the pod; as of the last `settle`. */
  readonly shadows: ReadonlyMap<string, ObjectName>;
}

/** `book` tells which host IPs a pod may not use. */
export function createHostPortClaims(book: AddressBook): HostPortClaims {
  const byPod = new Map<ObjectName, readonly HostPort[]>();
  const byKey = createOwnerIndex();
  const byHostIp = createOwnerIndex();
  const shadows = new Map<string, ObjectName>();
  return {
    replace(pod, hostPorts) {
      const before = byPod.get(pod) ?? [];
      if (before.length === 0 && hostPorts.length === 0) return [];
      if (hostPorts.length === 0) byPod.delete(pod);
      else byPod.set(pod, hostPorts);
      const [oldKeys, newKeys] = [before.map(({ key }) => key), hostPorts.map(({ key }) => key)];
      byKey.replace(pod, oldKeys, newKeys);
      byHostIp.replace(pod, hostIpsOf(before), hostIpsOf(hostPorts));
      return [...oldKeys, ...newKeys];
    },
    withHostIp: (address) =>
      byHostIp
        .owners(address)
        .flatMap((pod) => byPod.get(pod) ?? [])
        .filter(({ hostIp }) => hostIp === address)
        .map(({ key }) => key),
    settle(key) {
      const rivals = byKey.owners(key).flatMap((pod) => byPod.get(pod) ?? []);
      const { rows, problems, shadowedBy } = resolveHostPorts(
        rivals.filter((hostPort) => hostPort.key === key),
        book,
      );
      if (shadowedBy === null) shadows.delete(key);
      else shadows.set(key, shadowedBy);
      return { rows, problems };
    },
    shadows,
  };
}

function hostIpsOf(hostPorts: readonly HostPort[]): readonly string[] {
  return hostPorts.flatMap(({ hostIp }) => hostIp ?? []);
}
