/** Services as people look for them: where they are reached, who serves, who does not and why. */
import { formatEndpoint } from '../model/address.ts';
import { compareText } from '../model/names.ts';
import type { FrontendRow, ServiceRows } from '../model/rows.ts';
import { table } from './output.ts';

/** One line per Service port and family, ordered by name. */
export function servicesTable(services: readonly ServiceRows[]): string {
  if (services.length === 0) return 'no Services';
  const sorted = [...services].sort((a, b) => compareText(a.id, b.id));
  const lines = sorted.map((row) => [
    serviceText(row),
    row.protocol,
    frontendsText(row),
    endpointsText(row),
    row.excluded
      .map(({ endpoint, why, list }) => `${endpoint} ${why}${list === 'both' ? '' : ` (${list})`}`)
      .join(', '),
  ]);
  return table(['service', 'protocol', 'frontends', 'endpoints (* here)', 'not used'], lines);
}

/** The Service port, or the pod with a host port. */
export function serviceText({ id, displayName }: ServiceRows): string {
  return id.startsWith('hostport:') ? `${displayName} (host port)` : displayName;
}

/** Where it is reached on this node. */
export function frontendsText({ frontends }: ServiceRows): string {
  return frontends.map(frontendText).join(' ') || 'none on this node';
}

function frontendText(frontend: FrontendRow): string {
  const where =
    frontend.address === null ? `*:${frontend.port}` : formatEndpoint(frontend.address, frontend.port);
  const notes = [frontend.inside, frontend.outside].includes('drop') ? '(drop)' : '';
  return frontend.kind === 'clusterIP' ? `${where}${notes}` : `${frontend.kind}=${where}${notes}`;
}

function endpointsText(row: ServiceRows): string {
  if (row.cluster.length === 0) return 'none: refused';
  const local = new Set(row.local.map(({ address, port }) => formatEndpoint(address, port)));
  return row.cluster
    .map(({ address, port }) => formatEndpoint(address, port))
    .map((endpoint) => (local.has(endpoint) ? `${endpoint}*` : endpoint))
    .join(' ');
}
