/** What the agent enforces policies with: the backend that was chosen, and the end of what the other one left here. */
import { rm } from 'node:fs/promises';
import type { AgentConfiguration } from '../agent/configuration.ts';
import type { PolicyParts } from '../agent/policy-core.ts';
import { openBpfPolicies } from '../dataplane/bpf/policies/backend.ts';
import { type Capabilities, choosePolicyBackend } from '../dataplane/capabilities.ts';
import { watchPodInterfaces } from '../dataplane/interfaces/watch-pod-interfaces.ts';
import { openNftPolicies } from '../dataplane/nft/policies/backend.ts';
import { POLICY_TABLE } from '../dataplane/nft/policies/layout.ts';
import { removeTable } from '../dataplane/nft/removal.ts';
import type { PolicyBackend } from '../dataplane/policy-backend.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';

export function policyParts(
  { instance, policyBackend, policyDefaultClosed, policyDeny, compile }: AgentConfiguration,
  capabilities: Capabilities,
  pipeline: PolicyParts['pipeline'],
): PolicyParts {
  const { backend } = choosePolicyBackend(policyBackend, capabilities);
  const pins = pinDirectory(instance);
  return {
    pipeline,
    watchPodInterfaces,
    // nft judges by addresses, not by interfaces.
    defaultClosed: policyDefaultClosed && backend === 'bpf',
    enforcement: backend === 'bpf' ? { backend } : { backend, bridgeNetfilter: capabilities.bridgeNetfilter },
    openBackend: async (onVerdict, onForeignChange) =>
      backend === 'nft'
        ? succeeding(
            await openNftPolicies({
              reject: policyDeny === 'reject',
              closedPrefixes: policyDefaultClosed ? pipeline.podNetworks(compile.node) : [],
              onVerdict,
              onForeignChange,
            }),
            () => rm(pins, { recursive: true, force: true }),
          )
        : succeeding(
            await openBpfPolicies({
              directory: pins,
              unknownInterfaceClosed: policyDefaultClosed,
              answerDenied: policyDeny === 'reject',
              hookKind: capabilities.policyHook ?? 'clsact',
              onVerdict,
            }),
            () => removeTable(POLICY_TABLE.table),
          ),
  };
}

/** The backend; when its rows are in for the first time, what another one left can go: nobody is unprotected meanwhile. */
function succeeding(backend: PolicyBackend, endOther: () => Promise<unknown>): PolicyBackend {
  let isAlone = false;
  return {
    ...backend,
    async sync(rows, interfaces) {
      const report = await backend.sync(rows, interfaces);
      if (!isAlone) await endOther();
      isAlone = true;
      return report;
    },
  };
}
