/** Asks a running agent through its control socket. */
import { globSync } from 'node:fs';
import { request } from 'node:http';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { compareText } from '../model/names.ts';

/** The agent could not be asked, or answered with an error. */
export class ControlError extends Error {
  /** `not-running`: nobody listens; `refused`: the agent answered with an error; `second-agent`: see control-socket.ts. */
  readonly code: 'not-running' | 'refused' | 'failed' | 'second-agent';
  constructor(message: string, options: { code: ControlError['code']; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'ControlError';
    this.code = options.code;
  }
}

/** Other instances that a message names. */
const MOST_OTHERS = 5;

/** A question is answered at once, unless the agent hangs or was stopped; a sync takes as long as it takes. */
const PATIENCE_MS = { GET: 10_000, POST: 0 } as const;

/**
 * Sends one request and resolves with the parsed JSON of a 200 answer. `patienceMs`: of silence; 0 waits for ever.
 * @throws ControlError as its code says
 */
export function askAgent(
  path: string,
  method: 'GET' | 'POST',
  resource: string,
  patienceMs: number = PATIENCE_MS[method],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: path, method, path: resource, agent: false, timeout: patienceMs };
    const outgoing = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (cause) => reject(failure(path, cause)));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(parse(text, path, reject));
        else reject(new ControlError(errorText(text), { code: 'refused' }));
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('the agent hangs: no answer; restart it')));
    outgoing.on('error', (cause: NodeJS.ErrnoException) => reject(failure(path, cause)));
    outgoing.end();
  });
}

/**
 * Asks for an answer of lines, and calls back for each as it comes; resolves at its end.
 * @throws ControlError as its code says
 */
export function streamAgent(path: string, resource: string, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path, path: resource, agent: false }, (response) => {
      const lines = createInterface({ input: response });
      const refusal: string[] = [];
      lines.on('line', (line) => (response.statusCode === 200 ? onLine(line) : refusal.push(line)));
      lines.on('close', () => {
        if (response.statusCode === 200) resolve();
        else reject(new ControlError(errorText(refusal.join('\n')), { code: 'refused' }));
      });
      response.on('error', (cause) => reject(failure(path, cause)));
    });
    outgoing.on('error', (cause: NodeJS.ErrnoException) => reject(failure(path, cause)));
    outgoing.end();
  });
}

function failure(path: string, cause: NodeJS.ErrnoException): ControlError {
  if (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED') {
    const message = `no agent answers at ${path}; is \`weir agent\` running with this --instance?${othersText(path)}`;
    return new ControlError(message, { code: 'not-running', cause });
  }
  const remedy = cause.code === 'EACCES' ? '; run as root' : '';
  return new ControlError(`${path}: ${cause.message}${remedy}`, { code: 'failed', cause });
}

/** Instances that have a socket beside this one: perhaps one of them was meant. */
function othersText(path: string): string {
  const [instance, directory] = [basename(dirname(path)), dirname(dirname(path))];
  const found = globSync(`*/${basename(path)}`, { cwd: directory }).map(dirname);
  const others = found.filter((other) => other !== instance).sort(compareText);
  if (others.length === 0) return '';
  const more = others.length > MOST_OTHERS ? ' and more' : '';
  return ` Others here: ${others.slice(0, MOST_OTHERS).join(', ')}${more}`;
}

function parse(text: string, path: string, reject: (error: unknown) => void): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    reject(new ControlError(`${path}: the answer is not JSON`, { code: 'failed', cause }));
    return undefined;
  }
}

function errorText(text: string): string {
  try {
    const body = JSON.parse(text) as { readonly error?: string };
    return body.error ?? text;
  } catch {
    return text;
  }
}
