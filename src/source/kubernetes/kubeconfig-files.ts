/** The files of a kubeconfig: which there are, what they say together, and what the context chooses of it. */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { ApiFailure, errorMessage } from './failure.ts';

export interface ChosenContext {
  readonly server: string;
  readonly cluster: Cluster;
  /** null: the context names none. */
  readonly user: User | null;
}

/** Those of the named files that are to be read. */
export function presentFiles(paths: string): readonly string[] {
  const named = paths.split(delimiter).filter((path) => path !== '');
  // As kubectl: of several, those that are missing are passed over.
  const present = named.length > 1 ? named.filter((path) => existsSync(path)) : named;
  return present.length > 0 ? present : named;
}

/** All files merged. Throws ApiFailure with the file that can't be used. */
export function readFiles(files: readonly string[]): KubeConfig {
  let merged: KubeConfig | undefined;
  for (const file of files) {
    try {
      const config = new KubeConfig();
      config.loadFromFile(file);
      if (merged === undefined) merged = config;
      else merged.mergeConfig(config, true);
    } catch (error) {
      const remedy = 'name a kubeconfig that exists and is valid with --kubeconfig or KUBECONFIG';
      throw new ApiFailure(`kubeconfig ${file}: can't be used (${errorMessage(error)}); ${remedy}`, {
        cause: error,
      });
    }
  }
  if (merged === undefined) throw new ApiFailure('kubeconfig: no file is named; give --kubeconfig FILE');
  return merged;
}

function noKubeconfig(paths: string): ApiFailure {
  const remedy = 'name a kubeconfig with --kubeconfig or KUBECONFIG';
  return new ApiFailure(`kubeconfig ${paths}: it has no contexts, or is something else; ${remedy}`);
}

/** Sets the context. Throws ApiFailure where it, its server or its user is missing. */
export function chooseContext(config: KubeConfig, paths: string, context: string | null): ChosenContext {
  const wanted = context ?? config.getCurrentContext();
  const found = config.getContextObject(wanted);
  if (found === null) {
    const names = config.getContexts().map(({ name }) => name);
    if (names.length === 0) throw noKubeconfig(paths);
    const what = wanted ? `no context ${JSON.stringify(wanted)}` : 'no current context';
    throw new ApiFailure(
      `kubeconfig ${paths}: ${what} (it has ${names.join(', ')}); name one of them with --context`,
    );
  }
  config.setCurrentContext(wanted);
  const failed = (what: string) =>
    new ApiFailure(`kubeconfig ${paths}: context ${JSON.stringify(wanted)} has ${what}`);
  const cluster = config.getCurrentCluster();
  if (cluster === null || !/^https?:/.test(cluster.server) || !URL.canParse(cluster.server)) {
    throw failed("no cluster with a server's URL such as https://192.0.2.1:6443; correct its cluster entry");
  }
  const user = config.getCurrentUser();
  if (user === null && found.user)
    throw failed(`no user ${JSON.stringify(found.user)}; correct its user entry`);
  return { server: cluster.server, cluster, user };
}

export interface UserEntry {
  /** The first that has this user, as kubectl merges them. */
  readonly file: string;
  readonly content: { readonly tokenFile?: unknown; readonly exec?: unknown };
}

/** What stands in the files of a user; client-node drops the fields that it does not know. */
export function userEntry(files: readonly string[], name: string | undefined): UserEntry {
  for (const file of files) {
    const { users } = parse(readFileSync(file, 'utf8')) as {
      readonly users?: readonly { readonly name?: string; readonly user?: UserEntry['content'] }[];
    };
    const entry = users?.find((user) => user.name === name);
    if (entry !== undefined) return { file, content: entry.user ?? {} };
  }
  return { file: files[0] ?? '', content: {} };
}
