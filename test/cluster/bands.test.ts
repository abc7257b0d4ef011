import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bandedTurn, staticAddresses, staticNodePorts } from '../../src/cluster/bands.ts';

describe('static bands', () => {
  it('[A65] are as wide as the API server’s', () => {
    // The examples of the Kubernetes documentation: /24, /20 and /16; then what is too small for a band.
    expect([256, 4096, 65536].map(staticAddresses)).toEqual([16, 256, 256]);
    expect([1024, 512, 8, 16, 32].map(staticAddresses)).toEqual([64, 32, 0, 0, 16]);
  });

  it('[A22] of node ports are as wide as the API server’s', () => {
    expect([2768, 16, 17, 1024, 65535].map(staticNodePorts)).toEqual([86, 0, 16, 32, 128]);
  });

  it('come last in a turn that meets every number once', () => {
    const size = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(size, fc.nat(59), fc.nat(60), (count, start, band) => {
        const turn = [...bandedTurn(count, start % count, band)];
        expect([...turn].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
        const dynamic = turn.filter((number) => number >= band);
        expect(turn.slice(0, dynamic.length)).toEqual(dynamic);
      }),
    );
  });
});
