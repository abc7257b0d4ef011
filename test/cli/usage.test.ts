import { describe, expect, it } from 'vitest';
import { CONFIGURATION_KEYS } from '../../src/agent/configuration-keys.ts';
import { weir } from './weir.ts';

describe('command line', () => {
  it.each([
    [['nonsense'], /^weir: unknown command 'nonsense'; see weir --help\n$/],
    [[], /^weir: name a command; see weir --help\n$/],
    [['lab'], /^weir: name a command; see weir --help\n$/],
    [['status', '--nonsense'], /^weir: unknown option '--nonsense'; see weir --help\n$/],
    [
      ['status', 'everything'],
      /^weir: status everything: write "weir status", "weir status services" or "weir status policies"\n$/,
    ],
    [['status', '--instance', '../x'], /^weir: --instance "\.\.\/x": write 1 to 80 letters/],
    [['plan'], /^weir: required option '--manifests <path\.\.\.>' not specified; see weir --help\n$/],
    [['trace', '--manifests', 'x'], /^weir: give --from WHO and --to WHAT, or --batch FILE\n$/],
    [
      ['trace', '--manifests', 'x', '--from', 'a/b', '--to', 'c/d', '--family', '5'],
      /^weir: --family: 5 is unknown; use 4 or 6\n$/,
    ],
    [
      ['trace', '--manifests', 'x', '--from', 'a/b', '--batch', 'f'],
      /^weir: --batch and --from\/--to exclude each other/,
    ],
    [
      ['objects', '--manifests', 'x', '--load-balancer-pools', '10.0.0.1/24'],
      /^weir: --load-balancer-pools 10\.0\.0\.1\/24: "10\.0\.0\.1\/24" is neither a CIDR/,
    ],
    [
      ['objects', '--manifests', 'x', '--load-balancer-pools', '10.0.0.0/8'],
      /^weir: --load-balancer-pools 10\.0\.0\.0\/8: pool "default" has addresses of the service network 10\.96\.0\.0\/16/,
    ],
    [
      ['lab', 'up', '--manifests', 'x', '--load-balancer-pools', '[7]'],
      /^weir: --load-balancer-pools \[7\]: pool 1: write \{name/,
    ],
    [['lab', 'probe', '--nonsense'], /^weir: unknown option '--nonsense'/],
  ] as const)('refuses %j with one clear line and exit code 2', async (argv, expected) => {
    const { code, stdout, stderr } = await weir(argv);
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('tells every mistake of the agent’s configuration at once, with exit code 2', async () => {
    const argv = ['agent', '--cluster-cidr', '10.0.0.1/8', '--masquerade-all=perhaps'];
    const { code, stderr } = await weir(argv, { env: { WEIR_SYNC_PERIOD: 'never' } });
    expect(code).toBe(2);
    expect(stderr.trimEnd().split('\n')).toEqual([
      'weir: --source "": must be given; write the folder of manifests to read, or kubernetes',
      'weir: --cluster-cidr "10.0.0.1/8": 10.0.0.1/8 is not a canonical CIDR; write 10.0.0.0/8',
      'weir: --masquerade-all "perhaps": write true or false',
      'weir: WEIR_SYNC_PERIOD "never": not a duration; write a number with a unit, like 400ms, 30s or 1m',
    ]);
  });

  it('takes a switch without a value and the file from the environment', async () => {
    const argv = ['agent', '--masquerade-all', '--log-level=loud'];
    const { code, stderr } = await weir(argv, { env: { WEIR_CONFIG: '/nonexistent.yaml' } });
    expect(code).toBe(2);
    expect(stderr).toMatch(/--config "\/nonexistent\.yaml": can't be read/);
    expect(stderr).not.toMatch(/masquerade-all/);
  });

  it('shows help and version on stdout with exit code 0', async () => {
    const help = await weir(['agent', '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const { name } of CONFIGURATION_KEYS) expect(help.stdout).toContain(`--${name} `);
    expect((await weir(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['agent', '--source', '.'], /the agent writes nftables of this network namespace; run it as root/],
    [['verify'], /asking the kernel runs the policy programs; run it as root/],
    [['cleanup'], /cleanup changes nftables of this network namespace; run it as root/],
    [['start'], /run it as root/],
    [['lab', 'up', '--manifests', '.'], /run it as root/],
  ] as const)('asks for root for %j in one line with exit code 1', async (argv, expected) => {
    const { code, stderr } = await weir(argv, { uid: 65534 });
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
  });

  it('says in one line that no agent answers, with exit code 1', async () => {
    for (const argv of [['status'], ['status', 'services'], ['status', '--json'], ['flows'], ['verify']]) {
      const { code, stdout, stderr } = await weir([...argv, '--instance', 'no-such-instance']);
      expect(stderr).toMatch(
        /^weir: no agent answers at \/run\/weir\/no-such-instance\/agent\.sock; is `weir agent` running with this --instance\?.*\n$/,
      );
      expect(stdout).toBe('');
      expect(code).toBe(1);
    }
  });
});
