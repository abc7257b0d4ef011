/** What the agent serves sockets with, beside nft. */
import type { AgentSockets } from '../agent/agent.ts';
import type { AgentConfiguration } from '../agent/configuration.ts';
import type { PolicyParts } from '../agent/policy-core.ts';
import { createSocketBackend } from '../dataplane/bpf/sockets/socket-backend.ts';
import { chooseSockets } from '../dataplane/socket-choice.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';

export interface SocketParts extends AgentSockets {
  /** Policies whose backend gets the rows of Services for sockets as well. */
  serving(policies: PolicyParts): PolicyParts;
}

export async function socketParts(configuration: AgentConfiguration): Promise<SocketParts> {
  const { instance, compile } = configuration;
  const choice = await chooseSockets({ ...configuration, masqueradeAll: compile.masqueradeAll });
  if (choice.place === null) return { choice, backend: null, serving: (policies) => policies };
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
