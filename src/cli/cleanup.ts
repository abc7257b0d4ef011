/** `weir cleanup`: removes every trace of an instance from this node, with or without an agent's help (A71). */
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { askAgent, ControlError } from '../agent/control-client.ts';
import { removeIfEmpty } from '../agent/empty-directory.ts';
import { controlSocketPath, runDirectory } from '../agent/instance-paths.ts';
import { refuseNeighbours } from '../agent/neighbours.ts';
import type { AgentStatus } from '../agent/status.ts';
import { removeFilters } from '../dataplane/bpf/policies/hooks.ts';
import { TABLE } from '../dataplane/nft/layout.ts';
import { CLOSED_TABLE } from '../dataplane/nft/policies/closed-table.ts';
import { POLICY_TABLE } from '../dataplane/nft/policies/layout.ts';
import { removeTable } from '../dataplane/nft/removal.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';
import { CommandFailure, requireRoot } from './exit.ts';
import { checkInstance } from './instance.ts';
import { print, printJson } from './output.ts';

interface Trace {
  readonly what: string;
  /** false: it was not there. */
  readonly removed: boolean;
}

/** Removes the tables of this network namespace, the pins and the run directory; says what was there. */
export async function cleanup(options: { readonly instance: string; readonly json?: true }): Promise<void> {
  const instance = checkInstance(options.instance);
  requireRoot('cleanup changes nftables of this network namespace');
  await refuseWhileRunning(instance);
  await refuseNeighbours(instance);
  const traces: Trace[] = [
    { what: `nft table inet ${TABLE}`, removed: await removeTable(TABLE) },
    { what: `nft table inet ${POLICY_TABLE.table}`, removed: await removeTable(POLICY_TABLE.table) },
    { what: `nft table inet ${CLOSED_TABLE.table}`, removed: await removeTable(CLOSED_TABLE.table) },
    { what: 'filters on interfaces', removed: await removeFilters() },
    { what: pinDirectory(instance), removed: removeDirectory(pinDirectory(instance)) },
    { what: runDirectory(instance), removed: removeDirectory(runDirectory(instance)) },
  ];
  if (options.json) printJson({ instance, traces });
  else for (const { what, removed } of traces) print(`${removed ? 'removed' : 'was not there:'} ${what}`);
}

async function refuseWhileRunning(instance: string): Promise<void> {
  try {
    const status = (await askAgent(controlSocketPath(instance), 'GET', '/status')) as AgentStatus;
    const message = `the agent of instance ${instance} is running (pid ${status.pid}) and would repair what is removed`;
    throw new CommandFailure(`${message}; stop it first`, { exitCode: 1 });
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== 'not-running') throw error;
  }
}

function removeDirectory(path: string): boolean {
  const existed = existsSync(path);
  rmSync(path, { recursive: true, force: true });
  if (existed) removeIfEmpty(dirname(path));
  return existed;
}
