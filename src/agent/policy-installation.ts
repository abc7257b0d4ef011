/**
 * Brings policy rows and local pods' interfaces into the kernel. One call at a time: the loop sees to it. Whatever fails
 * leaves pods judged as before, and new ones closed.
 */

import type { PodInterfaceWatch } from '../dataplane/interfaces/watch-pod-interfaces.ts';
import type { PolicyBackend, PolicyInstallReport } from '../dataplane/policy-backend.ts';
import type { PodInterface as Joined } from '../dataplane/policy-change.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
import type { PolicyRowsChange } from '../model/policy-rows.ts';
import { InstallError, labelled } from './installation.ts';
import { createJoinedPods, type JoinedPodsOptions } from './joined-pods.ts';
import type { PolicyPipeline } from './policy-pipeline.ts';
import type { SyncAttempt } from './sync-loop.ts';

export interface PolicyInstallation {
  /**
   * Compiles and writes; interfaces that the kernel refused are in the report.
   * @throws InstallError when rows are not in the kernel
   */
  install(attempt: SyncAttempt): Promise<PolicyInstallReport>;
  /** null until the first install opened it. */
  backend(): PolicyBackend | null;
  /** Whose interface it was at the last install. */
  podBehind(interfaceIndex: number): ObjectName | undefined;
  /** As the last install had them judged. */
  podInterfaces(): Iterable<Joined>;
  close(): Promise<void>;
}

export interface PolicyInstallationOptions extends JoinedPodsOptions {
  readonly pipeline: PolicyPipeline;
  readonly node: NodeName;
  /** Called at the first install, and again as long as it rejects. */
  readonly openBackend: () => Promise<PolicyBackend>;
  /** Done before the first rows are written. */
  readonly onOpened: (backend: PolicyBackend) => Promise<void>;
  readonly podInterfaces: PodInterfaceWatch;
}

/** Starts with nothing installed: the first install writes the difference from whatever the kernel holds. */
export function createPolicyInstallation(options: PolicyInstallationOptions): PolicyInstallation {
  const { pipeline, podInterfaces } = options;
  const joined = createJoinedPods(options);
  const takeLocalPods = pipeline.followLocalPods(options.node);
  let backend: PolicyBackend | null = null;
  let complete = false;

  /** `rows` null: they could not be compiled. */
  const write = async (attempt: SyncAttempt, rows: PolicyRowsChange | null) => {
    if (backend === null) {
      backend = await options.openBackend();
      await options.onOpened(backend);
    }
    // Before the kernel's first answer every pod would count as missing, and lose its guard.
    await podInterfaces.settled();
    const pods = takeLocalPods();
    if (pods.size > 0) podInterfaces.setPods(pods);
    const interfaces = await joined.renew();
    if (!complete) {
      const report = await backend.sync(pipeline.policyRows(), joined.current);
      complete = true;
      return report;
    }
    const report = await backend.apply(rows === null ? { interfaces } : { rows, interfaces });
    return attempt.repair ? backend.repair() : report;
  };

  return {
    async install(attempt) {
      const { rows, error } = compiled(pipeline);
      // What an earlier agent left is better than nothing.
      if (error !== null && !complete) throw error;
      const report = await labelled('policies are not in the kernel', () => write(attempt, rows));
      if (error !== null) throw error;
      return report;
    },
    backend: () => backend,
    podBehind: joined.podBehind,
    podInterfaces: () => joined.current.values(),
    async close() {
      await backend?.close();
    },
  };
}

function compiled(pipeline: PolicyPipeline) {
  try {
    return { rows: pipeline.compilePolicies(), error: null };
  } catch (cause) {
    return { rows: null, error: new InstallError('policies could not be compiled', cause) };
  }
}
