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

/** Makes the bridge that links are plugged into. */
export async function addBridge(namespace: string): Promise<void> {
  await ip(namespace, [`link add ${BRIDGE} type bridge stp_state 0 mcast_snooping 0`, ...upLines(BRIDGE)]);
}

/** Removes those that exist; processes in them must have gone. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  const existing = names.filter((name) => existsSync(`${NETNS_DIRECTORY}/${name}`));
  if (existing.length === 0) return;
  await runCommand('ip', ['-force', '-batch', '-'], lines(existing.map((name) => `netns del ${name}`)));
}

/** Makes veth pairs; their far ends are brought up by configureNamespaces. */
export async function addLinks(links: readonly LinkPlan[]): Promise<void> {
  await eachConcurrently([...Map.groupBy(links, (link) => link.namespace)], WIDTH, ([namespace, group]) =>
    ip(namespace, group.flatMap(nearLines)),
  );
}

/** Brings up the far ends of new links, and makes the new settings of existing and of new namespaces. */
export async function configureNamespaces(
  links: readonly LinkPlan[],
  changes: readonly SettingsChange[],
): Promise<void> {
  const devices = Map.groupBy(links, (link) => link.peerNamespace);
  const settings = new Map(changes.map(({ namespace, come }) => [namespace, come]));
  await eachConcurrently([...new Set([...devices.keys(), ...settings.keys()])], WIDTH, async (namespace) => {
    const fresh = devices.get(namespace) ?? [];
    const come = settings.get(namespace) ?? [];
    const upAgain = fresh.length > 0 ? ['link set lo up'] : [];
    const additions = come
      .filter((setting) => !isRule(setting))
      .map(({ object, text }) => `${object} replace ${text}`);
    await ip(namespace, [
      ...upAgain,
      ...fresh.flatMap(({ peerDevice }) => upLines(peerDevice)),
      ...additions,
    ]);
    await addRules(namespace, come.filter(isRule));
  });
}

/** Removes pairs that exist; those whose namespace has gone are gone too. */
export async function removeLinks(links: readonly LinkPlan[]): Promise<void> {
  const groups = [...Map.groupBy(links, (link) => link.namespace)];
  await eachConcurrently(
    groups.filter(([name]) => existsSync(`${NETNS_DIRECTORY}/${name}`)),
    WIDTH,
    ([namespace, group]) =>
      ipForced(
        namespace,
        group.map(({ device }) => `link del ${device}`),
      ),
  );
}

/** Removes settings, also those that have gone by themselves, with their device for instance. */
export async function removeSettings(changes: readonly SettingsChange[]): Promise<void> {
  await eachConcurrently(changes, WIDTH, async ({ namespace, gone }) => {
    const removals = gone.toReversed();
    await ipForced(namespace, removals.filter((setting) => !isRule(setting)).map(removalLine));
    for (const family of [4, 6] as const) {
      await ipForced(namespace, ofFamily(removals.filter(isRule), family).map(removalLine), [`-${family}`]);
    }
  });
}

/** Lets the external client send from (and be reached at) more addresses. */
export async function addLoopbackAddresses(namespace: string, addresses: readonly string[]): Promise<void> {
  await ip(
    namespace,
    // Without nodad an IPv6 address can't be used yet when this returns.
    addresses.map(
      (address) => `address replace ${address}${address.includes(':') ? '/128 dev lo nodad' : '/32 dev lo'}`,
    ),
  );
}

// A rule can be there twice; everything else is replaced. Only rules don't show their family.
async function addRules(namespace: string, rules: readonly Setting[]): Promise<void> {
  for (const family of [4, 6] as const) {
    const own = ofFamily(rules, family);
    await ipForced(namespace, own.map(removalLine), [`-${family}`]);
    await ip(
      namespace,
      own.map(({ object, text }) => `${object} add ${text}`),
      [`-${family}`],
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

function isRule({ object }: Setting): boolean {
  return object === 'rule';
}

function removalLine({ object, text }: Setting): string {
  return `${object} del ${text}`;
}

function ofFamily(settings: readonly Setting[], family: 4 | 6): readonly Setting[] {
  return settings.filter((setting) => setting.family === family);
}

/** Goes on after lines that fail: what should be removed may have gone already. */
async function ipForced(
  namespace: string,
  commands: readonly string[],
  options: readonly string[] = [],
): Promise<void> {
  await ip(namespace, commands, [...options, '-force']).catch(() => undefined);
}

async function ip(
  namespace: string,
  commands: readonly string[],
  options: readonly string[] = [],
): Promise<void> {
  if (commands.length === 0) return;
  await runCommand('ip', ['-n', namespace, ...options, '-batch', '-'], lines(commands));
}

function lines(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`;
}
