/** The flags of `weir lab …`; what they do is in lab.ts. */
import type { Command } from 'commander';

const NAME = ['--name <name>', 'name of the lab', 'lab'] as const;
const JSON_FLAG = ['--json', 'answer in JSON'] as const;
const FILES = ['-f, --filename <path...>', 'manifests: folders or files'] as const;

/** Of every command that completes manifests. */
export const POOLS_FLAG = [
  '--load-balancer-pools <pools>',
  'where load balancers get addresses: CIDRs, ranges FIRST-LAST, or a JSON list of pools',
] as const;

/** Adds the group with its seven commands. */
export function addLabCommands(program: Command): void {
  const lab = program.command('lab').description('a cluster of network namespaces on this machine');
  lab
    .command('up')
    .description('make the cluster of some manifests; returns when every agent has synced')
    .option(...NAME)
    .requiredOption('--manifests <path...>', 'folders or files')
    .option(...POOLS_FLAG)
    .option('--kubeconfig <file>', 'write the objects to its API server, and let the agents follow that')
    .option('--context <name>', 'context of the kubeconfig (default: its current one)')
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./lab.ts')).up(options));
  lab
    .command('apply')
    .description('add or change objects; returns when the change is in the kernel')
    .option(...NAME)
    .requiredOption(...FILES)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./lab.ts')).apply(options));
  lab
    .command('delete')
    .description('delete the objects that the manifests name')
    .option(...NAME)
    .requiredOption(...FILES)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./lab.ts')).remove(options));
  addProbe(lab);
  lab
    .command('exec')
    .description('run a command in the namespace and cgroup of a pod: weir lab exec ns/pod -- COMMAND…')
    .option(...NAME)
    .argument('<pod>', 'ns/pod, node/NAME or external')
    .argument('<command...>', 'the command and its arguments, after --')
    .action(async (pod, argv, options) => (await import('./lab.ts')).exec(pod, argv, options));
  lab
    .command('status')
    .description('nodes, pods, Services and problems of all agents')
    .option(...NAME)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./lab.ts')).status(options));
  lab
    .command('down')
    .description('take the cluster down and leave nothing behind')
    .option(...NAME)
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./lab.ts')).down(options));
}

function addProbe(lab: Command): void {
  lab
    .command('probe')
    .description('connect and tell who answered')
    .option(...NAME)
    .option('--from <who>', 'ns/pod, node/NAME, external, external/ADDRESS or all')
    .option('--to <what>', 'ns/pod, pods, svc:ns/name, nodeport:NODE:PORT or an address')
    .option('--port <port>', 'number, or name of a Service or container port')
    .option('--protocol <protocol>', 'tcp, udp, sctp or icmp')
    .option('--family <4|6>', 'only this family')
    .option('--node <name>', 'where packets from outside enter')
    .option('--source-port <port>', 'the client’s port')
    .option('--count <times>', 'how often', '1')
    .option('--batch <file>', 'a JSON line per probe instead; - is stdin')
    .option(...JSON_FLAG)
    .action(async (options) => (await import('./lab.ts')).probe(options));
}
