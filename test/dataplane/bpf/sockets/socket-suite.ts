/** The scene of a suite of tests, with programs that are attached anew for each. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { keepPins } from '../../../../src/dataplane/bpf/pins.ts';
import type { SocketServices } from '../../../../src/dataplane/bpf/sockets/backend.ts';
import { createSocketScene, type SocketScene } from './scene.ts';

export interface AttachedScene extends SocketScene {
  /** Of the agent that runs, or ran last. */
  readonly sockets: SocketServices;
  /** Ends the agent, if there is one, and starts another. */
  restart(options?: Parameters<SocketScene['open']>[0]): Promise<void>;
}

/** Makes the suite's scene, which is there from its hooks on. Each test begins with an agent, and leaves no programs. */
export function useSocketScene(): AttachedScene {
  const scene = {} as { -readonly [Name in keyof AttachedScene]: AttachedScene[Name] };
  beforeAll(async () => {
    Object.assign(scene, await createSocketScene());
  });
  afterAll(() => scene.remove());
  scene.restart = async (options) => {
    scene.sockets?.close();
    scene.sockets = await scene.open(options);
    await scene.sockets.attach();
  };
  beforeEach(() => scene.restart());
  afterEach(() => {
    keepPins(scene.directory, ['policies']);
    scene.sockets.close();
  });
  return scene;
}
