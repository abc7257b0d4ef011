import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askAgent } from '../../src/agent/control-client.ts';

let directory: string;
let path: string;
let server: Server;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weir-control-'));
  path = join(directory, 'agent.sock');
  // Accepts and never answers, as a stopped agent does.
  server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen({ path }, resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

it('does not wait for ever for an agent that hangs', async () => {
  await expect(askAgent(path, 'GET', '/status', 20)).rejects.toMatchObject({
    code: 'failed',
    message: `${path}: the agent hangs: no answer; restart it`,
  });
});

it('names the instances that there are where nobody answers for the one that is meant', async () => {
  const socketOf = (instance: string) => join(directory, instance, 'agent.sock');
  const refusal = `no agent answers at ${socketOf('north')}; is \`weir agent\` running with this --instance?`;
  const message = async () => {
    const error = await askAgent(socketOf('north'), 'GET', '/status').catch((thrown: Error) => thrown);
    return (error as Error).message;
  };
  expect(await message()).toBe(refusal);
  for (const instance of ['south', 'east']) {
    mkdirSync(join(directory, instance));
    writeFileSync(socketOf(instance), '');
  }
  expect(await message()).toBe(`${refusal} Others here: east, south`);
});
