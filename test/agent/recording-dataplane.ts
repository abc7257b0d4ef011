import { type ApplyReport, type Dataplane, NOTHING_DONE } from '../../src/dataplane/dataplane.ts';
import type { Rows, RowsChange } from '../../src/model/rows.ts';

export type Call =
  | { readonly call: 'sync'; readonly rows: Rows }
  | { readonly call: 'apply'; readonly change: RowsChange }
  | { readonly call: 'repair' | 'close' };

/**
 * Records the order of calls and refuses those it is told to: for the loop's own logic only. It claims nothing about
 * what a kernel would do.
 */
export function createRecordingDataplane(refuse: (call: Call) => Error | null = () => null) {
  const calls: Call[] = [];
  const listeners: (() => void)[] = [];
  let open = 0;
  const record = async (call: Call): Promise<ApplyReport> => {
    open += 1;
    if (open > 1) throw new Error('two calls at once');
    calls.push(call);
    await new Promise((resolve) => setImmediate(resolve));
    open -= 1;
    const error = refuse(call);
    if (error !== null) throw error;
    return { ...NOTHING_DONE, elementsAdded: 1, conntrackDeleted: 2 };
  };
  const dataplane: Dataplane = {
    sync: (rows) => record({ call: 'sync', rows }),
    apply: (change) => record({ call: 'apply', change }),
    repair: () => record({ call: 'repair' }),
    onForeignChange: (listener) => void listeners.push(listener),
    status: () => ({
      backend: 'nft',
      skeleton: 1,
      sets: [{ name: 'slots4', elements: 3 }],
      chains: 7,
      repairs: 5,
      readings: 6,
      missing: [{ feature: 'haste', why: 'there is no hurry' }],
    }),
    settled: async () => {},
    async close() {
      calls.push({ call: 'close' });
    },
  };
  return { dataplane, calls, changeFromOutside: () => listeners.forEach((listener) => void listener()) };
}
