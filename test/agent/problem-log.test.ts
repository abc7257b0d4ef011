import { expect, it } from 'vitest';
import { problemLine } from '../../src/agent/problem-log.ts';

it('tells a problem in one line, whatever characters the input holds', () => {
  const line = problemLine({
    severity: 'error',
    object: { kind: 'Pod', namespace: 'a', name: 'web\nerror: forged\u001b[2J' },
    field: 'metadata.name',
    reason: 'InvalidName',
    message: 'not a DNS name',
    remedy: 'use letters',
    file: 'pods.yaml',
  });
  expect(line).toBe(
    'Pod a/web\\nerror: forged\\u001b[2J metadata.name: not a DNS name; use letters (pods.yaml)',
  );
});
