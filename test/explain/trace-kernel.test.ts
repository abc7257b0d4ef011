import { expect, it } from 'vitest';
import { compilePolicies } from '../../src/compile/policies/compiler.ts';
import { compileAll } from '../../src/compile/services/compiler.ts';
import type { Rehearsal } from '../../src/dataplane/bpf/policies/rehearsal.ts';
import type { PodInterface } from '../../src/dataplane/policy-change.ts';
import { traceKernel } from '../../src/explain/trace-kernel.ts';
import type { NodeName, ObjectName } from '../../src/model/names.ts';
import type { WeirObject } from '../../src/model/objects.ts';
import type { PolicyRows } from '../../src/model/policy-rows.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { createWorld } from '../../src/world/world.ts';
import { COMPILE_DEFAULTS } from '../compile-options.ts';
import { namespaceObject, networkPolicyObject, nodeObject, podObject } from '../objects.ts';
import { address } from '../oracle/generated-policies.ts';

const NODE = 'n1' as NodeName;
const ADDRESSES = { web: '10.1.0.5', near: '10.1.0.6', far: '10.1.1.7' };

const pod = (name: keyof typeof ADDRESSES, node: string) =>
  podObject({
    namespace: 'shop',
    name,
    labels: { app: name },
    nodeName: node as NodeName,
    addresses: [address(ADDRESSES[name])],
  });
const OBJECTS: readonly WeirObject[] = [
  nodeObject({ name: 'n1' }),
  nodeObject({ name: 'n2' }),
  namespaceObject({ name: 'shop' }),
  pod('web', 'n1'),
  pod('near', 'n1'),
  pod('far', 'n2'),
  // Nobody gets in.
  networkPolicyObject({
    namespace: 'shop',
    name: 'web',
    podSelector: [{ key: 'app', operator: 'In', values: ['web'] }],
  }),
];
const INTERFACES = (['web', 'near'] as const).map(
  (name, index): PodInterface => ({
    pod: `shop/${name}` as ObjectName,
    interfaceIndex: 5 + index,
    addresses: [address(ADDRESSES[name])],
    held: false,
  }),
);

/** Lets everything pass, by no rule. */
const OPEN_KERNEL: Pick<Rehearsal, 'judge'> = {
  judge: async (_, flows) =>
    flows.map(() => ({ verdict: 'pass', reason: 'none', rule: null, auditRule: null, peer: null })),
};

async function traced(
  from: string,
  given: { readonly interfaces?: readonly PodInterface[]; readonly rows?: Partial<PolicyRows> } = {},
) {
  const world = createWorld();
  world.apply(OBJECTS.map((object) => ({ type: 'set', object })));
  const [line] = await traceKernel({
    objects: OBJECTS,
    requests: [parseProbeRequest({ from, to: 'shop/web', port: 80 })],
    options: { compile: COMPILE_DEFAULTS, node: null },
    installed: {
      node: NODE,
      rows: compileAll(world.view, { ...COMPILE_DEFAULTS, node: NODE }).rows,
      policyRows: { ...compilePolicies(world.view, NODE).rows, ...given.rows },
    },
    interfaces: given.interfaces ?? INTERFACES,
    rehearsal: OPEN_KERNEL,
  });
  if (line === undefined || 'error' in line) throw new Error('expected an answer');
  return line;
}

const DENIED = { verdict: 'denied', by: 'isolated by NetworkPolicy shop/web', auditDeniedBy: null };
const OPEN = { verdict: 'allowed', by: 'no policy selects the pod', auditDeniedBy: null };

it('[F12] each end on the node has what the rows and what the kernel say', async () => {
  const { verdict, kernel } = await traced('shop/near');
  expect(verdict).toBe('blocked');
  expect(kernel).toEqual([
    {
      pod: 'shop/near',
      direction: 'egress',
      address: ADDRESSES.near,
      peer: ADDRESSES.web,
      protocol: 'TCP',
      port: 80,
      backend: null,
      rows: OPEN,
      kernel: OPEN,
      agrees: true,
    },
    {
      pod: 'shop/web',
      direction: 'ingress',
      address: ADDRESSES.web,
      peer: ADDRESSES.near,
      protocol: 'TCP',
      port: 80,
      backend: null,
      rows: DENIED,
      kernel: OPEN,
      agrees: false,
    },
  ]);
});

it('[F12] ends on other nodes are not asked', async () => {
  expect((await traced('shop/far')).kernel.map(({ pod: asked }) => asked)).toEqual(['shop/web']);
});

it('[F12] the trace is by the rows that the agent has, not by those of the manifests', async () => {
  const { verdict, kernel } = await traced('shop/near', { rows: { subjects: new Map() } });
  expect(verdict).toBe('allowed');
  expect(kernel.map(({ agrees }) => agrees)).toEqual([true, true]);
});

it('[F12] a selected pod without an interface is let through, whatever its rows say; others need none', async () => {
  expect((await traced('shop/near', { interfaces: [] })).kernel).toMatchObject([
    {
      pod: 'shop/web',
      rows: DENIED,
      kernel: { verdict: 'allowed', by: 'the pod has no interface to judge it on' },
      agrees: false,
    },
  ]);
});
