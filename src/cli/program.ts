/** The command line: what there is, in one place; each command's code is loaded when it is called. */
import { Command } from 'commander';
import { CONFIGURATION_KEYS } from '../agent/configuration-keys.ts';
import { weirVersion } from '../agent/version.ts';
import { addLabCommands, POOLS_FLAG } from './lab-commands.ts';

const INSTANCE = ['--instance <name>', 'the agent’s instance', 'weir'] as const;
const JSON_FLAG = ['--json', 'answer in JSON'] as const;

/** Every command with its flags; parsing throws CommanderError instead of ending the process. */
export function createProgram(): Command {
  const program = new Command('weir');
  program
    .description('A Kubernetes node dataplane: Services as rows of nft sets and maps.')
    .version(weirVersion())
    .showSuggestionAfterError(false)
    // Commander would print its own lines; errors are told once, below.
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
  addAgent(program);
  addManifestQuestions(program);
  addTrace(program);
  addAgentQuestions(program);
  addLabCommands(program);
  program
    .command('cleanup')
    .description('remove every trace of an instance from this node')
    .option(...INSTANCE)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./cleanup.ts')).cleanup(options));
  program
    .command('start')
    .description('bring up the example in a lab, send live traffic and show who answered')
    .option('--manifests <dir>', 'the folder to bring up and watch (default: examples/shop)')
    .option('--name <name>', 'name of the lab', 'start')
    .option('--once', 'end after one full table')
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./start.ts')).start(options));
  return program;
}

function addAgent(program: Command): void {
  const agent = program
    .command('agent')
    .description(
      'run on this node; every flag is also WEIR_… in the environment and a key of the --config file',
    )
    .option('--config <file>', 'YAML file with any of the keys below');
  for (const { name, placeholder, fallback, meaning } of CONFIGURATION_KEYS) {
    const value = placeholder === null ? '[true|false]' : `<${placeholder}>`;
    const byDefault = fallback === null ? 'required' : `default ${fallback === '' ? 'empty' : fallback}`;
    agent.option(`--${name} ${value}`, `${meaning} (${byDefault})`);
  }
  agent.action(async (_, command: Command) => {
    const given = CONFIGURATION_KEYS.map(({ name }) => [name, command.getOptionValue(camelCase(name))]);
    const flags = Object.fromEntries([...given, ['config', command.getOptionValue('config')]]);
    await (await import('./agent.ts')).runAgent(flags);
  });
}

function addManifestQuestions(program: Command): void {
  program
    .command('plan')
    .description('what would change in the kernel if these manifests were applied')
    .requiredOption('--manifests <path...>', 'folders or files')
    .option(...POOLS_FLAG)
    .option('--node <name>', 'node to plan for (default: the running agent’s, else the first by name)')
    .option(...INSTANCE)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./plan.ts')).plan(options));
  program
    .command('objects')
    .description('all objects as completed: addresses, ports and slices that a control plane would add')
    .requiredOption('--manifests <path...>', 'folders or files')
    .option(...POOLS_FLAG)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./objects.ts')).objects(options));
}

function addTrace(program: Command): void {
  program
    .command('trace')
    .description('where a connection goes, and why')
    .requiredOption('--manifests <path...>', 'folders or files')
    .option(...POOLS_FLAG)
    .option('--from <who>', 'ns/pod, node/NAME, external, external/ADDRESS or all')
    .option('--to <what>', 'ns/pod, pods, svc:ns/name, nodeport:NODE:PORT or an address')
    .option('--port <port>', 'number or name')
    .option('--protocol <protocol>', 'tcp, udp, sctp or icmp')
    .option('--family <4|6>', 'only this family')
    .option('--node <name>', 'where the packet enters (default: the node of the source, else the first)')
    .option('--batch <file>', 'a JSON line per probe; - is stdin')
    .option(
      '--no-masquerade-pods',
      'pods that leave the cluster keep their address (the lab masquerades them)',
    )
    .option('--live', 'who the next connection of a running agent’s node would get, and why')
    .option('--kernel', 'run the policy programs of a running agent on the packet too, and compare')
    .option(...INSTANCE)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./trace.ts')).trace(options));
}

function addAgentQuestions(program: Command): void {
  program
    .command('status')
    .description('what an agent does: backends, counts, sync state, problems')
    .argument(
      '[what]',
      '"services" for Services with their endpoints and how these do, "policies" for rules, drops and their reasons',
    )
    .argument('[service]', 'with "services": NAMESPACE/NAME of the only one to show')
    .option(...INSTANCE)
    .option(...JSON_FLAG)
    .action(async (what, service, options) => (await import('./status.ts')).status(what, service, options));
  program
    .command('flows')
    .description('what policies let through and dropped, with the rule that decided')
    .option('--follow', 'go on with what comes')
    .option(...INSTANCE)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./flows.ts')).flows(options));
  program
    .command('verify')
    .description('whether the kernel does what the rows of policies say, between all local pods')
    .option(...INSTANCE)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./verify.ts')).verify(options));
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
