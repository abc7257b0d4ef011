/** Runs a program to its end. */
import { spawn } from 'node:child_process';
import { LabError } from './lab-error.ts';

/**
 * Resolves with what the program printed.
 * @throws LabError (failed) with its last line on stderr if it can't be started or exits with another code than 0
 */
export function runCommand(program: string, argv: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    // A program that ends before it has read everything tells why by its exit code.
    child.stdin.on('error', () => undefined);
    child.on('error', (cause) =>
      reject(new LabError('failed', `cannot run ${program}: ${cause.message}`, cause)),
    );
    child.on('close', (code) => {
      if (code === 0) {
        resolve(Buffer.concat(output).toString('utf8'));
        return;
      }
      const said = Buffer.concat(errors).toString('utf8').trim().replaceAll('\n', '; ');
      reject(new LabError('failed', `${program} ${argv.join(' ')}: ${said || `exit code ${code}`}`));
    });
    child.stdin.end(input);
  });
}

/** Works through the items, at most `width` of them side by side; the first failure is thrown when all have ended. */
export async function eachConcurrently<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items].reverse();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
}
