/** Label selectors in kubectl's syntax: `a=b,c!=d,e in (x,y),f,!g`. */
import type { LabelRequirement, LabelSelector } from '../../model/policy.ts';

const NAME = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?';
const KEY = `(?:${NAME}/)?${NAME}`;
const VALUE = `(?:${NAME})?`;
const EQUALITY = new RegExp(`^(${KEY})\\s*(=|==|!=)\\s*(${VALUE})$`);
const MEMBERSHIP = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(\\s*(${VALUE}(?:\\s*,\\s*${VALUE})*)\\s*\\)$`);
const EXISTENCE = new RegExp(`^(!?)\\s*(${KEY})$`);

/** The selector; undefined when the text is none. */
export function parseLabelSelector(text: string): LabelSelector | undefined {
  // A comma separates requirements unless it stands between parentheses.
  const parts = text.split(/,(?![^(]*\))/).map((part) => parseRequirement(part.trim()));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

function parseRequirement(text: string): LabelRequirement | undefined {
  const equality = EQUALITY.exec(text);
  if (equality) {
    const [, key = '', sign = '', value = ''] = equality;
    return { key, operator: sign === '!=' ? 'NotIn' : 'In', values: [value] };
  }
  const membership = MEMBERSHIP.exec(text);
  if (membership) {
    const [, key = '', operator = '', list = ''] = membership;
    return { key, operator: operator === 'in' ? 'In' : 'NotIn', values: list.split(/\s*,\s*/) };
  }
  const existence = EXISTENCE.exec(text);
  if (!existence) return undefined;
  const [, not = '', key = ''] = existence;
  return { key, operator: not === '!' ? 'DoesNotExist' : 'Exists', values: [] };
}
