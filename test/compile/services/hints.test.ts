import { describe, expect, it } from 'vitest';
import type { NodeName } from '../../../src/model/names.ts';
import type { NodeObject, SliceEndpoint } from '../../../src/model/objects.ts';
import { compile, rowsOf } from './sample-cluster.ts';
import {
  DRAINING,
  ELSEWHERE,
  endpoint,
  HERE,
  NOT_READY,
  node,
  REMOTE,
  service,
  slice,
  zoneLabel,
} from './sample-objects.ts';

const inZone = (address: string, zone: string, changes: Partial<SliceEndpoint> = {}) =>
  endpoint(address, { zone, hintZones: [zone], ...REMOTE, ...changes });

describe.each([
  { family: 'IPv4', clusterIp: '10.96.0.10', prefix: '10.244.1.' },
  { family: 'IPv6', clusterIp: 'fd96::10', prefix: 'fd44:1::' },
])('topology hints over $family', ({ family, clusterIp, prefix }) => {
  const [a, b, c] = [`${prefix}1`, `${prefix}2`, `${prefix}3`] as const;
  const compiled = (
    endpoints: readonly SliceEndpoint[],
    own: Partial<NodeObject> = { labels: zoneLabel('a') },
  ) =>
    rowsOf(
      compile([
        node(HERE, own),
        service('web', [clusterIp], { externalTrafficPolicy: 'Local' }),
        slice('web', endpoints),
      ]).rows,
      `shop/web:/TCP/${family}`,
    );
  const chosen = (...args: Parameters<typeof compiled>) =>
    compiled(...args).cluster.map(({ address }) => address);

  it('[A52] [A55] uses the endpoints hinted to this node’s zone', () => {
    const endpoints = [inZone(a, 'a'), inZone(b, 'b'), inZone(c, 'c', { hintZones: ['c', 'a'] })];
    expect(chosen(endpoints)).toEqual([a, c]);
    expect(compiled(endpoints).excluded).toContainEqual(
      expect.objectContaining({ list: 'cluster', why: 'other-zone' }),
    );
  });

  it('[A53] uses all when one ready endpoint has no hint', () => {
    expect(chosen([inZone(a, 'a'), inZone(b, 'b'), inZone(c, 'b', { hintZones: [] })])).toEqual([a, b, c]);
  });

  it('[A53] ignores missing hints of endpoints that are not ready', () => {
    const endpoints = [inZone(a, 'a'), inZone(b, 'b'), inZone(c, 'a', { hintZones: [], ...NOT_READY })];
    expect(chosen(endpoints)).toEqual([a]);
  });

  it('[A53] [A55] uses all when no hint names this zone', () => {
    expect(chosen([inZone(a, 'b'), inZone(b, 'c')])).toEqual([a, b]);
  });

  it.each([{ labels: {} }, { labels: zoneLabel('') }])(
    '[A53] uses all when the node has no zone: %o',
    (own) => {
      expect(chosen([inZone(a, 'a'), inZone(b, 'b')], own)).toEqual([a, b]);
    },
  );

  it('[A54] never applies hints to the local list', () => {
    const row = compiled([inZone(a, 'b', { nodeName: HERE }), inZone(b, 'a')]);
    expect(row.cluster).toMatchObject([{ address: b }]);
    expect(row.local).toMatchObject([{ address: a }]);
  });

  it('[A56] prefers endpoints hinted to this node, then to its zone, then all', () => {
    const onNode = (address: string, zone: string, name: NodeName) =>
      inZone(address, zone, { nodeName: name, hintNodes: [name] });
    const [third, fourth] = ['third' as NodeName, 'fourth' as NodeName];
    const near = [onNode(b, 'a', ELSEWHERE), onNode(c, 'b', third)];
    expect(chosen([onNode(a, 'a', HERE), ...near])).toEqual([a]);
    expect(compiled([onNode(a, 'a', HERE), ...near]).excluded).toContainEqual(
      expect.objectContaining({ why: 'other-node' }),
    );
    expect(chosen(near)).toEqual([b]);
    expect(chosen([onNode(b, 'b', fourth), onNode(c, 'b', third)])).toEqual([b, c]);
  });

  it('[A56] needs a node hint on every ready endpoint', () => {
    expect(chosen([inZone(a, 'a', { hintNodes: [HERE] }), inZone(b, 'a')])).toEqual([a, b]);
  });

  it('[A47] does not apply hints to terminating endpoints', () => {
    expect(chosen([inZone(a, 'a', DRAINING), inZone(b, 'b', DRAINING)])).toEqual([a, b]);
  });
});
