import { describe, expect, it } from 'vitest';
import { type Balancing, DEFAULT_BALANCING, SCHEDULERS } from '../../../src/model/rows.ts';
import { compile, rowsOf } from './sample-cluster.ts';
import { endpoint, HERE, node, service, slice } from './sample-objects.ts';

const SLICES = [slice('web', [endpoint('10.244.1.1')]), slice('web', [endpoint('fd44::1')])];

function balanced(annotations: Record<string, string>, options: Parameters<typeof compile>[1] = {}) {
  const { rows, problems } = compile(
    [node(HERE), service('web', ['10.96.0.10', 'fd96::10'], { annotations }), ...SLICES],
    options,
  );
  const [ipv4, ipv6] = ['IPv4', 'IPv6'].map((family) => rowsOf(rows, `shop/web:/TCP/${family}`).balancing);
  expect(ipv4).toEqual(ipv6);
  return { balancing: ipv4, problems };
}

describe('balancing', () => {
  it('[A58] is the default where a Service says nothing', () => {
    expect(balanced({})).toEqual({ balancing: DEFAULT_BALANCING, problems: [] });
  });

  it.each(SCHEDULERS)('[A57] [A58] takes the scheduler %s of the annotation', (scheduler) => {
    const { balancing, problems } = balanced({ 'weir.dev/scheduler': scheduler }, { scheduler: 'dh' });
    expect([balancing?.scheduler, problems]).toEqual([scheduler, []]);
  });

  it('[A58] takes the scheduler and ejection of the flags, a Service’s own before them', () => {
    const flags = { scheduler: 'rr', ejects: false } as const;
    expect(balanced({}, flags).balancing).toMatchObject({ scheduler: 'rr', ejects: false });
    const own = { 'weir.dev/scheduler': 'sh', 'weir.dev/ejection': 'on' };
    expect(balanced(own, flags).balancing).toMatchObject({ scheduler: 'sh', ejects: true });
  });

  it.each<[string, string, Partial<Balancing>]>([
    ['slow-start', '30s', { slowStartSeconds: 30 }],
    ['slow-start', '1m30s', { slowStartSeconds: 90 }],
    ['slow-start', '0s', { slowStartSeconds: 0 }],
    ['terminate-after', '24h', { terminateAfterSeconds: 86_400 }],
    ['terminate-after', '0s', { terminateAfterSeconds: 0 }],
    ['ejection', 'off', { ejects: false }],
    ['retry', 'off', { retries: false }],
    ['retry', 'on', { retries: true }],
  ])('[F8] [A58] takes weir.dev/%s: %s', (name, text, expected) => {
    const { balancing, problems } = balanced({ [`weir.dev/${name}`]: text });
    expect([balancing, problems]).toEqual([{ ...DEFAULT_BALANCING, ...expected }, []]);
  });

  it.each([
    ['scheduler', 'RR'],
    ['scheduler', 'toString'],
    ['scheduler', ''],
    ['slow-start', '30'],
    ['slow-start', ''],
    ['slow-start', '1.5s'],
    ['slow-start', '-1s'],
    ['slow-start', '25h'],
    ['terminate-after', 'never'],
    ['ejection', 'true'],
    ['retry', 'no'],
  ])('[A58] tells once that weir.dev/%s: "%s" is no value, and goes on without it', (name, text) => {
    const { balancing, problems } = balanced({ [`weir.dev/${name}`]: text });
    expect(balancing).toEqual(DEFAULT_BALANCING);
    expect(problems).toMatchObject([
      {
        severity: 'warning',
        object: { kind: 'Service', namespace: 'shop', name: 'web' },
        field: `metadata.annotations['weir.dev/${name}']`,
        reason: 'UnknownAnnotationValue',
        message: expect.stringContaining(`"${text}" is not a value of weir.dev/${name}; it is `),
        remedy: expect.stringMatching(/^use /),
      },
    ]);
  });
});
