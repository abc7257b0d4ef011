import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createCore } from '../../src/agent/core.ts';
import type { ListeningSocket } from '../../src/agent/listening-sockets.ts';
import type { Pipeline } from '../../src/agent/pipeline.ts';
import type { Port } from '../../src/model/names.ts';
import type { Problem } from '../../src/model/objects.ts';
import type { RowsChange, ServiceRows } from '../../src/model/rows.ts';
import type { SourceBatch } from '../../src/model/source.ts';
import { createManualClock } from './manual-clock.ts';
import { type Call, createRecordingDataplane } from './recording-dataplane.ts';
import { changeOf, frontend, rowsOf, serviceRows } from './rows-samples.ts';

const EMPTY_BATCH: SourceBatch = { changes: [], problems: [] };
const WEB = serviceRows('shop/web');
const CART = serviceRows('shop/cart');
const PROBLEM: Problem = {
  severity: 'error',
  object: { kind: 'Service', namespace: 'shop', name: 'web' },
  field: 'spec.ports[0].port',
  reason: 'Invalid',
  message: 'eighty is not a port',
  remedy: 'write a number',
  file: 'web.yaml',
};

/** A pipeline that compiles what the test puts into `next`. */
function scriptedPipeline() {
  const rows = new Map<string, ServiceRows>();
  const script = { next: changeOf() as RowsChange, problems: [] as Problem[], fail: null as Error | null };
  const pipeline: Pipeline = {
    accept: () => {},
    compile() {
      if (script.fail !== null) throw script.fail;
      const change = script.next;
      script.next = changeOf();
      for (const [id, row] of change.services) if (row !== null) rows.set(id, row);
      return { change, healthChecks: [], triggeredAtMs: [] };
    },
    rows: () => rowsOf(...rows.values()),
    serviceAt: () => undefined,
    followRows: () => () => changeOf(),
    problems: () => script.problems,
    socketExemptions: () => ({ pods: new Map(), problems: [] }),
    changeCounts: () => ({ services: 0, endpoints: 0 }),
    nodeDeleting: () => false,
  };
  return { pipeline, script };
}

function coreWith(
  refuse?: (call: Call) => Error | null,
  sockets: readonly ListeningSocket[] = [],
  servesServices = true,
) {
  const clock = createManualClock();
  const { pipeline, script } = scriptedPipeline();
  const recorded = createRecordingDataplane(refuse);
  const lines: string[] = [];
  const opened = { count: 0, fail: null as Error | null };
  const core = createCore({
    pipeline,
    clock,
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
    minSyncPeriodMs: 0,
    syncPeriodMs: 30_000,
    healthy: () => true,
    servesServices,
    onSynced: () => {},
    listeningSockets: async () => sockets,
    async openDataplane() {
      opened.count += 1;
      if (opened.fail !== null) throw opened.fail;
      return recorded.dataplane;
    },
  });
  return { clock, core, script, lines, opened, ...recorded };
}

const names = (calls: readonly Call[]) => calls.map((call) => call.call);

describe('the loop’s core', () => {
  it('touches nothing before the first batch, however long it takes', async () => {
    const { clock, opened, calls } = coreWith();
    await clock.advance(120_000);
    expect(opened.count).toBe(0);
    expect(calls).toEqual([]);
  });

  it('starts with a sync of all rows, then writes changes only', async () => {
    const { clock, core, script, calls } = coreWith();
    script.next = changeOf(WEB);
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    script.next = changeOf(CART);
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    expect(calls).toEqual([
      { call: 'sync', rows: rowsOf(WEB) },
      { call: 'apply', change: changeOf(CART) },
    ]);
    expect(core.record.conntrackDeleted()).toBe(4);
  });

  it('[H7] tries the first sync again until it works, from the rows as they are then', async () => {
    let refusals = 2;
    const { clock, core, script, calls } = coreWith(() => (refusals-- > 0 ? new Error('EPERM') : null));
    script.next = changeOf(WEB);
    core.accept(EMPTY_BATCH);
    await clock.advance(50);
    script.next = changeOf(CART);
    core.accept(EMPTY_BATCH);
    await clock.advance(1000);
    expect(calls.at(-1)).toEqual({ call: 'sync', rows: rowsOf(WEB, CART) });
    expect(names(calls)).toEqual(['sync', 'sync', 'sync']);
  });

  it('[H7] opens the dataplane again when that failed', async () => {
    const { clock, core, opened, calls, lines } = coreWith();
    opened.fail = new Error('EPERM');
    core.accept(EMPTY_BATCH);
    await clock.advance(50);
    expect(lines).toEqual(['sync failed, it is tried again: the dataplane could not be opened: EPERM']);
    opened.fail = null;
    await clock.advance(1000);
    expect(names(calls)).toEqual(['sync']);
  });

  it('[H7] keeps what one Service lacks for the next try while others go on', async () => {
    let broken = true;
    const isRefused = (call: Call) => call.call === 'apply' && call.change.services.has(WEB.id) && broken;
    const { clock, core, script, calls } = coreWith((call) => (isRefused(call) ? new Error('ENOSPC') : null));
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    script.next = changeOf(WEB, CART);
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    expect(calls.filter((call) => !isRefused(call)).slice(1)).toEqual([
      { call: 'apply', change: changeOf(CART) },
    ]);
    const status = core.record.status(core.loop.state(), clock.monotonicMs(), true);
    expect(status).toMatchObject({
      state: 'failing',
      failures: 1,
      lastError: 'not applied: shop/web: ENOSPC',
    });
    broken = false;
    await clock.advance(1000);
    expect(calls.at(-1)).toEqual({ call: 'apply', change: changeOf(WEB) });
    const after = core.record.status(core.loop.state(), clock.monotonicMs(), true);
    expect(after).toMatchObject({
      state: 'synced',
      consecutiveFailures: 0,
      lastError: null,
      pendingForMs: null,
    });
  });

  it('[F6] repairs when another process changed the table, and applies what waits even if that fails', async () => {
    let broken = true;
    const { clock, core, script, calls, changeFromOutside } = coreWith((call) =>
      call.call === 'repair' && broken ? new Error('EINTR') : null,
    );
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    script.next = changeOf(WEB);
    changeFromOutside();
    await clock.advance(10);
    expect(names(calls)).toEqual(['sync', 'repair', 'apply']);
    broken = false;
    await clock.advance(1000);
    expect(names(calls)).toEqual(['sync', 'repair', 'apply', 'repair']);
  });

  it('reads everything back after a sync period', async () => {
    const { clock, core, calls } = coreWith();
    core.accept(EMPTY_BATCH);
    await clock.advance(60_010);
    expect(names(calls)).toEqual(['sync', 'repair', 'repair']);
  });

  it('survives a compiler that throws: the error is told and the next try may work', async () => {
    const { clock, core, script, calls, lines } = coreWith();
    script.fail = new Error('no such row');
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    expect(lines).toEqual(['sync failed, it is tried again: no such row']);
    script.fail = null;
    await clock.advance(1000);
    expect(names(calls)).toEqual(['sync']);
  });

  it('tells a problem once in one line with object, field and remedy, and again only after it was gone', async () => {
    const { clock, core, script, lines } = coreWith();
    const line = 'Service shop/web spec.ports[0].port: eighty is not a port; write a number (web.yaml)';
    for (const problems of [[PROBLEM], [PROBLEM], [], [PROBLEM]]) {
      script.problems = problems;
      core.accept(EMPTY_BATCH);
      await clock.advance(1000);
    }
    expect(lines).toEqual([line, line]);
    expect(core.problems()).toEqual([PROBLEM]);
  });

  it('[A22] tells of a process that listens on a node port, when the node port comes', async () => {
    const socket: ListeningSocket = { protocol: 'TCP', port: 30007, uid: 1000 };
    const { clock, core, script, lines } = coreWith(undefined, [socket]);
    const nodePort = frontend({ kind: 'nodePort', address: null, port: 30007 as Port });
    script.next = changeOf(serviceRows('shop/web', { frontends: [nodePort] }));
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    expect(lines).toEqual([
      expect.stringMatching(/^Service shop\/web .* \(user 1000\) listens on node port 30007\/TCP/),
    ]);
    expect(core.problems()).toEqual([
      expect.objectContaining({ reason: 'NodePortInUse', severity: 'warning' }),
    ]);
  });

  it('leaves node ports to whoever serves Services where it does not', async () => {
    const socket: ListeningSocket = { protocol: 'TCP', port: 30007, uid: 1000 };
    const { clock, core, script } = coreWith(undefined, [socket], false);
    const nodePort = frontend({ kind: 'nodePort', address: null, port: 30007 as Port });
    script.next = changeOf(serviceRows('shop/web', { frontends: [nodePort] }));
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    expect(core.problems()).toEqual([]);
  });

  it('closes the dataplane last when it stops and starts nothing more', async () => {
    const { clock, core, calls } = coreWith();
    core.accept(EMPTY_BATCH);
    await clock.advance(10);
    await core.stop();
    core.accept(EMPTY_BATCH);
    await clock.advance(100_000);
    expect(names(calls)).toEqual(['sync', 'close']);
  });
});
