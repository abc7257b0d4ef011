/** metav1.LabelSelector: matchLabels and matchExpressions as one sorted list of requirements. */
import { compareText } from '../model/names.ts';
import type { LabelRequirement, LabelSelector } from '../model/policy.ts';
import { childField, type Field, readChoice, readItems, readText, refuse, shown } from './field.ts';
import { readLabels } from './meta.ts';
import { isLabelValue, readLabelKey } from './name-syntax.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** Refuses requirements that the API server would, and leaves them out; an absent selector is empty. */
export function readLabelSelector(field: Field): LabelSelector {
  const labels = childField(field, 'matchLabels');
  const equal = Object.entries(readLabels(labels)).flatMap(([name, value]): readonly LabelRequirement[] => {
    const at = childField(labels, name);
    const key = readLabelKey({ ...at, value: name });
    return key === undefined || !isLabelValue(value) ? [] : [{ key, operator: 'In', values: [value] }];
  });
  const expressions = readItems(childField(field, 'matchExpressions')).flatMap(
    (item) => readExpression(item) ?? [],
  );
  return [...equal, ...expressions].sort((a, b) => compareText(JSON.stringify(a), JSON.stringify(b)));
}

function readExpression(item: Field): LabelRequirement | undefined {
  const keyField = childField(item, 'key');
  const operatorField = childField(item, 'operator');
  const valuesField = childField(item, 'values');
  const key = readLabelKey(keyField);
  const operator = readChoice(operatorField, OPERATORS);
  const values = readItems(valuesField).flatMap((value) => readValue(value) ?? []);
  if (key === undefined) return refuse(keyField, 'MissingValue', 'the requirement names no label', 'set key');
  if (operator === undefined) {
    const remedy = `use one of ${OPERATORS.join(', ')}`;
    return refuse(operatorField, 'MissingValue', 'the requirement has no operator', remedy);
  }
  const takesValues = operator === 'In' || operator === 'NotIn';
  if (takesValues && values.length === 0)
    return refuse(valuesField, 'MissingValue', `${operator} has no values`, 'list at least one value');
  if (!takesValues && readItems(valuesField).length > 0)
    return refuse(valuesField, 'InvalidValue', `${operator} takes no values`, 'remove values, or use In');
  return { key, operator, values: [...new Set(values)].sort(compareText) };
}

function readValue(field: Field): string | undefined {
  const value = readText(field);
  if (value !== undefined && isLabelValue(value)) return value;
  const remedy = 'use at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends';
  return refuse(field, 'InvalidLabel', `${shown(field.value)} is not a label value`, remedy);
}
