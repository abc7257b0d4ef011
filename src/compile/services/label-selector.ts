/** Label selectors in kubectl's syntax: `a=b,c!=d,e in (x,y),f,!g`. */
import type { Labels } from '../../model/objects.ts';

/** One condition on one label. As in Kubernetes, `notin` also matches objects without the label. */
export interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent';
  readonly values: readonly string[];
}

const NAME = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?';
const KEY = `(?:${NAME}/)?${NAME}`;
const VALUE = `(?:${NAME})?`;
const EQUALITY = new RegExp(`^(${KEY})\\s*(=|==|!=)\\s*(${VALUE})$`);
const MEMBERSHIP = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(\\s*(${VALUE}(?:\\s*,\\s*${VALUE})*)\\s*\\)$`);
const EXISTENCE = new RegExp(`^(!?)\\s*(${KEY})$`);

/** The requirements, all of which must hold; undefined when the text is not a selector. */
export function parseLabelSelector(text: string): readonly Requirement[] | undefined {
  // A comma separates requirements unless it stands between parentheses.
  const parts = text.split(/,(?![^(]*\))/).map((part) => parseRequirement(part.trim()));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

/** Whether labels meet every requirement. */
export function selectorMatches(requirements: readonly Requirement[], labels: Labels): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (operator === 'exists') return value !== undefined;
    if (operator === 'absent') return value === undefined;
    return (value !== undefined && values.includes(value)) === (operator === 'in');
  });
}

function parseRequirement(text: string): Requirement | undefined {
  const equality = EQUALITY.exec(text);
  if (equality) {
    const [, key = '', sign = '', value = ''] = equality;
    return { key, operator: sign === '!=' ? 'notin' : 'in', values: [value] };
  }
  const membership = MEMBERSHIP.exec(text);
  if (membership) {
    const [, key = '', operator = '', list = ''] = membership;
    return { key, operator: operator === 'in' ? 'in' : 'notin', values: list.split(/\s*,\s*/) };
  }
  const existence = EXISTENCE.exec(text);
  if (!existence) return undefined;
  const [, not = '', key = ''] = existence;
  return { key, operator: not === '!' ? 'absent' : 'exists', values: [] };
}
