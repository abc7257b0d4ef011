import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from '../../../src/compile/services/label-selector.ts';
import type { Port } from '../../../src/model/names.ts';
import type { ServiceObject } from '../../../src/model/objects.ts';
import { selectorMatches } from '../../../src/model/policy.ts';
import { compile, reasons, rowsOf } from './sample-cluster.ts';
import { cidr, endpoint, HERE, ip, node, service, servicePort, slice, vip } from './sample-objects.ts';

const everyType = (changes: Partial<ServiceObject> = {}) =>
  service('web', ['10.96.0.10', 'fd96::10'], {
    type: 'LoadBalancer',
    ports: [servicePort(80, { nodePort: 30080 as Port })],
    loadBalancerIngress: [vip('192.0.2.1'), vip('2001:db8::1')],
    externalIps: [ip('198.51.100.1'), ip('2001:db8::2')],
    ...changes,
  });
const slices = [slice('web', [endpoint('10.244.1.1')]), slice('web', [endpoint('fd44::1')])];
const IDS = ['shop/web:/TCP/IPv4', 'shop/web:/TCP/IPv6'];
const ALL_KINDS = ['clusterIP', 'loadBalancerIP', 'externalIP', 'nodePort'];

describe('[E11] weir.dev/expose', () => {
  const exposed = (value: string, labels: Record<string, string> = {}) => {
    const { rows, problems } = compile([
      node(HERE, { labels }),
      everyType({ annotations: { 'weir.dev/expose': value } }),
      ...slices,
    ]);
    const kinds = IDS.map((id) =>
      [...rows.services.values()]
        .filter((row) => row.id === id)
        .flatMap((row) => row.frontends.map(({ kind }) => kind)),
    );
    expect(kinds[0]).toEqual(kinds[1]);
    return { kinds: kinds[0], problems: reasons(problems), addresses: rows.addresses.size };
  };

  it.each([
    ['all', ALL_KINDS],
    ['ClusterIP', ['clusterIP']],
    ['LoadBalancer', ['loadBalancerIP']],
    ['NodePort,ExternalIP', ['externalIP', 'nodePort']],
    [' ClusterIP , NodePort ', ['clusterIP', 'nodePort']],
  ])('[E11] "%s" makes only frontends of these types', (value, kinds) => {
    expect(exposed(value)).toMatchObject({ kinds, problems: [] });
  });

  it('[E11] owns only the addresses of exposed types', () => {
    expect(exposed('LoadBalancer').addresses).toBe(2);
    expect(exposed('NodePort').addresses).toBe(0);
  });

  it.each([
    ['all on edge=true', { edge: 'true' }, true],
    ['all on edge=true', { edge: 'false' }, false],
    ['all on edge', {}, false],
    ['all on !edge', {}, true],
    ['LoadBalancer on zone in (a, b),tier!=dev', { zone: 'b' }, true],
    ['LoadBalancer on zone in (a, b),tier!=dev', { zone: 'b', tier: 'dev' }, false],
  ])('[E11] "%s" on a node with %o: %s', (value, labels, here) => {
    const { kinds, problems } = exposed(value, labels);
    expect(kinds?.includes('loadBalancerIP')).toBe(here);
    expect(problems).toEqual([]);
    if (!here) expect(kinds).toEqual([]);
  });

  it.each(['', 'some', 'ClusterIP,Foo', 'all on ', 'all on a=b=c', 'all on (', 'constructor'])(
    '[E11] "%s" is reported and exposes everything',
    (value) => {
      const { kinds, problems } = exposed(value);
      expect(kinds).toEqual(ALL_KINDS);
      expect(problems).toEqual([
        "Service web: UnknownAnnotationValue metadata.annotations['weir.dev/expose']",
      ]);
    },
  );
});

describe('source ranges', () => {
  const guarded = (changes: Partial<ServiceObject>, sourceRangesAllTypes = false) => {
    const { rows, problems } = compile([everyType(changes), ...slices], { sourceRangesAllTypes });
    const found = IDS.map((id) => rowsOf(rows, id));
    const checked = found.map((row) => row.frontends.filter((f) => f.checkSources).map(({ kind }) => kind));
    return { ranges: found.map((row) => row.sourceRanges), checked, problems: reasons(problems) };
  };
  const ranges = {
    loadBalancerSourceRanges: [cidr('192.168.0.0/24'), cidr('192.168.1.0/24'), cidr('2001:db8::/32')],
  };
  const policy = (value: string) => ({ annotations: { 'weir.dev/source-ranges-policy': value } });

  it('[A30] guard load-balancer IPs, merged and by family', () => {
    expect(guarded(ranges)).toEqual({
      ranges: [
        { policy: 'allow', prefixes: ['192.168.0.0/23'] },
        { policy: 'allow', prefixes: ['2001:db8::/32'] },
      ],
      checked: [['loadBalancerIP'], ['loadBalancerIP']],
      problems: [],
    });
  });

  it('[A30] absent, guard nothing', () => {
    expect(guarded({})).toEqual({ ranges: [null, null], checked: [[], []], problems: [] });
  });

  it('[A30] of one family deny the other', () => {
    const { ranges: found, checked } = guarded({ loadBalancerSourceRanges: [cidr('192.168.0.0/24')] });
    expect(found[1]).toEqual({ policy: 'allow', prefixes: [] });
    expect(checked[1]).toEqual(['loadBalancerIP']);
  });

  it('[E12] as a deny list, which of one family lets the other pass', () => {
    const { ranges: found, checked } = guarded({
      loadBalancerSourceRanges: [cidr('10.0.0.0/8')],
      ...policy('deny'),
    });
    expect(found).toEqual([{ policy: 'deny', prefixes: ['10.0.0.0/8'] }, null]);
    expect(checked).toEqual([['loadBalancerIP'], []]);
  });

  it.each([
    ['allow,all-types', false],
    ['deny, all-types', false],
    ['allow', true],
  ])('[E12] "%s" with the flag %s guard node ports and external IPs too', (value, flag) => {
    const external = ['loadBalancerIP', 'externalIP', 'nodePort'];
    expect(guarded({ ...ranges, ...policy(value) }, flag).checked).toEqual([external, external]);
  });

  it.each(['', 'block', 'allow,everything', 'deny,all-types,x'])(
    '[E12] the unknown policy "%s" is reported',
    (value) => {
      const result = guarded({ ...ranges, ...policy(value) });
      expect(result.ranges[0]?.policy).toBe('allow');
      expect(result.checked[0]).toEqual(['loadBalancerIP']);
      expect(result.problems).toEqual([
        "Service web: UnknownAnnotationValue metadata.annotations['weir.dev/source-ranges-policy']",
      ]);
    },
  );
});

describe('[E11] label selectors', () => {
  const matches = (text: string, labels: Record<string, string>) => {
    const parsed = parseLabelSelector(text);
    return parsed === undefined ? 'not a selector' : selectorMatches(parsed, labels);
  };

  it.each<[string, Record<string, string>, boolean | string]>([
    ['a=b', { a: 'b' }, true],
    ['a==b', { a: 'c' }, false],
    ['a!=b', {}, true],
    ['a!=b', { a: 'b' }, false],
    ['a=', { a: '' }, true],
    ['a in (x,y)', { a: 'y' }, true],
    ['a in ( x )', { a: 'y' }, false],
    ['a notin (x,y)', {}, true],
    ['a notin (x,y)', { a: 'x' }, false],
    ['example.com/a', { 'example.com/a': '' }, true],
    ['!a,b', { b: '1' }, true],
    ['toString', {}, false],
    ['a in x', {}, 'not a selector'],
    ['a in (x', {}, 'not a selector'],
    ['a=b,', {}, 'not a selector'],
    ['a b', {}, 'not a selector'],
  ])('[E11] %s on %o: %s', (text, labels, expected) => {
    expect(matches(text, labels)).toBe(expected);
  });

  it('[E11] a condition and its opposite never agree', () => {
    const name = fc.constantFrom('a', 'b', 'example.com/c');
    const value = fc.constantFrom('x', 'y', '');
    fc.assert(
      fc.property(
        name,
        fc.array(value, { minLength: 1 }),
        fc.dictionary(name, value),
        (key, values, labels) => {
          const list = `(${values.join(',')})`;
          expect(matches(`${key} in ${list}`, labels)).toBe(!matches(`${key} notin ${list}`, labels));
          expect(matches(key, labels)).toBe(!matches(`!${key}`, labels));
        },
      ),
    );
  });
});
