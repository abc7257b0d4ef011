/** A lab whose objects are at an API server: written there, read from there by the agents, and removed in the end. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { presentFiles } from '../../source/kubernetes/kubeconfig-files.ts';
import { LabError, messageOf } from '../lab-error.ts';
import { labDirectory } from '../lab-names.ts';
import type { ObjectStore } from '../object-store.ts';
import { type ApiClient, type LabServer, openApiClient } from './api-client.ts';
import { relayInto } from './relay.ts';
import { relayKubeconfigs } from './relay-kubeconfig.ts';
import { LAB_LABEL, wantedObjects } from './wanted-objects.ts';
import { listObjects, writeObjects } from './write-objects.ts';

/** The objects of this lab at that server. Its functions throw LabError where the server can't be used. */
export function serverStore(server: LabServer, lab: string): ObjectStore {
  const folder = `${labDirectory(lab)}/kubeconfig`;
  const copies = presentFiles(server.kubeconfig).map((_, index) => `${folder}/${index}`);
  const context = server.context === null ? [] : ['--context', server.context];
  return {
    agentFlags: ['--source', 'kubernetes', '--kubeconfig', copies.join(delimiter), ...context],
    open: (namespaces) =>
      withClient(server, async ({ origin }) => {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        for (const [index, text] of relayKubeconfigs(server.kubeconfig, origin).entries())
          writeFileSync(`${folder}/${index}`, text, { mode: 0o600 });
        await relayInto(lab, origin, namespaces);
      }),
    write: (documents, completed) =>
      withClient(server, (client) => writeObjects(client, lab, wantedObjects(lab, documents, completed))),
  };
}

/**
 * Asks the server whether it is there and knows us, before anything is made.
 * @throws LabError
 */
export async function checkServer(server: LabServer, lab: string): Promise<void> {
  await withClient(server, (client) => listObjects(client, lab));
}

/**
 * Removes all that carries the lab's label.
 * @throws LabError (failed) that says what is left, and how it is removed
 */
export async function clearServer(server: LabServer, lab: string): Promise<void> {
  try {
    const { problems } = await withClient(server, (client) => writeObjects(client, lab, []));
    if (problems[0] !== undefined) throw new Error(problems[0].message);
  } catch (cause) {
    const left = `objects with the label ${LAB_LABEL}=${lab} are left at the API server`;
    throw new LabError('failed', `${left}: ${messageOf(cause)}; delete them there`, cause);
  }
}

async function withClient<Result>(
  server: LabServer,
  work: (client: ApiClient) => Promise<Result>,
): Promise<Result> {
  const client = await openApiClient(server).catch((cause: unknown) => {
    throw new LabError('usage', messageOf(cause), cause);
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
