import { describe, expect, it } from 'vitest';
import { parsed, problemsOf, refusalOf } from './parsing.ts';

const yaml = (cidrs: string) =>
  `apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: more}\nspec: {cidrs: ${cidrs}}\n`;

describe('readServiceCidrObject', () => {
  it('[A65] takes one network, or one of each family, in canonical form', () => {
    expect(parsed('ServiceCIDR', yaml('[10.112.0.0/16]'))).toMatchObject({
      namespace: '',
      name: 'more',
      cidrs: ['10.112.0.0/16'],
      deleting: false,
    });
    const both = parsed('ServiceCIDR', yaml('["FD97:0::/112", 10.112.0.0/16]'));
    expect(both.cidrs).toEqual(['fd97::/112', '10.112.0.0/16']);
    expect(problemsOf(yaml('[10.112.0.0/16]'))).toEqual([]);
  });

  it.each([
    ['[]', ['MissingValue spec.cidrs']],
    ['null', ['MissingValue spec.cidrs']],
    ['[null]', ['MissingValue spec.cidrs[0]']],
    ['10.112.0.0/16', ['InvalidType spec.cidrs']],
    ['[10.112.0.1/16]', ['InvalidCIDR spec.cidrs[0]']],
    ['[10.112.0.0]', ['InvalidCIDR spec.cidrs[0]']],
    ['[10.112.0.0/16, 10.113.0.0/16]', ['DuplicateFamily spec.cidrs[1]']],
    ['[10.112.0.0/16, "fd97::/112", "fd98::/112"]', ['DuplicateFamily spec.cidrs[2]']],
  ])('[A65] refuses %s', (cidrs, expected) => {
    expect(refusalOf(yaml(cidrs))).toEqual(expected);
  });
});
