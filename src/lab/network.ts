/** Makes and removes namespaces, links and settings with iproute2, one process per namespace and not per line. */
import { existsSync } from 'node:fs';
import { eachConcurrently, runCommand } from './command.ts';
import { NETNS_DIRECTORY } from './lab-names.ts';
import { BRIDGE } from './node-plan.ts';
import type { LinkPlan, NamespacePlan, Setting, SettingsChange } from './plan.ts';

const WIDTH = 4;

/** @throws LabError (failed) if one exists already or can't be made */
export async function addNamespaces(namespaces: readonly NamespacePlan[]): Promise<void> {
  if (namespaces.length === 0) return;
  await runCommand('ip', ['-batch', '-'], lines(namespaces.map(({ name }) => `netns add ${name}`)));
}

/** Brings up what every new namespace has; `underlay` also gets its bridge. */
export async function prepareNamespaces(
  namespaces: readonly NamespacePlan[],
  underlay: string,
): Promise<void> {
  await eachConcurrently(namespaces, WIDTH, async ({ name }) => {
    const bridge = [
      `link add ${BRIDGE} type bridge stp_state 0 mcast_snooping 0`,
      `link set ${BRIDGE} addrgenmode none`,
      `link set ${BRIDGE} up`,
    ];
    await ip(name, [], ['link set lo up', ...(name === underlay ? bridge : [])]);
  });
}

/** Removes those that exist; processes in them must have gone. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  const existing = names.filter((name) => existsSync(`${NETNS_DIRECTORY}/${name}`));
  if (existing.length === 0) return;
  await runCommand('ip', ['-force', '-batch', '-'], lines(existing.map((name) => `netns del ${name}`)));
}

/** Makes veth pairs and brings both ends up. */
export async function addLinks(links: readonly LinkPlan[]): Promise<void> {
  await eachConcurrently(groupBy(links, 'namespace'), WIDTH, ([namespace, group]) =>
    ip(namespace, [], group.flatMap(nearLines)),
  );
  await eachConcurrently(groupBy(links, 'peerNamespace'), WIDTH, ([namespace, group]) =>
    ip(
      namespace,
      [],
      group.flatMap(({ peerDevice }) => upLines(peerDevice)),
    ),
  );
}

/** Removes pairs that exist; those whose namespace has gone are gone too. */
export async function removeLinks(links: readonly LinkPlan[]): Promise<void> {
  const groups = groupBy(links, 'namespace').filter(([name]) => existsSync(`${NETNS_DIRECTORY}/${name}`));
  await eachConcurrently(groups, WIDTH, ([namespace, group]) =>
    ip(
      namespace,
      ['-force'],
      group.map(({ device }) => `link del ${device}`),
    ).catch(() => undefined),
  );
}

/** Makes the new settings of existing and of new namespaces. */
export async function addSettings(changes: readonly SettingsChange[]): Promise<void> {
  await eachConcurrently(changes, WIDTH, async ({ namespace, come }) => {
    for (const family of [4, 6] as const) {
      const rules = ofFamily(come, family).filter(({ object }) => object === 'rule');
      // A rule can be there twice; everything else is replaced.
      await ipForced(namespace, family, rules.map(removalLine));
      await ip(namespace, [`-${family}`], ofFamily(come, family).map(additionLine));
    }
  });
}

/** Removes settings, also those that have gone by themselves, with their device for instance. */
export async function removeSettings(changes: readonly SettingsChange[]): Promise<void> {
  await eachConcurrently(changes, WIDTH, async ({ namespace, gone }) => {
    for (const family of [4, 6] as const) {
      await ipForced(namespace, family, ofFamily(gone, family).reverse().map(removalLine));
    }
  });
}

/** Lets the external client send from (and be reached at) one more address. */
export async function addLoopbackAddresses(namespace: string, addresses: readonly string[]): Promise<void> {
  for (const family of [4, 6] as const) {
    const own = addresses.filter((address) => address.includes(':') === (family === 6));
    const length = family === 4 ? 32 : 128;
    await ip(
      namespace,
      [`-${family}`],
      own.map((address) => `address replace ${address}/${length} dev lo`),
    );
  }
}

function nearLines(link: LinkPlan): readonly string[] {
  const { device, mac, master, peerNamespace, peerDevice, peerMac } = link;
  const peer = `peer name ${peerDevice} address ${peerMac} netns ${peerNamespace}`;
  return [
    `link add ${device} address ${mac} type veth ${peer}`,
    ...(master === null ? [] : [`link set ${device} master ${master}`]),
    ...upLines(device),
  ];
}

function upLines(device: string): readonly string[] {
  // Link-local addresses are given where they are needed; those the kernel makes would have to wait for others.
  return [`link set ${device} addrgenmode none`, `link set ${device} up`];
}

function additionLine({ object, text }: Setting): string {
  return object === 'rule' ? `rule add ${text}` : `${object} replace ${text}`;
}

function removalLine({ object, text }: Setting): string {
  return `${object} del ${text}`;
}

function ofFamily(settings: readonly Setting[], family: 4 | 6): Setting[] {
  return settings.filter((setting) => setting.family === family);
}

function groupBy(
  links: readonly LinkPlan[],
  field: 'namespace' | 'peerNamespace',
): readonly (readonly [string, readonly LinkPlan[]])[] {
  return [...Map.groupBy(links, (link) => link[field])];
}

/** Goes on after lines that fail: what should be removed may have gone already. */
async function ipForced(namespace: string, family: 4 | 6, commands: readonly string[]): Promise<void> {
  await ip(namespace, [`-${family}`, '-force'], commands).catch(() => undefined);
}

async function ip(namespace: string, options: readonly string[], commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return;
  await runCommand('ip', ['-n', namespace, ...options, '-batch', '-'], lines(commands));
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`;
}
