import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createServiceRowsLoop } from '../../src/agent/service-rows-loop.ts';
import type { ServiceTables } from '../../src/dataplane/service-tables.ts';
import type { Address } from '../../src/model/address.ts';
import type { RowsChange } from '../../src/model/rows.ts';
import { createManualClock } from './manual-clock.ts';
import { changeOf, rowsOf, serviceRows } from './rows-samples.ts';

const WEB = serviceRows('shop/web');
const CART = serviceRows('shop/cart');
const NODE_ADDRESS = '192.0.2.1' as Address;

/** A loop whose rows, addresses and tables are the test's. */
function createScene() {
  const clock = createManualClock();
  const script = { next: changeOf(), own: [NODE_ADDRESS], fail: null as Error | null, unreadable: false };
  const written: string[] = [];
  const done = async (what: string) => {
    if (script.fail !== null) throw script.fail;
    written.push(what);
    return { written: 1, unprogrammed: [] };
  };
  const tables: ServiceTables = {
    sync: (rows, own) => done(`all ${[...rows.services.values()].map(({ owner }) => owner)} at ${own}`),
    apply: ({ rows, ownAddresses }) =>
      done(`change ${[...(rows?.services.keys() ?? [])]} at ${ownAddresses}`),
    repair: () => done('repair'),
    collect: async () => undefined,
  };
  const lines: string[] = [];
  let collections = 0;
  const loop = createServiceRowsLoop({
    serviceRows: {
      rows: () => rowsOf(WEB),
      followRows: () => () => {
        const change: RowsChange = script.next;
        script.next = changeOf();
        return change;
      },
    },
    async ownAddresses() {
      if (script.unreadable) throw new Error('EPERM');
      return script.own;
    },
    onAttempted: () => void collections++,
    onProblems: () => {},
    clock,
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
    minSyncPeriodMs: 0,
    syncPeriodMs: 60_000,
  });
  return {
    clock,
    loop,
    script,
    written,
    lines,
    collections: () => collections,
    async begin(services: ServiceTables | null = tables) {
      let over = false;
      const begun = loop.begin({ services }).then(() => {
        over = true;
      });
      while (!over) await clock.advance(1);
      await begun;
    },
  };
}

describe('the loop of Service rows for policy programs', () => {
  it('writes nothing before it is begun, then all rows, then changes', async () => {
    const { clock, loop, script, written, begin } = createScene();
    loop.request();
    await clock.advance(1000);
    expect(written).toEqual([]);
    await begin();
    expect(written[0]).toBe('all shop/web at 192.0.2.1');
    script.next = changeOf(CART);
    loop.request();
    await clock.advance(50);
    expect(written.at(-1)).toBe('change shop/cart:http/TCP/IPv4 at 192.0.2.1');
    await loop.stop();
  });

  it('begins although the rows could not be written, tells once, and tries again', async () => {
    const { clock, loop, script, written, lines, begin } = createScene();
    script.fail = new Error('E2BIG');
    await begin();
    expect(loop.lastError()).toContain('E2BIG');
    expect(lines).toEqual([expect.stringContaining('E2BIG')]);
    script.fail = null;
    await clock.advance(1000);
    expect(written).toEqual(['all shop/web at 192.0.2.1']);
    expect(loop.lastError()).toBeNull();
    await loop.stop();
  });

  it('loses no change while the node’s addresses can’t be read', async () => {
    const { clock, loop, script, written, begin } = createScene();
    await begin();
    script.unreadable = true;
    script.next = changeOf(CART);
    loop.request();
    await clock.advance(50);
    expect(written.length).toBe(1);
    script.unreadable = false;
    await clock.advance(1000);
    expect(written.at(-1)).toBe('change shop/cart:http/TCP/IPv4 at 192.0.2.1');
    await loop.stop();
  });

  it('repairs now and then, and has what is old collected after each attempt', async () => {
    const { clock, loop, written, collections, begin } = createScene();
    await begin();
    await clock.advance(60_000);
    expect(written.slice(1)).toEqual(['change  at 192.0.2.1', 'repair']);
    expect(collections()).toBe(2);
    await loop.stop();
  });

  it('has nothing to do where others translate, and ends when it never was begun', async () => {
    const served = createScene();
    await served.begin(null);
    await served.loop.stop();
    expect(served.written).toEqual([]);
    const unbegun = createScene();
    unbegun.loop.request();
    await unbegun.clock.advance(50);
    await unbegun.loop.stop();
    expect(unbegun.clock.timers()).toBe(0);
  });
});
