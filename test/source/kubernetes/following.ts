/** A source that follows the fake server, for one test. */
import { systemClock } from '../../../src/agent/clock.ts';
import type { NodeName } from '../../../src/model/names.ts';
import type { Source } from '../../../src/model/source.ts';
import { createConnector } from '../../../src/source/kubernetes/connection.ts';
import { type KubernetesOptions, kubernetesSource } from '../../../src/source/kubernetes.ts';
import { createRecorder, type Recorder } from '../folder.ts';
import { type FakeServer, startFakeServer } from './fake-server.ts';

export interface Following {
  readonly server: FakeServer;
  readonly recorder: Recorder;
  /** What the source logged, each with its level. */
  readonly lines: readonly string[];
  /** A source of node `here`; starts nothing. */
  create(options?: Partial<KubernetesOptions>): Source;
  /** Waits, for some seconds, until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  /** Stops its sources and the server. */
  end(): Promise<void>;
}

/** Starts a server without objects. */
export async function beginFollowing(): Promise<Following> {
  const server = await startFakeServer();
  const recorder = createRecorder();
  const lines: string[] = [];
  const sources: Source[] = [];
  return {
    server,
    recorder,
    lines,
    create(options = {}) {
      const source = kubernetesSource({
        kubeconfig: null,
        context: null,
        environment: {},
        node: 'here' as NodeName,
        // Waits as little as the back-off allows.
        clock: {
          ...systemClock,
          schedule: (ms, call) => systemClock.schedule(ms > 20_000 ? ms : ms / 20, call),
        },
        log: {
          info: (_, line) => lines.push(`info: ${line}`),
          warn: (_, line) => lines.push(`warn: ${line}`),
        },
        connector: createConnector(async () => ({ origin: server.origin, requestOptions: async () => ({}) })),
        ...options,
      });
      sources.push(source);
      return source;
    },
    async until(condition) {
      for (let attempt = 0; !condition(); attempt++) {
        if (attempt === 2000) throw new Error(`waited in vain; ${lines.join(' | ')}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async end() {
      await Promise.all(sources.map((source) => source.stop()));
      await server.close();
    },
  };
}
