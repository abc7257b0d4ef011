/** What the agent serves sockets with, beside nft. */
import type { Logger } from 'pino';
import type { AgentSockets } from '../agent/agent.ts';
import type { AgentConfiguration } from '../agent/configuration.ts';
import type { PolicyParts } from '../agent/policy-core.ts';
import { createSocketBackend } from '../dataplane/bpf/sockets/socket-backend.ts';
import { chooseServicesBackend } from '../dataplane/capabilities.ts';
import { chooseSockets } from '../dataplane/socket-choice.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';

export interface SocketParts extends AgentSockets {
  /** Policies whose backend gets the rows of Services for sockets as well. */
  serving(policies: PolicyParts): PolicyParts;
}

/** Tells the log why nft is to serve what BPF might have served. */
export async function socketParts(
  configuration: AgentConfiguration,
  log: Pick<Logger, 'warn'>,
): Promise<SocketParts> {
  const { instance, compile, servicesBackend, socketLb } = configuration;
  const choice = await chooseSockets({ ...configuration, masqueradeAll: compile.masqueradeAll });
  if (choice.place === null) {
    const isWanted = (servicesBackend === 'auto' || servicesBackend === 'bpf') && socketLb !== 'off';
    if (isWanted) log.warn(chooseServicesBackend(servicesBackend, choice).why);
    return { choice, backend: null, serving: (policies) => policies };
  }
  const backend = createSocketBackend({ directory: pinDirectory(instance), ...choice.place });
  return {
    choice,
    backend,
    serving: (policies) => ({
      ...policies,
      async openBackend(...listeners) {
        const opened = await policies.openBackend(...listeners);
        const services = backend.over(opened.services);
        return {
          ...opened,
          services,
          async collect() {
            await opened.collect();
            await services.collect();
          },
          async close() {
            backend.close();
            await opened.close();
          },
        };
      },
    }),
  };
}
