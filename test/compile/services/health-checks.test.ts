import { describe, expect, it } from 'vitest';
import type { Port } from '../../../src/model/names.ts';
import type { ServiceObject, SliceEndpoint } from '../../../src/model/objects.ts';
import { compile } from './sample-cluster.ts';
import { DRAINING, endpoint, HERE, NOT_READY, node, REMOTE, service, slice } from './sample-objects.ts';

const checked = (changes: Partial<ServiceObject> = {}) =>
  service('web', ['10.96.0.10', 'fd96::10'], {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 32000 as Port,
    ...changes,
  });
const count = (endpoints: readonly SliceEndpoint[]) =>
  compile([checked(), slice('web', endpoints)]).healthChecks.map((check) => check.localReadyEndpoints);

describe('health checks', () => {
  it('[A49] count the ready endpoints of this node', () => {
    expect(
      compile([checked(), slice('web', [endpoint('10.244.1.1'), endpoint('10.244.1.2', REMOTE)])]),
    ).toMatchObject({
      healthChecks: [{ service: 'shop/web', port: 32000, localReadyEndpoints: 1 }],
    });
    expect(count([])).toEqual([0]);
  });

  it('[A49] do not count terminating or unready ones, even where they serve', () => {
    expect(count([endpoint('10.244.1.1', DRAINING), endpoint('10.244.1.2', NOT_READY)])).toEqual([0]);
    expect(count([endpoint('10.244.1.1', { terminating: true })])).toEqual([0]);
  });

  it('[A49] count a dual-stack pod and a repeated endpoint once', () => {
    const v4 = slice('web', [endpoint('10.244.1.1')]);
    const again = slice('web', [endpoint('10.244.1.1')], { name: 'again' });
    const v6 = slice('web', [endpoint('fd44::1')]);
    expect(compile([checked(), v4, again, v6]).healthChecks).toMatchObject([{ localReadyEndpoints: 1 }]);
  });

  it.each<[string, Partial<ServiceObject>]>([
    ['policy Cluster', { externalTrafficPolicy: 'Cluster' }],
    ['no port', { healthCheckNodePort: null }],
    ['another type', { type: 'NodePort' }],
    ['another proxy', { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } }],
  ])('[A49] are not made with %s', (_, changes) => {
    expect(compile([checked(changes)]).healthChecks).toEqual([]);
  });

  it('[E11] [A49] find nothing on nodes where the load-balancer IP is not served', () => {
    const hidden = checked({ annotations: { 'weir.dev/expose': 'all on edge' } });
    const { healthChecks } = compile([node(HERE), hidden, slice('web', [endpoint('10.244.1.1')])]);
    expect(healthChecks).toMatchObject([{ localReadyEndpoints: 0 }]);
  });
});
