/** docs/nftables.md against the table itself: what `nft list table` shows is explained there, and nothing that is gone. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { choiceName, choiceOf } from '../../src/dataplane/nft/chains/choice.ts';
import { chainNumber, FIXED_PICKS, stickChainName } from '../../src/dataplane/nft/chains/pick.ts';
import { SETS } from '../../src/dataplane/nft/layout.ts';
import { policySkeleton } from '../../src/dataplane/nft/policies/backend.ts';
import { POLICY_SETS } from '../../src/dataplane/nft/policies/layout.ts';
import { buildSkeleton } from '../../src/dataplane/nft/skeleton.ts';
import { NODE_PORT_RANGE } from './rows-arbitrary.ts';

const DOCUMENT = readFileSync(new URL('../../docs/nftables.md', import.meta.url), 'utf8');

/** The cells of the table below a heading, by line. */
function cellsBelow(heading: string): readonly (readonly string[])[] {
  const [, behind = ''] = DOCUMENT.split(`\n${heading}\n`);
  const [section = ''] = behind.split(/^#/m);
  const lines = section.split('\n').filter((line) => line.startsWith('| `') || line.startsWith('| N'));
  return lines.map((line) => line.split('|').map((cell) => cell.trim()));
}

/** The names in the first cells below a heading, sorted. */
function namesBelow(heading: string): readonly string[] {
  const names = cellsBelow(heading).flatMap(([, first = '']) =>
    [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
  return names.sort();
}

/** A chain as the document names it: numbers stand for themselves only in a person's mind. */
function documentedChain(name: string): string {
  return name
    .replace(/^(turn(?:-local)?)-\d+-\d+$/, '$1-N-C')
    .replace(/^((?:pick|spares?|source|destination)(?:-local)?)-\d+$/, '$1-N')
    .replace(/^stick-\d+$/, 'stick-T');
}

function unique(names: Iterable<string>): readonly string[] {
  return [...new Set(names)].sort();
}

const FIXED = buildSkeleton({ nodePortRange: NODE_PORT_RANGE, retries: true }).map(({ name }) => name);

const POLICY_CHAINS = policySkeleton({ reject: false, logGroup: null }).map(({ name }) => name);

/** Directions, courses and kinds of peers stand for themselves, but where there is one direction only. */
function documentedPolicyName(name: string): string {
  if (/^drop-(spoofed|rogue)/.test(name)) return name;
  return name
    .replace(/\b(ingress|egress)\b/, 'DIRECTION')
    .replace(/DIRECTION-(forth|back)/, 'DIRECTION-COURSE')
    .replace(/COURSE-(address|block|any)-(ports|ranges)$/, 'COURSE-PEER-$2')
    .replace(/^route-DIRECTION-COURSE-.*/, 'route-DIRECTION-COURSE-PEER');
}

describe('docs/nftables.md', () => {
  it('names every set and map, and no other', () => {
    expect(namesBelow('## Sets and maps')).toEqual(
      unique([...SETS.keys()].map((name) => name.replace(/[46]$/, ''))),
    );
  });

  it('says which sets both families share', () => {
    const shared = cellsBelow('## Sets and maps').filter(([, first = '']) => first.includes('*both*'));
    const names = shared.map(([, first = '']) => /`([^`]+)`/.exec(first)?.[1] ?? '');
    expect(names.sort()).toEqual(unique([...SETS.keys()].filter((name) => !/[46]$/.test(name))));
  });

  it('names every chain, and no other', () => {
    const choices = (['cluster', 'local'] as const).flatMap((list) =>
      (['turn', 'source', 'destination'] as const).map((by) => choiceName(choiceOf(by, list, 3, 7))),
    );
    const chains = [...FIXED, ...choices, stickChainName(10_800)].map(documentedChain);
    expect(namesBelow('## The way of a packet')).toEqual(unique(chains));
  });

  it('counts chains and sets as they are', () => {
    const picks = 2 * FIXED_PICKS;
    const prose = DOCUMENT.replace(/\s+/g, ' ');
    expect(prose).toContain(`${FIXED.length} fixed chains (${picks} of them`);
    expect(prose).toContain(`number of endpoints up to ${FIXED_PICKS},`);
    expect(prose).toContain(`${SETS.size} sets and maps`);
  });

  it('gives the numbers of chains as the maps hold them', () => {
    const numbers = cellsBelow('### Numbers of chains');
    const single = numbers.filter(([, number = '', chain = '']) => /^`0x/.test(number) && !/-N`/.test(chain));
    expect(single.length).toBeGreaterThan(3);
    for (const [, number = '', chain = ''] of single) {
      expect(chainNumber(chain.replaceAll('`', ''))).toBe(Number(number.replaceAll('`', '')));
    }
    expect(DOCUMENT).toContain(
      `\`0x${chainNumber('pick-40').toString(16).padStart(8, '0')}\` is \`pick-40\``,
    );
    expect(DOCUMENT).toContain(
      `\`0x${(chainNumber('pick-local-1') - 1).toString(16).padStart(8, '0')}\` + N`,
    );
    expect(chainNumber('turn-9-5')).toBe(0x20000 + 5 * 0x80000 + 9);
    expect(chainNumber('turn-local-9-15')).toBe(0x30000 + 15 * 0x80000 + 9);
    expect(chainNumber('source-32749')).toBe(0x40000 + 32_749);
    expect(chainNumber('destination-local-2')).toBe(0x70000 + 2);
  });

  it('names every chain, set and map of policies, and no other', () => {
    expect(namesBelow('### Policies: the way of a packet')).toEqual(
      unique(POLICY_CHAINS.map(documentedPolicyName)),
    );
    expect(namesBelow('### Policies: sets and maps')).toEqual(
      unique([...POLICY_SETS.keys()].map((name) => documentedPolicyName(name.replace(/[46]$/, '')))),
    );
    const prose = DOCUMENT.replace(/\s+/g, ' ');
    expect(prose).toContain(`${POLICY_CHAINS.length} fixed chains and ${POLICY_SETS.size} sets and maps`);
  });
});
