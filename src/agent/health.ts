/** /healthz and /livez with kube-proxy's answers: what load balancers, kubelets and people look at (A50). */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { BindAddress } from './configuration-values.ts';
import { answerJson, closeServer, listen } from './http-server.ts';

export interface HealthState {
  /** Milliseconds since the epoch; null: never. */
  readonly lastSuccessAtMs: number | null;
  /** What the first sync waits for, for a person; null once it was done. */
  readonly firstSyncWaitsFor: string | null;
  /** How long the oldest unapplied change waits, milliseconds; null: none does. */
  readonly pendingForMs: number | null;
  /** The node's object is about to be deleted: load balancers shall stop sending here. */
  readonly nodeDeleting: boolean;
}

export interface HealthVerdict {
  readonly live: boolean;
  /** Live, and the node may get traffic. */
  readonly ready: boolean;
  /** Why not; null when ready. */
  readonly why: string | null;
}

/**
 * As kube-proxy: late is what was not applied within two sync periods. Unlike it, a node that was never served is not
 * ready; once it was, it stays so without its source, since the kernel goes on.
 */
export function judgeHealth(state: HealthState, syncPeriodMs: number): HealthVerdict {
  const { pendingForMs, firstSyncWaitsFor, nodeDeleting } = state;
  const notReady = (why: string) => ({ live: true, ready: false, why });
  if (pendingForMs !== null && pendingForMs > 2 * syncPeriodMs) {
    return { ...notReady(`changes wait for ${Math.round(pendingForMs / 1000)} s`), live: false };
  }
  if (firstSyncWaitsFor !== null) return notReady(firstSyncWaitsFor);
  if (nodeDeleting) return notReady('the node is being deleted');
  return { live: true, ready: true, why: null };
}

export interface HealthServerOptions {
  readonly bind: BindAddress;
  readonly state: () => HealthState;
  readonly syncPeriodMs: number;
  /** Told of every answer, for the metrics. */
  readonly onAnswer: (path: 'healthz' | 'livez', code: number) => void;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves until closed; rejects when the address can't be bound. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => answer(request, response, options));
  const port = await listen(server, options.bind);
  return { port, close: () => closeServer(server) };
}

function answer(request: IncomingMessage, response: ServerResponse, options: HealthServerOptions): void {
  const path = request.url?.split('?')[0];
  if (path !== '/healthz' && path !== '/livez') {
    answerJson(response, 404, { error: 'ask for /healthz or /livez' });
    return;
  }
  const state = options.state();
  const verdict = judgeHealth(state, options.syncPeriodMs);
  const code = (path === '/healthz' ? verdict.ready : verdict.live) ? 200 : 503;
  options.onAnswer(path === '/healthz' ? 'healthz' : 'livez', code);
  answerJson(response, code, {
    lastUpdated: state.lastSuccessAtMs === null ? null : new Date(state.lastSuccessAtMs).toISOString(),
    currentTime: new Date().toISOString(),
    nodeEligible: !state.nodeDeleting,
    ...(code === 200 ? {} : { reason: verdict.why }),
  });
}
