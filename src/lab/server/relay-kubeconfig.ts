/** Kubeconfigs for the agents of a lab: the user's, with the relay in the place of the server. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { presentFiles } from '../../source/kubernetes/kubeconfig-files.ts';
import { LabError } from '../lab-error.ts';
import type { JsonObject } from './api-client.ts';
import { hostOf, RELAY_HOST, RELAY_PORT } from './relay-address.ts';

/** Fields of clusters and users that name files, which kubeconfigs may do from where they are. */
const FILES = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];

/**
 * The text of a copy of each file, with the relay in the place of the server at `origin`. TLS stays between agent and
 * server, so certificates are judged by the server's own name.
 *
 * @throws LabError (usage) where nodes can't reach the server by a relay
 */
export function relayKubeconfigs(kubeconfig: string, origin: string): readonly string[] {
  return presentFiles(kubeconfig).map((file) => {
    const content = parse(readFileSync(file, 'utf8')) as JsonObject;
    const entries = (field: 'clusters' | 'users', part: 'cluster' | 'user') =>
      ((content[field] ?? []) as readonly JsonObject[]).map((entry) => {
        const settings = withAbsoluteFiles((entry[part] ?? {}) as JsonObject, dirname(file));
        return { ...entry, [part]: part === 'cluster' ? throughRelay(settings, origin) : settings };
      });
    return JSON.stringify({
      ...content,
      clusters: entries('clusters', 'cluster'),
      users: entries('users', 'user'),
    });
  });
}

function withAbsoluteFiles(settings: JsonObject, folder: string): JsonObject {
  const absolute = Object.entries(settings).map(([field, value]) => {
    if (FILES.includes(field) && typeof value === 'string') return [field, resolve(folder, value)];
    return [field, field === 'exec' ? withAbsoluteCommand(value as JsonObject | null, folder) : value];
  });
  return Object.fromEntries(absolute);
}

/** A credential plugin; without a slash it is looked for in PATH. */
function withAbsoluteCommand(exec: JsonObject | null, folder: string): JsonObject | null {
  const command = exec?.command;
  if (typeof command !== 'string' || !command.includes('/')) return exec;
  return { ...exec, command: resolve(folder, command) };
}

function throughRelay(cluster: JsonObject, origin: string): JsonObject {
  if (String(cluster.server).replace(/\/+$/, '') !== origin) return cluster;
  if (cluster['proxy-url'] !== undefined) {
    const remedy = 'name a context whose server is reached without proxy-url';
    throw new LabError('usage', `${origin}: the nodes of a lab can't use a proxy; ${remedy}`);
  }
  const server = new URL(origin);
  const host = hostOf(server);
  server.host = `${RELAY_HOST}:${RELAY_PORT}`;
  const isNamed = cluster['tls-server-name'] !== undefined || host === RELAY_HOST;
  return { ...cluster, server: server.href, ...(isNamed ? {} : { 'tls-server-name': host }) };
}
