/** Those who wait until states of objects have been delivered. */
import type { ObjectVersion } from '../../model/source.ts';

export interface VersionWaits {
  /** Resolves at the first `check` that finds every version reached. */
  add(versions: readonly ObjectVersion[]): Promise<void>;
  /** Something was delivered. */
  check(): void;
  /** Rejects all that still wait. */
  end(error: Error): void;
}

interface Wait {
  missing: readonly ObjectVersion[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** `reached` tells of one version whether it was heard. */
export function createVersionWaits(reached: (version: ObjectVersion) => boolean): VersionWaits {
  let waits: readonly Wait[] = [];
  return {
    add(versions) {
      return new Promise((resolve, reject) => {
        waits = [...waits, { missing: versions, resolve, reject }];
      });
    },
    check() {
      for (const wait of waits) {
        wait.missing = wait.missing.filter((version) => !reached(version));
        if (wait.missing.length === 0) wait.resolve();
      }
      waits = waits.filter(({ missing }) => missing.length > 0);
    },
    end(error) {
      for (const { reject } of waits) reject(error);
      waits = [];
    },
  };
}
