import { describe, expect, it } from 'vitest';
import { socketExemptions } from '../../../src/compile/sockets/exemptions.ts';
import type { Address } from '../../../src/model/address.ts';
import type { NodeName } from '../../../src/model/names.ts';
import type { PodObject } from '../../../src/model/objects.ts';
import { createWorld } from '../../../src/world/world.ts';
import { namespaceObject, podObject } from '../../objects.ts';

const HERE = 'here' as NodeName;
const ADDRESSES = ['10.244.1.5', 'fd44::5'] as Address[];

/** A pod `p` in `default`, whose namespace and which itself have these values. */
function exempting(
  inNamespace: string | undefined,
  onPod: string | undefined,
  part: Partial<PodObject> = {},
) {
  const annotations = (value: string | undefined) =>
    value === undefined ? {} : { 'weir.dev/socket-lb': value };
  const world = createWorld();
  world.apply(
    [
      namespaceObject({ name: 'default', annotations: annotations(inNamespace) }),
      podObject({
        name: 'p',
        nodeName: HERE,
        addresses: ADDRESSES,
        annotations: annotations(onPod),
        ...part,
      }),
    ].map((object) => ({ type: 'set', object })),
  );
  const { pods, problems } = socketExemptions(world.view, HERE);
  return {
    pods: [...pods],
    reasons: problems.map(({ object, reason }) => `${object.kind} ${reason}`),
    problems,
  };
}

const EXEMPT = { pods: [['default/p', ADDRESSES]], reasons: [] };
const SERVED = { pods: [], reasons: [] };

describe('[E2] weir.dev/socket-lb', () => {
  it.each([
    [undefined, undefined, SERVED],
    [undefined, 'off', EXEMPT],
    ['off', undefined, EXEMPT],
    ['off', 'on', SERVED],
    ['on', 'off', EXEMPT],
    ['on', undefined, SERVED],
  ])('[E2] of a namespace %s, of a pod %s', (namespace, pod, expected) => {
    expect(exempting(namespace, pod)).toMatchObject(expected);
  });

  it('[E2] tells one clear problem of a value that makes no sense, which counts as none', () => {
    const { pods, problems } = exempting('off', 'maybe');
    expect(pods.length).toBe(1);
    expect(problems).toEqual([
      {
        severity: 'warning',
        object: { kind: 'Pod', namespace: 'default', name: 'p' },
        field: "metadata.annotations['weir.dev/socket-lb']",
        reason: 'UnknownAnnotationValue',
        message: '"maybe" is not a value of weir.dev/socket-lb; what its namespace says counts',
        remedy: 'use `on` or `off`',
        file: null,
      },
    ]);
    expect(exempting('', undefined)).toMatchObject({
      pods: [],
      reasons: ['Namespace UnknownAnnotationValue'],
    });
  });

  it('[E2] can’t be served to a pod of the host’s network, which is told if it asks itself', () => {
    expect(exempting(undefined, 'off', { hostNetwork: true })).toMatchObject({
      pods: [],
      reasons: ['Pod NotExempt'],
    });
    expect(exempting('off', undefined, { hostNetwork: true })).toMatchObject(SERVED);
  });

  it('[E2] is about pods of this node that run and have addresses', () => {
    for (const part of [
      { nodeName: 'there' as NodeName },
      { phase: 'Succeeded' as const },
      { addresses: [] },
    ])
      expect(exempting(undefined, 'off', part)).toMatchObject(SERVED);
  });
});
