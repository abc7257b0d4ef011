/** The text of one manifest file: YAML with any number of documents, or JSON; List kinds are taken apart. */
import { type Document, parseAllDocuments } from 'yaml';
import type { Problem } from '../model/objects.ts';

export type RawObject = Readonly<Record<string, unknown>>;

export interface ManifestText {
  /** Objects of the documents that could be read, in order. Anything that is not a mapping is passed on too. */
  readonly objects: readonly unknown[];
  /** Syntax errors: each makes the file incomplete, so that its last good objects should go on. */
  readonly problems: readonly Problem[];
}

/** Reads a file's text; never throws. `file` names it in problems; `.json` files are JSON, all others YAML. */
export function readManifestText(text: string, file: string): ManifestText {
  return file.endsWith('.json') ? readJson(text, file) : readYaml(text, file);
}

/** A problem of a whole file. */
export function fileProblem(file: string, reason: string, message: string, remedy: string): Problem {
  const object = { kind: 'File', namespace: '', name: file };
  return { severity: 'error', object, field: '', reason, message, remedy, file };
}

function readJson(text: string, file: string): ManifestText {
  if (text.trim() === '') return { objects: [], problems: [] };
  try {
    return { objects: expandList(JSON.parse(text)), problems: [] };
  } catch (error) {
    // JSON.parse seldom knows the line; the YAML reader, held to JSON, does.
    const located = parseAllDocuments(text, { schema: 'json' }).map((document) =>
      documentProblem(document, file),
    );
    return {
      objects: [],
      problems: [located.find((problem) => problem !== undefined) ?? syntaxProblem(file, messageOf(error))],
    };
  }
}

function readYaml(text: string, file: string): ManifestText {
  const objects: unknown[] = [];
  const problems: Problem[] = [];
  // merge: the API's YAML reader knows `<<` too.
  for (const document of parseAllDocuments(text, { merge: true })) {
    const problem = documentProblem(document, file);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    try {
      const value: unknown = document.toJS({ maxAliasCount: 100 });
      objects.push(...expandList(text.includes('&') ? withoutCycle(value) : value));
    } catch (error) {
      problems.push(syntaxProblem(file, messageOf(error)));
    }
  }
  return { objects, problems };
}

/** @throws Error when an alias makes a value a part of itself: it would have no end. */
function withoutCycle(value: unknown): unknown {
  try {
    JSON.stringify(value);
  } catch (cause) {
    throw new Error('an anchor contains an alias of itself', { cause });
  }
  return value;
}

function documentProblem(document: Document.Parsed, file: string): Problem | undefined {
  const [error] = document.errors;
  if (error === undefined) return undefined;
  const [start] = error.linePos ?? [];
  const place = start === undefined ? '' : `line ${start.line}, column ${start.col}: `;
  // The library's message goes on with an excerpt of the text: one line is enough here.
  const [summary = error.code] = error.message.split('\n');
  const said = summary.includes('call stack') ? 'nested too deeply' : summary;
  return syntaxProblem(file, place + said.replace(/ at line \d+, column \d+:?$/, ''));
}

function syntaxProblem(file: string, message: string): Problem {
  const remedy = `correct the ${file.endsWith('.json') ? 'JSON' : 'YAML'}; until then the last good objects of the file stay`;
  return fileProblem(file, 'SyntaxError', message, remedy);
}

/** The items of a List (or ServiceList, PodList …), lists in lists too; anything else as it is, nothing for null. */
function expandList(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!isMapping(value) || typeof value.kind !== 'string' || !value.kind.endsWith('List')) return [value];
  // An API server's client writes null for a list of nothing.
  if (value.items === null) return [];
  if (!Array.isArray(value.items)) return [value];
  // Items of a typed list may leave out what the list says already.
  const { kind, apiVersion } = value;
  const defaults = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) };
  return value.items.flatMap((item: unknown) =>
    expandList(isMapping(item) ? { ...defaults, ...item } : item),
  );
}

/** Whether the value is a mapping of fields. */
export function isMapping(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
