import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createServiceRowsLoop } from '../../src/agent/service-rows-loop.ts';
import type { ServiceApplyReport, ServiceDataplane } from '../../src/dataplane/bpf/services/dataplane.ts';
import type { Address } from '../../src/model/address.ts';
import type { RowsChange, ServiceId } from '../../src/model/rows.ts';
import { createManualClock } from './manual-clock.ts';
import { changeOf, rowsOf, serviceRows } from './rows-samples.ts';

const WEB = serviceRows('shop/web');
const CART = serviceRows('shop/cart');
const NODE_ADDRESS = '192.0.2.1' as Address;

/** A loop whose rows, addresses and tables are the test's. */
function createScene() {
  const clock = createManualClock();
  const script = {
    next: changeOf(),
    own: [NODE_ADDRESS],
    fail: null as Error | null,
    unreadable: false,
    unprogrammed: [] as ServiceId[],
  };
  const written: string[] = [];
  const done = async (what: string) => {
    if (script.fail !== null) throw script.fail;
    written.push(what);
    return { written: 1, unprogrammed: script.unprogrammed, unprogrammedAddresses: [], left: [] };
  };
  const tables = tablesThat(done);
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
    async begin(services: ServiceDataplane | null = tables) {
      let over = false;
      const begun = loop.begin({ services }).then(() => {
        over = true;
      });
      while (!over) await clock.advance(1);
      await begun;
    },
  };
}

/** Tells `done` what it is asked for. */
function tablesThat(done: (what: string) => Promise<ServiceApplyReport>): ServiceDataplane {
  return {
    sync: (rows, own) => done(`all ${[...rows.services.values()].map(({ owner }) => owner)} at ${own}`),
    apply: ({ rows, ownAddresses }) =>
      done(`change ${[...(rows?.services.keys() ?? [])]} at ${ownAddresses ?? 'the same'}`),
    repair: () => done('repair'),
    collect: async () => 0,
    states: async () => [],
    figures: () => null,
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
    expect(written.at(-1)).toBe('change shop/cart:http/TCP/IPv4 at the same');
    await loop.stop();
  });

  it('tells the node’s addresses when they are others, also where these could not be read at first', async () => {
    const { clock, loop, script, written, begin } = createScene();
    await begin();
    script.own = [NODE_ADDRESS, '192.0.2.2' as Address];
    script.unreadable = true;
    loop.request();
    await clock.advance(50);
    script.unreadable = false;
    await clock.advance(1000);
    expect(written.slice(1)).toEqual(['change  at 192.0.2.1,192.0.2.2']);
    loop.request();
    await clock.advance(50);
    expect(written.at(-1)).toBe('change  at the same');
    await loop.stop();
  });

  it('begins although the rows could not be written, tells once, and tries again', async () => {
    const { clock, loop, script, written, lines, begin } = createScene();
    script.fail = new Error('E2BIG');
    await begin();
    expect(loop.status()).toMatchObject({ failures: 1, lastError: expect.stringContaining('E2BIG') });
    expect(lines).toEqual([expect.stringContaining('E2BIG')]);
    script.fail = null;
    await clock.advance(1000);
    expect(written).toEqual(['all shop/web at 192.0.2.1']);
    expect(loop.status()).toMatchObject({ failures: 1, lastError: null });
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
    expect(written.at(-1)).toBe('change shop/cart:http/TCP/IPv4 at the same');
    await loop.stop();
  });

  it('repairs now and then, and has what is old collected after each attempt', async () => {
    const { clock, loop, written, collections, begin } = createScene();
    await begin();
    await clock.advance(60_000);
    expect(written.slice(1)).toEqual(['change  at the same', 'repair']);
    expect(collections()).toBe(2);
    await loop.stop();
  });

  it('names each Service whose rows found no room once, and pods with host ports', async () => {
    const { loop, script, begin } = createScene();
    const ids = ['shop/web:http/TCP/IPv4', 'shop/web:http/TCP/IPv6', 'hostport:shop/cart:80/TCP/IPv4::80'];
    script.unprogrammed = ids as ServiceId[];
    await begin();
    expect(loop.problems().map(({ reason, object }) => [reason, object])).toEqual([
      ['NotProgrammed', { kind: 'Service', namespace: 'shop', name: 'web' }],
      ['NotProgrammed', { kind: 'Pod', namespace: 'shop', name: 'cart' }],
    ]);
    expect(loop.status()?.unprogrammed).toEqual(ids);
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
