/** An agent's status for people. */
import { problemLine } from '../agent/problem-log.ts';
import type { AgentStatus, SyncStatus } from '../agent/status.ts';

/** A few lines, the most important first; `nowMs` is the time of asking, milliseconds since the epoch. */
export function statusText(status: AgentStatus, nowMs: number): string {
  const { backends, counts, source, features, dataplane } = status;
  const elements = dataplane?.sets.reduce((sum, set) => sum + set.elements, 0) ?? 0;
  const lines: [string, string][] = [
    ['agent', `weir ${status.version}, instance ${status.instance}, node ${status.node}, pid ${status.pid}`],
    ['health', status.healthy ? 'ok' : `not healthy: ${status.unhealthyBecause}`],
    ['services', `${backends.services.backend} (${backends.services.why})`],
    ['policy', `${backends.policy.backend} (${backends.policy.why})`],
    ['found', features.found.join(', ') || 'nothing'],
    ['missing', features.missing.map(({ feature, why }) => `${feature} (${why})`).join(', ') || 'nothing'],
    [
      'source',
      `${source.origin}, ${source.synced ? 'synced' : `not synced: ${source.reason}`}${skipped(status)}${missing(status)}`,
    ],
    ['sync', syncText(status.sync, nowMs)],
    [
      'rows',
      `${counts.services} Services, ${counts.frontends} frontends, ${counts.slots} slots, ${counts.backends} backends, ${counts.hostPorts} host ports, ${counts.addresses} addresses`,
    ],
    ['kernel', dataplane === null ? 'nothing yet' : `${elements} elements, ${dataplane.chains} chains`],
    ...socketsLine(status),
    ...policiesLine(status),
    [
      'repairs',
      `${status.repairs}, and ${status.conntrackDeleted} stale connection-tracking entries deleted`,
    ],
    ...eventsLine(status),
    ['problems', String(status.problems.length)],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return [
    ...lines.map(([name, text]) => `${name.padEnd(width)}  ${text}`),
    ...status.problems.map((problem) => `  ${problem.severity}: ${problemLine(problem)}`),
  ].join('\n');
}

function socketsLine({ sockets, ejectedBackends }: AgentStatus): readonly [string, string][] {
  if (sockets === null) return [];
  const { cgroup, nodeOnly, attached, error, exempt, figures } = sockets;
  const whose = nodeOnly ? `the node's in ${cgroup}` : `all in ${cgroup}`;
  const counts =
    figures === null
      ? ''
      : `, ${figures.connected} connected, ${figures.sent} choices for single messages, ${figures.refused} refused, ${figures.failed} failed, ${ejectedBackends ?? 0} backends ejected`;
  const left = exempt.length === 0 ? '' : `, ${exempt.length} pods exempt`;
  const state = `${whose}${left}${attached ? '' : ', not served yet'}${counts}`;
  return [['sockets', error === null ? state : `${state}; last error: ${error}`]];
}

function policiesLine({ policies }: AgentStatus): readonly [string, string][] {
  if (policies === null) return [];
  const { rows, kernel, services, unenforced, lastError } = policies;
  const dropped = (kernel?.drops ?? []).reduce((sum, { ingress, egress }) => sum + ingress + egress, 0);
  const counts = `${rows.subjects} pods selected, ${rows.verdicts} verdict rows, ${dropped} packets dropped, ${unenforced.length} pods not enforced`;
  const errors = [lastError, services?.lastError].filter((error) => typeof error === 'string');
  return [['policies', [counts, ...errors.map((error) => `last error: ${error}`)].join('; ')]];
}

function eventsLine({ events }: AgentStatus): readonly [string, string][] {
  if (events === null) return [];
  const { written, repeated, dropped, failed, lastError } = events;
  const counts = `${written} written, ${repeated} repeated, ${dropped} too many, ${failed} refused`;
  return [['events', lastError === null ? counts : `${counts}; not written now: ${lastError}`]];
}

function skipped({ source }: AgentStatus): string {
  const kinds = Object.entries(source.skippedKinds).map(([kind, count]) => `${count} ${kind}`);
  return kinds.length === 0 ? '' : `; not used: ${kinds.join(', ')}`;
}

function missing({ source }: AgentStatus): string {
  const kinds = Object.entries(source.missingKinds ?? {}).map(([kind, why]) => `${kind} (${why})`);
  return kinds.length === 0 ? '' : `; without: ${kinds.join(', ')}`;
}

function syncText(sync: SyncStatus, nowMs: number): string {
  const parts: string[] = [sync.state];
  if (sync.lastSuccessAt !== null) {
    const seconds = Math.max(0, (nowMs - Date.parse(sync.lastSuccessAt)) / 1000).toFixed(1);
    parts.push(`last ${seconds} s ago in ${(sync.lastDurationMs ?? 0).toFixed(1)} ms`);
  }
  if (sync.pendingForMs !== null) parts.push(`waiting for ${(sync.pendingForMs / 1000).toFixed(1)} s`);
  parts.push(`${sync.syncs} syncs, ${sync.failures} failures`);
  if (sync.lastError !== null) parts.push(`last error: ${sync.lastError}`);
  return parts.join(', ');
}
