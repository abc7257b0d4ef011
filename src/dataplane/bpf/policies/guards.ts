/** Which interfaces have the policy programs, on both hooks. */
import type { TcHook } from '../../../kernel/native-bpf.ts';
import type { ObjectName } from '../../../model/names.ts';
import type { Unguarded } from '../../policy-backend.ts';
import type { Hooks } from './hooks.ts';

export interface Guards {
  /**
   * Guards exactly these interfaces, and returns those where the kernel refused. One that can't be guarded holds up no
   * other, and is tried again by the next call.
   */
  guard(interfaces: ReadonlyMap<number, ObjectName>): Promise<readonly Unguarded[]>;
  /** Forgets that interfaces are guarded where a program was taken off by somebody else. */
  inspect(): Promise<void>;
}

const HOOKS: readonly TcHook[] = ['ingress', 'egress'];

export function createGuards(hooks: Hooks): Guards {
  const guarded = new Set<number>();
  // Of those that were adopted perhaps one hook only has its program: guarding them anew costs nothing where both have.
  const left = new Set(hooks.adopted);
  const guardOne = async (index: number): Promise<void> => {
    if (guarded.has(index)) return;
    await Promise.all(HOOKS.map((hook) => hooks.put(index, hook)));
    guarded.add(index);
    left.delete(index);
  };
  const release = async (index: number): Promise<void> => {
    await Promise.all(HOOKS.map((hook) => hooks.takeOff(index, hook)));
    guarded.delete(index);
    left.delete(index);
  };
  return {
    async guard(interfaces) {
      const refused = await Promise.all(
        [...interfaces].map(async ([interfaceIndex, pod]): Promise<readonly Unguarded[]> => {
          try {
            await guardOne(interfaceIndex);
            return [];
          } catch (error) {
            return [{ pod, interfaceIndex, why: error instanceof Error ? error.message : String(error) }];
          }
        }),
      );
      const gone = [...guarded, ...left].filter((index) => !interfaces.has(index));
      await Promise.all(gone.map(release));
      return refused.flat();
    },
    async inspect() {
      for (const index of [...guarded]) {
        const standing = await Promise.all(HOOKS.map((hook) => hooks.stands(index, hook)));
        if (!standing.every(Boolean)) guarded.delete(index);
      }
    },
  };
}
