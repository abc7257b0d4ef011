/** Programs on an interface of a network namespace. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeAddon } from '../../src/kernel/native.ts';

/** Resolves when the interface has a program on both its hooks. */
export async function programsOn(namespace: string, device: string): Promise<void> {
  const place = `/run/netns/${namespace}`;
  const all = await nativeAddon().listInterfaces(place);
  const index = all.find(({ name }) => name === device)?.index ?? 0;
  for (const hook of ['ingress', 'egress'] as const)
    while ((await nativeAddon().programsOn(index, hook, place)).length === 0) await sleep(5);
}
