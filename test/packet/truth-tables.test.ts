/**
 * Generated policies, compiled, written to the maps, asked by packets: the programs' answer is the oracle's, for every
 * local pod, peer, port and protocol. WEIR_PROPERTY_RUNS makes it longer; WEIR_PROPERTY_SEED repeats one.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compilePolicies } from '../../src/compile/policies/compiler.ts';
import { runOnPackets } from '../../src/kernel/bpf-program.ts';
import { type Address, familyOf } from '../../src/model/address.ts';
import { type NodeName, objectName, PROTOCOLS } from '../../src/model/names.ts';
import type { PodObject, WeirObject } from '../../src/model/objects.ts';
import { DIRECTIONS } from '../../src/model/policy-rows.ts';
import { createWorld } from '../../src/world/world.ts';
import { askedPorts, EXTERNALS, NODES, policyClusters } from '../oracle/generated-policies.ts';
import { coveringClusters } from '../oracle/policy-features.ts';
import {
  expectPolicy,
  type PolicyCase,
  type PolicyCluster,
  policyClusterOf,
} from '../oracle/policy-oracle.ts';
import { frameOf, GRE, ip, SCTP, SYN, sctp, TCP, tcp, UDP, udp } from './packets.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';

const RUNS = Number(process.env.WEIR_PROPERTY_RUNS ?? 25);
const SEED = process.env.WEIR_PROPERTY_SEED;
/** Ten times what a set takes on a quiet machine. */
const TIMEOUT_MS = 120_000 + RUNS * 1000;
const ELSEWHERE = 7;
/** Source ports, none of which is asked about: every packet opens a flow of its own. */
const FIRST_PORT = 10_000;
const PORTS = 20_000;

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({ admissionsPerSecond: 0, eventsPerSecond: 0 });
});
afterAll(() => node.close());

const ROWS = '[C1][C2][C4][C5][C6][C7][C8][C9][C10][C20][C22][C25][I12][I13][I14][I18][I20]';

it(`${ROWS} packets meet what the API's text says`, { timeout: TIMEOUT_MS }, async () => {
  await fc.assert(
    fc.asyncProperty(policyClusters, askedPorts, async (objects, ports) => {
      const world = createWorld();
      world.apply(objects.map((object) => ({ type: 'set', object })));
      const cluster = policyClusterOf(objects);
      const peers = [...new Set([...objects.flatMap(addressesOf), ...EXTERNALS])];
      for (const name of NODES) {
        const { rows } = compilePolicies(world.view, name);
        await node.dataplane.sync(rows, new Map());
        for (const subject of localPods(cluster, name))
          expect(await differences(cluster, [...cases(subject, peers, ports)])).toEqual([]);
      }
    }),
    {
      numRuns: RUNS,
      examples: coveringClusters().map((objects) => [objects, [80, 8080, 443, 32000]]),
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    },
  );
});

function localPods({ pods }: PolicyCluster, name: NodeName): readonly PodObject[] {
  return pods.filter((pod) => pod.nodeName === name && !pod.hostNetwork && pod.addresses.length > 0);
}

/** Cases of one pod that the programs answer in another way than the oracle. */
async function differences(cluster: PolicyCluster, asked: readonly PolicyCase[]): Promise<readonly string[]> {
  const [{ subject } = noCase()] = asked;
  const pod = objectName(subject.namespace, subject.name);
  const attached = { pod, interfaceIndex: POD_INTERFACE, addresses: subject.addresses, held: false };
  await node.dataplane.apply({ interfaces: new Map([[pod, attached]]) });
  // What rows of before left in the tables may hide what is wrong with these.
  await node.dataplane.collect();
  const wrong: string[] = [];
  for (const direction of DIRECTIONS) {
    // Without ports, a packet would pass as the reply to one of the other direction.
    await node.forget();
    const those = asked.filter((one) => one.direction === direction);
    const program = direction === 'ingress' ? node.programs.toPod : node.programs.fromPod;
    const place = { interfaceIndex: POD_INTERFACE, ingressInterface: ELSEWHERE };
    const verdicts = await runOnPackets(program, those.map(frameFor), place);
    for (const [index, one] of those.entries()) {
      const expected = expectPolicy(cluster, one).verdict === 'allow' ? 'pass' : 'drop';
      if (verdicts[index] !== expected) wrong.push(`${textOf(one)}: ${verdicts[index]}`);
    }
  }
  await node.dataplane.apply({ interfaces: new Map([[pod, null]]) });
  return wrong.slice(0, 5);
}

function* cases(
  subject: PodObject,
  peers: readonly Address[],
  ports: readonly number[],
): Iterable<PolicyCase> {
  const families = subject.addresses.map(familyOf);
  for (const direction of DIRECTIONS)
    for (const peer of peers) {
      // A pod always reaches itself, and has no packets of a family that it has no address of.
      if (subject.addresses.includes(peer) || !families.includes(familyOf(peer))) continue;
      for (const protocol of [...PROTOCOLS, null])
        for (const port of protocol === null ? [0] : ports)
          yield { subject, direction, peer, protocol, port };
    }
}

let lastPort = 0;

function frameFor({ subject, direction, peer, protocol, port }: PolicyCase): Uint8Array {
  const own = subject.addresses.find((address) => familyOf(address) === familyOf(peer)) ?? noCase();
  const [source, destination] = direction === 'ingress' ? [peer, own] : [own, peer];
  lastPort = (lastPort + 1) % PORTS;
  const from = FIRST_PORT + lastPort;
  switch (protocol) {
    case 'TCP':
      return frameOf(ip(source, destination, TCP, tcp(from, port, SYN)));
    case 'UDP':
      return frameOf(ip(source, destination, UDP, udp(from, port)));
    case 'SCTP':
      return frameOf(ip(source, destination, SCTP, sctp(from, port)));
    case null:
      return frameOf(ip(source, destination, GRE, udp(from, port)));
  }
}

function addressesOf(object: WeirObject): readonly Address[] {
  if (object.kind === 'Pod') return object.addresses;
  return object.kind === 'Node' ? object.addresses.map((each) => each.address) : [];
}

function textOf({ subject, ...rest }: PolicyCase): string {
  return JSON.stringify({ subject: `${subject.namespace}/${subject.name}`, ...rest });
}

function noCase(): never {
  throw new Error('there is nothing to ask');
}
