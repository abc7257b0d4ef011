/** Parsing for tests: manifests as YAML text, answers as what a test looks at. */
import { parse } from 'yaml';
import type { Problem, WeirObject } from '../../src/model/objects.ts';
import { parseObject } from '../../src/source/parse-object.ts';

/** The object of a manifest that must be taken, with the expected kind. */
export function parsed<Kind extends WeirObject['kind']>(
  kind: Kind,
  yaml: string,
): Extract<WeirObject, { kind: Kind }> {
  const result = parseObject(parse(yaml), 'test.yaml');
  if (result.type !== 'object') throw new Error(`not taken: ${JSON.stringify(result)}`);
  if (result.object.kind !== kind) throw new Error(`a ${result.object.kind}`);
  return result.object as Extract<WeirObject, { kind: Kind }>;
}

/** Everything found in a manifest, taken or refused. */
export function problemsOf(yaml: string): readonly Problem[] {
  const result = parseObject(parse(yaml), 'test.yaml');
  return result.type === 'skipped' ? [] : result.problems;
}

/** Reason and field of each error of a manifest that must be refused. */
export function refusalOf(yaml: string): readonly string[] {
  const result = parseObject(parse(yaml), 'test.yaml');
  if (result.type !== 'refused') throw new Error(`not refused: ${JSON.stringify(result)}`);
  return result.problems
    .filter(({ severity }) => severity === 'error')
    .map(({ reason, field }) => `${reason} ${field}`);
}

/** A Service's manifest with these lines below spec (indented by two). */
export function serviceYaml(spec: string, rest = ''): string {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: web}\n${rest}\nspec:\n${indent(spec)}`;
}

export function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
