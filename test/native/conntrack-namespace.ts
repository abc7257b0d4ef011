/** A network namespace with real connection tracking entries: services translated by nft, packets that nobody answers. */
import { execFileSync } from 'node:child_process';

const COMMAND_TIMEOUT_MS = 20_000;

const RULES = `
table inet conntrack_test {
  chain translate {
    type nat hook output priority -100
    ip daddr 10.96.0.1 udp dport 53 dnat ip to 10.0.0.2:5353
    ip daddr 10.96.0.1 udp dport 54 dnat ip to 10.0.0.3:5353
    ip daddr 10.96.0.1 tcp dport 80 dnat ip to 10.0.0.2:8080
    ip6 daddr fd96::1 udp dport 53 dnat ip6 to [fd00::2]:5353
    ip6 daddr fd96::1 udp dport 54 dnat ip6 to [fd00::3]:5353
    ip6 daddr fd96::1 tcp dport 80 dnat ip6 to [fd00::2]:8080
  }
  chain silence {
    type filter hook input priority 0
    meta l4proto { tcp, udp } ct direction original drop
  }
}
`;

export interface ConntrackNamespace {
  /** Path to give to calls that work in a namespace. */
  readonly path: string;
  /** Sends one UDP datagram, or the SYN of a TCP connection that nobody answers. */
  send(protocol: 'udp' | 'tcp', address: string, port: number): void;
  /** Forgets all entries. */
  flush(): void;
  remove(): void;
}

/** Makes the namespace; `name` must be unique on the machine. Throws when a command fails. */
export function createConntrackNamespace(name: string): ConntrackNamespace {
  const path = `/run/netns/${name}`;
  const inside = (command: string, args: readonly string[], input = '') =>
    execFileSync('nsenter', [`--net=${path}`, command, ...args], {
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: COMMAND_TIMEOUT_MS,
      // Sanitizers are for this process, not for the tools it runs.
      env: { PATH: process.env.PATH },
    });
  const remove = () => void execFileSync('ip', ['netns', 'del', name]);
  execFileSync('ip', ['netns', 'add', name]);
  try {
    addAddresses(name);
    inside('nft', ['-f', '-'], RULES);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    path,
    send(protocol, address, port) {
      // The shell's own sockets: no program to install.
      const open = `exec 3<>/dev/${protocol}/${address}/${port}`;
      inside('bash', [
        '-c',
        protocol === 'udp' ? `${open} && echo x >&3` : connectUntilTracked(open, address),
      ]);
    },
    flush: () => void inside('conntrack', ['-F']),
    remove,
  };
}

function addAddresses(name: string): void {
  const commands = ['link set lo up', 'route add 10.96.0.0/16 dev lo', '-6 route add fd96::/112 dev lo'];
  for (const address of ['10.0.0.2/32', '10.0.0.3/32']) commands.push(`addr add ${address} dev lo`);
  for (const address of ['fd00::2/128', 'fd00::3/128']) commands.push(`addr add ${address} dev lo nodad`);
  for (const command of commands) execFileSync('ip', ['-n', name, ...command.split(' ')]);
}

/** A script that opens a connection nobody answers, and ends it as soon as its entry is there. */
function connectUntilTracked(open: string, address: string): string {
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const tracked = `conntrack -L -f ${family} -p tcp -d ${address} 2>/dev/null | grep -q SYN_SENT`;
  return `(${open}) 2>/dev/null & client=$!; until ${tracked}; do sleep 0.02; done; kill $client`;
}
