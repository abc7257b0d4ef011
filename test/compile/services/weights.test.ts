import { describe, expect, it } from 'vitest';
import { createServiceCompiler } from '../../../src/compile/services/compiler.ts';
import { type ObjectName, objectName, type Port } from '../../../src/model/names.ts';
import type { EndpointSliceObject, Labels, WeirObject } from '../../../src/model/objects.ts';
import { compile, rowsOf, viewOf } from './sample-cluster.ts';
import {
  DRAINING,
  defaultOptions,
  endpoint,
  HERE,
  NOT_READY,
  node,
  pod,
  REMOTE,
  service,
  slice,
} from './sample-objects.ts';

const WEB = 'shop/web:/TCP/IPv4';
const weight = (text: string): { readonly annotations: Labels } => ({
  annotations: { 'weir.dev/weight': text },
});
const ofPod = (name: string) => ({ targetPod: objectName('shop', name) });

function web(changes: Partial<EndpointSliceObject>, more: readonly WeirObject[] = []): readonly WeirObject[] {
  const endpoints = [
    endpoint('10.244.1.1', ofPod('a')),
    endpoint('10.244.1.2', { ...ofPod('b'), ...REMOTE }),
  ];
  return [service('web', ['10.96.0.10']), slice('web', endpoints, changes), ...more];
}

function compiled(objects: readonly WeirObject[]) {
  const { rows, problems } = compile([node(HERE), ...objects]);
  const { cluster, excluded } = rowsOf(rows, WEB);
  return { weights: cluster.map((each) => each.weight), excluded, problems };
}

describe('weights', () => {
  it('[F8] [E14] are 1, or what the slice says, or what the pod says', () => {
    expect(compiled(web({}))).toMatchObject({ weights: [1, 1], problems: [] });
    expect(compiled(web(weight('9')))).toMatchObject({ weights: [9, 9], problems: [] });
    const a = pod('a', ['10.244.1.1'], weight('1000'));
    expect(compiled(web(weight('9'), [a]))).toMatchObject({ weights: [1000, 9], problems: [] });
  });

  it('[F8] are not those of a pod that has another address than the endpoint that names it', () => {
    const a = pod('a', ['10.244.1.9'], weight('7'));
    expect(compiled(web({}, [a])).weights).toEqual([1, 1]);
  });

  it('[E14] 0 takes an endpoint out of both lists, and says that it is in maintenance', () => {
    const a = pod('a', ['10.244.1.1'], weight('0'));
    const { rows } = compile(web({}, [a]));
    const { cluster, local, excluded } = rowsOf(rows, WEB);
    expect(cluster.map(({ address }) => address)).toEqual(['10.244.1.2']);
    expect(local).toEqual([]);
    expect(excluded).toContainEqual({ endpoint: '10.244.1.1:8080', list: 'both', why: 'maintenance' });
  });

  it('[E14] 0 of all endpoints leaves none, but for those that serve while they terminate', () => {
    const { rows } = compile(web(weight('0')));
    expect(rowsOf(rows, WEB).frontends).toMatchObject([{ inside: 'reject' }]);
    const ending = slice('web', [endpoint('10.244.1.3', DRAINING)], { name: 'more' });
    expect(
      compile([...web(weight('0')), ending]).rows.services.get(rowsOf(rows, WEB).id)?.cluster,
    ).toMatchObject([{ address: '10.244.1.3' }]);
  });

  it('[E14] an endpoint of weight 0 that goes is told as one that goes', () => {
    const gone = [endpoint('10.244.1.3', DRAINING), endpoint('10.244.1.4', NOT_READY)];
    const { rows } = compile([...web({}), slice('web', gone, { name: 'more', ...weight('0') })]);
    expect(rowsOf(rows, WEB).excluded).toMatchObject([
      { endpoint: '10.244.1.3:8080', list: 'both', why: 'terminating' },
      { endpoint: '10.244.1.4:8080', list: 'both', why: 'not-ready' },
    ]);
    expect(rowsOf(rows, WEB).cluster).toHaveLength(2);
  });

  it('[E14] [A49] a load balancer’s check does not count endpoints in maintenance', () => {
    const checked = service('web', ['10.96.0.10'], {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 32000 as Port,
    });
    const ready = slice('web', [endpoint('10.244.1.1', ofPod('a'))]);
    const count = (more: readonly WeirObject[]) => compile([checked, ready, ...more]).healthChecks;
    expect(count([])).toMatchObject([{ localReadyEndpoints: 1 }]);
    expect(count([pod('a', ['10.244.1.1'], weight('0'))])).toMatchObject([{ localReadyEndpoints: 0 }]);
  });

  it.each(['-1', '1001', '1.5', 'heavy', '', ' 1', '00001'])(
    '[F8] [E14] "%s" is told once, and is none',
    (text) => {
      const field = "metadata.annotations['weir.dev/weight']";
      const told = (kind: string, name: string) => ({
        severity: 'warning',
        object: { kind, namespace: 'shop', name },
        field,
        reason: 'UnknownAnnotationValue',
        remedy: 'use a whole number from 0 (no new connections) to 1000',
      });
      expect(compiled(web(weight(text)))).toMatchObject({
        weights: [1, 1],
        problems: [told('EndpointSlice', 'web-IPv4')],
      });
      const b = pod('b', ['10.244.1.2'], weight(text));
      expect(compiled(web(weight('3'), [b]))).toMatchObject({
        weights: [3, 3],
        problems: [told('Pod', 'b')],
      });
    },
  );

  it('[E14] [F8] a pod’s new weight changes the rows of its Services alone', () => {
    const compiler = createServiceCompiler(defaultOptions());
    const others = [service('other', ['10.96.0.20']), slice('other', [endpoint('10.244.1.7')])];
    const at = (text: string) => viewOf([...web({}, [pod('a', ['10.244.1.1'], weight(text))]), ...others]);
    compiler.update(at('1'), 'everything');
    const nothing = {
      services: new Set<ObjectName>(),
      nodes: new Set<never>(),
      namespaces: new Set<string>(),
    };
    const touched = { ...nothing, pods: new Set([objectName('shop', 'a')]), serviceCidrs: new Set<string>() };
    const { change } = compiler.update(at('5'), { ...touched, policies: new Set() });
    expect([...change.services.values()].map((row) => row?.cluster.map((each) => each.weight))).toEqual([
      [5, 1],
    ]);
  });
});
