/** `weir agent`: the process of the DaemonSet. */
import { type AgentConfiguration, ConfigurationError, readConfiguration } from '../agent/configuration.ts';
import { CommandFailure, requireRoot } from './exit.ts';

/** Flags as commander gives them, by key name; `config` is the file. */
export type AgentFlags = Readonly<Record<string, string | true | undefined>>;

/** Checks the configuration, then runs until a signal ends it. */
export async function runAgent(flags: AgentFlags): Promise<void> {
  const configuration = configure(flags);
  requireRoot('the agent writes nftables of this network namespace');
  // Loaded after the flags are known to be good: a mistake is told at once, and without the addons.
  const { runAgentProcess } = await import('./agent-process.ts');
  await runAgentProcess(configuration);
}

function configure(flags: AgentFlags): AgentConfiguration {
  const { config, ...rest } = flags;
  try {
    const file = config === undefined ? (process.env.WEIR_CONFIG ?? null) : String(config);
    return readConfiguration({ flags: rest, environment: process.env, file });
  } catch (error) {
    if (error instanceof ConfigurationError) throw new CommandFailure(error.message, { exitCode: 2 });
    throw error;
  }
}
