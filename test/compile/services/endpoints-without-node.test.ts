import { describe, expect, it } from 'vitest';
import { createServiceCompiler } from '../../../src/compile/services/compiler.ts';
import type { NodeName, ObjectName } from '../../../src/model/names.ts';
import type { Touched } from '../../../src/model/view.ts';
import { compile, viewOf } from './sample-cluster.ts';
import { defaultOptions, endpoint, HERE, internal, node, pod, service, slice } from './sample-objects.ts';

/** Hand-made slices and Endpoints seldom say on which node an endpoint is; its address does. */
describe.each([
  { family: 'IPv4', vip: '10.96.0.1', own: '172.31.0.1', address: '10.244.1.1', stranger: '192.0.2.42' },
  { family: 'IPv6', vip: 'fd96::1', own: 'fd31::1', address: 'fd44::1', stranger: '2001:db8::42' },
])('endpoints without node name, over $family', ({ vip, own, address, stranger }) => {
  const unplaced = { nodeName: null };
  const web = service('web', [vip]);
  const listed = slice(
    'web',
    [own, address, stranger].map((each) => endpoint(each, unplaced)),
  );
  const here = node(HERE, { addresses: internal(own) });
  const local = pod('p', [address]);
  const remote = pod('p', [address], { nodeName: 'there' as NodeName });

  it('[A8] [A35] are node-local where the address is a local pod or this node, for hairpin and masquerading only', () => {
    const [rows] = compile([here, local, web, listed]).rows.services.values();
    expect(
      rows?.cluster
        .filter(({ nodeLocal }) => nodeLocal)
        .map((each) => each.address)
        .sort(),
    ).toEqual([own, address].sort());
    expect(rows?.local).toEqual([]);
  });

  it('[A8] trust the slice where it names a node', () => {
    const placed = slice('web', [endpoint(address, { nodeName: 'there' as NodeName })]);
    const [rows] = compile([here, local, web, placed]).rows.services.values();
    expect(rows?.cluster.map(({ nodeLocal }) => nodeLocal)).toEqual([false]);
  });

  it('[A8] follow their pod when it comes, moves and goes', () => {
    const compiler = createServiceCompiler(defaultOptions());
    const touched: Touched = {
      services: new Set(),
      pods: new Set(['shop/p' as ObjectName]),
      nodes: new Set(),
      namespaces: new Set(),
      serviceCidrs: new Set(),
      policies: new Set(),
    };
    compiler.update(viewOf([web, listed]), 'everything');
    const localAfter = (objects: Parameters<typeof viewOf>[0]) => {
      compiler.update(viewOf([web, listed, ...objects]), touched);
      const [rows] = compiler.rows().services.values();
      return rows?.cluster.filter(({ nodeLocal }) => nodeLocal).map((each) => each.address);
    };
    expect(localAfter([local])).toEqual([address]);
    expect(localAfter([remote])).toEqual([]);
    expect(localAfter([local])).toEqual([address]);
    expect(localAfter([])).toEqual([]);
  });
});
