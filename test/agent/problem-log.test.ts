import { expect, it } from 'vitest';
import { createProblemLog, problemLine } from '../../src/agent/problem-log.ts';
import type { Problem } from '../../src/model/objects.ts';

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

it('tells what has no name by its file, one of each', () => {
  const nameless = (file: string): Problem => ({
    severity: 'error',
    object: { kind: 'Service', namespace: 'default', name: '' },
    field: 'metadata.name',
    reason: 'MissingValue',
    message: 'the object has no name',
    remedy: 'set metadata.name',
    file,
  });
  expect(problemLine(nameless('a.yaml'))).toBe(
    'Service without a name: metadata.name: the object has no name; set metadata.name (a.yaml)',
  );
  const reported: (string | null)[] = [];
  const log = createProblemLog({ report: ({ file }) => reported.push(file), resolved: () => {} });
  log.update([nameless('a.yaml'), nameless('b.yaml')]);
  expect(reported).toEqual(['a.yaml', 'b.yaml']);
});
