import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION_KEYS, environmentName } from '../../src/agent/configuration-keys.ts';
import { createProgram } from '../../src/cli/program.ts';
import { DROP_REASON_WORDS, TALLY_WORDS } from '../../src/generated/policy.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

function commandsBelow(command: Command, path: string): readonly (readonly [string, Command])[] {
  return command.commands.flatMap((child) => {
    const name = path === '' ? child.name() : `${path} ${child.name()}`;
    return [[name, child] as const, ...commandsBelow(child, name)];
  });
}

describe('documents', () => {
  it('name every command and every flag', () => {
    const text = read('commands.md');
    const missing = commandsBelow(createProgram(), '').flatMap(([path, command]) => [
      ...(text.includes(path) ? [] : [path]),
      ...command.options
        .map((option) => option.long ?? '')
        .filter((flag) => path !== 'agent' && !text.includes(flag))
        .map((flag) => `${path} ${flag}`),
    ]);
    expect(missing).toEqual([]);
  });

  it('give every key of the configuration with its variable and default', () => {
    const lines = read('configuration.md').split('\n');
    for (const { name, fallback } of CONFIGURATION_KEYS) {
      const line = lines.find((candidate) => candidate.startsWith(`| \`--${name}`));
      expect(line, name).toBeDefined();
      expect(line).toContain(`\`${environmentName(name)}\``);
      if (fallback !== null && fallback !== '') expect(line).toContain(`\`${fallback}\``);
    }
  });

  it('know no key that is none', () => {
    const named = [...read('configuration.md').matchAll(/^\| `--([a-z-]+)/gm)].map(([, name]) => name);
    expect(named).toEqual(CONFIGURATION_KEYS.map((key) => key.name));
  });

  it('[H18] name every metric', () => {
    const sources = ['metrics', 'policy-metrics'].map((name) =>
      readFileSync(new URL(`../../src/agent/${name}.ts`, import.meta.url), 'utf8'),
    );
    const names = [...sources.join().matchAll(/'((?:weir|kubeproxy)_\w+)'/g)].map(([, name]) => name);
    const text = read('configuration.md');
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !text.includes(`\`${name}`))).toEqual([]);
  });

  it('[H18] say what each reason for a drop means, and each outcome', () => {
    const [, reasons = '', outcomes = ''] =
      /### Why a packet was dropped(.*?)\| outcome \|(.*?)\n#/s.exec(read('policies.md')) ?? [];
    const wordsOf = (rows: string) =>
      [...rows.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) =>
        cell.split(', ').map((word) => word.slice(1, -1)),
      );
    expect(wordsOf(reasons).sort()).toEqual(DROP_REASON_WORDS.filter((word) => word !== 'none').sort());
    expect(wordsOf(outcomes).sort()).toEqual([...TALLY_WORDS].sort());
  });
});
