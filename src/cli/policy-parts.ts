/** What the agent enforces policies with: the backend that was chosen, and the end of what the other one left here. */
import type { Logger } from 'pino';
import type { AgentConfiguration } from '../agent/configuration.ts';
import type { PolicyParts } from '../agent/policy-core.ts';
import { keepPins } from '../dataplane/bpf/pins.ts';
import { openBpfPolicies } from '../dataplane/bpf/policies/backend.ts';
import { removeFilters } from '../dataplane/bpf/policies/hooks.ts';
import { type Capabilities, choosePolicyBackend } from '../dataplane/capabilities.ts';
import { closingUnguarded } from '../dataplane/closing-backend.ts';
import { watchPodInterfaces } from '../dataplane/interfaces/watch-pod-interfaces.ts';
import { openNftPolicies } from '../dataplane/nft/policies/backend.ts';
import { CLOSED_TABLE, openClosedTable } from '../dataplane/nft/policies/closed-table.ts';
import { POLICY_TABLE } from '../dataplane/nft/policies/layout.ts';
import { removeTable } from '../dataplane/nft/removal.ts';
import type { PolicyBackend, PolicyVerdict } from '../dataplane/policy-backend.ts';
import { pinDirectory } from '../kernel/bpf-file-system.ts';
import { describeRefusal } from '../kernel/bpf-object.ts';

/** What a backend is opened with. */
interface Opening {
  readonly configuration: AgentConfiguration;
  readonly capabilities: Capabilities;
  readonly pipeline: PolicyParts['pipeline'];
  /** Services are served at sockets: the pins of that stay. */
  readonly servesSockets: boolean;
}

export function policyParts(opening: Opening, log: Pick<Logger, 'warn'>): PolicyParts {
  const { configuration, capabilities, pipeline } = opening;
  const { policyBackend, policyDefaultClosed } = configuration;
  let choice = choosePolicyBackend(policyBackend, capabilities);
  return {
    pipeline,
    watchPodInterfaces,
    choice: () => choice,
    // nft judges by addresses, not by interfaces.
    defaultClosed: () => policyDefaultClosed && choice.backend === 'bpf',
    enforcement: () =>
      choice.backend === 'bpf'
        ? { backend: 'bpf' }
        : { backend: 'nft', bridgeNetfilter: capabilities.bridgeNetfilter },
    async openBackend(onVerdict, onForeignChange) {
      if (choice.backend === 'nft') return openNft(opening, onVerdict, onForeignChange);
      try {
        return await openBpf(opening, onVerdict, onForeignChange);
      } catch (error) {
        if (policyBackend !== 'auto') throw error;
        choice = choosePolicyBackend('auto', { policyHook: null, withoutBpf: reasonOf(error) });
        log.warn(choice.why);
        return openNft(opening, onVerdict, onForeignChange);
      }
    },
  };
}

async function openBpf(
  { configuration, capabilities, pipeline, servesSockets }: Opening,
  onVerdict: (verdict: PolicyVerdict) => void,
  onForeignChange: () => void,
): Promise<PolicyBackend> {
  const { instance, policyDefaultClosed, policyDeny, sameNode, compile } = configuration;
  const backend = await openBpfPolicies({
    directory: pinDirectory(instance),
    unknownInterfaceClosed: policyDefaultClosed,
    answerDenied: policyDeny === 'reject',
    hookKind: capabilities.policyHook ?? 'clsact',
    sameNode,
    onVerdict,
    onForeignChange,
  });
  const endOthers = async (): Promise<void> => {
    keepPins(pinDirectory(instance), servesSockets ? ['policies', 'sockets'] : ['policies']);
    await removeTable(POLICY_TABLE.table);
  };
  const networks = policyDefaultClosed ? pipeline.podNetworks(compile.node) : [];
  const table = await openClosedTable(networks, onForeignChange);
  return succeeding(closingUnguarded(backend, table), endOthers);
}

async function openNft(
  { configuration, pipeline, servesSockets }: Opening,
  onVerdict: (verdict: PolicyVerdict) => void,
  onForeignChange: () => void,
): Promise<PolicyBackend> {
  const { instance, policyDefaultClosed, policyDeny, compile } = configuration;
  const backend = await openNftPolicies({
    reject: policyDeny === 'reject',
    closedPrefixes: policyDefaultClosed ? pipeline.podNetworks(compile.node) : [],
    onVerdict,
    onForeignChange,
  });
  return succeeding(backend, async () => {
    keepPins(pinDirectory(instance), servesSockets ? ['sockets'] : []);
    await removeFilters();
    await removeTable(CLOSED_TABLE.table);
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? describeRefusal(error) : String(error);
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
