/** Lengths of functions, in lines, for TypeScript (parsed) and C++ (by the layout that the formatter gives). */
import { parseSync } from 'vite';
import type { SourceFile } from './source-files.ts';

export interface FunctionLength {
  /** `path:line`, the line of its first token. */
  readonly place: string;
  readonly lines: number;
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
/** A line that can begin a function: at the left edge, or a member of a class there. */
const NATIVE_START = /^( {0}| {2})(?!namespace|class|struct|enum|union|extern|typedef)[A-Za-z~]/;
/** A suite is a list of tests, not a function to be understood as one. */
const SUITE = /^describe(?:\.|$)/;

/** Every function of a TypeScript or JavaScript file, without the bodies of test suites. Throws on a syntax error. */
export function scriptFunctions(file: SourceFile): readonly FunctionLength[] {
  const { program, errors } = parseSync(file.path, file.text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${file.path}: ${error.message}`);
  const found: FunctionLength[] = [];
  visit(program, (node) => found.push(measure(file, node.start, node.end)), file.text);
  return found;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

function visit(value: unknown, found: (node: Node) => void, text: string): void {
  if (Array.isArray(value)) {
    for (const element of value) visit(element, found, text);
  } else if (isNode(value)) {
    if (FUNCTIONS.has(value.type)) found(value);
    for (const child of childrenOf(value, text)) visit(child, found, text);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** The parts of a node; for `describe(title, suite)` what is inside the suite instead of the suite itself. */
function childrenOf(node: Node, text: string): readonly unknown[] {
  const children: readonly unknown[] = Object.values(node);
  if (node.type !== 'CallExpression' || !('callee' in node) || !('arguments' in node)) return children;
  if (!isNode(node.callee) || !SUITE.test(text.slice(node.callee.start, node.callee.end))) return children;
  const parts: readonly unknown[] = Array.isArray(node.arguments) ? node.arguments : [];
  return parts.map((part) => (isNode(part) && FUNCTIONS.has(part.type) && 'body' in part ? part.body : part));
}

function measure(file: SourceFile, start: number, end: number): FunctionLength {
  const line = file.text.slice(0, start).split('\n').length;
  return { place: `${file.path}:${line}`, lines: file.text.slice(start, end).split('\n').length };
}

/** Functions of a C or C++ file: a block that opens after `)` and closes with a brace at the same indentation. */
export function nativeFunctions(file: SourceFile): readonly FunctionLength[] {
  const lines = file.text.split('\n');
  return lines.flatMap((text, index) => {
    const [, indentation] = NATIVE_START.exec(text) ?? [];
    // A long signature goes on over several lines.
    const opening = lines.findIndex((line, at) => at >= index && /[;{}]\s*$/.test(line));
    const signature = lines.slice(index, opening + 1).join(' ');
    if (indentation === undefined || !/\).*\{$/.test(signature)) return [];
    const end = lines.findIndex((line, at) => at > opening && line.startsWith(`${indentation}}`));
    return end < 0 ? [] : [{ place: `${file.path}:${index + 1}`, lines: end - index + 1 }];
  });
}
