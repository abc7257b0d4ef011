import { describe, expect, it } from 'vitest';
import type { BackendCounts, BackendStatus, ServiceStatus } from '../../src/agent/service-status.ts';
import { backendsTable } from '../../src/cli/backends-table.ts';
import type { Address } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import { frontend, serviceRows } from '../agent/rows-samples.ts';

const NOW = Date.parse('2026-11-21T14:00:00.000Z');

function counts(fields: Partial<BackendCounts> = {}): BackendCounts {
  return {
    open: 0,
    connections: 0,
    connectionsPerSecond: 0,
    failures: 0,
    failuresInARow: 0,
    ejectedUntil: null,
    slowStartUntil: null,
    ...fields,
  };
}

function backendStatus(address: string, fields: Partial<BackendStatus> = {}): BackendStatus {
  return {
    address: address as Address,
    port: 8080 as Port,
    pod: null,
    nodeLocal: false,
    lists: ['cluster'],
    weight: 1,
    counts: counts(),
    ...fields,
  };
}

function service(fields: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    ...serviceRows('shop/web', {
      frontends: [frontend(), frontend({ kind: 'nodePort', address: null, port: 30080 as Port })],
    }),
    schedulers: { asked: 'lc', sockets: 'lc', packets: 'random' },
    backends: [backendStatus('10.244.1.2')],
    ...fields,
  };
}

/** Cells of the lines below the header; those that are empty are dots. */
function lines(...services: readonly ServiceStatus[]): readonly (readonly string[])[] {
  const [header = '', ...rest] = backendsTable(services, NOW).split('\n');
  const titles = ['SERVICE', 'PROTOCOL', 'FRONTENDS', 'SCHEDULER', 'ENDPOINT (* HERE)', 'WEIGHT'];
  const starts = [...titles, 'OPEN', 'NEW/S', 'FAILED', 'STATE'].map((title) => header.indexOf(title));
  return rest.map((line) =>
    starts.map((start, column) => line.slice(start, starts[column + 1]).trim() || '.'),
  );
}

describe('the table of Services', () => {
  it('[A57] tells where each is reached, its scheduler, and how each endpoint does', () => {
    const busy = counts({ open: 3, connectionsPerSecond: 12.34, failures: 2 });
    const backends = [
      backendStatus('10.244.1.2', { nodeLocal: true, weight: 5, counts: busy }),
      backendStatus('10.244.2.2'),
    ];
    expect(lines(service({ backends }))).toEqual([
      [
        ...['shop/web:http', 'TCP', '10.96.0.1:80 nodePort=*:30080', 'lc (packets: random)'],
        ...['10.244.1.2:8080*', '5', '3', '12.3', '2', '.'],
      ],
      ['shop/web:http', '.', '.', '.', '10.244.2.2:8080', '1', '0', '0.0', '0', '.'],
    ]);
  });

  it('[F3] tells for how long an endpoint is ejected, and when one connection may try it', () => {
    const ejected = (ejectedUntil: string) =>
      lines(
        service({ backends: [backendStatus('10.244.1.2', { counts: counts({ ejectedUntil }) })] }),
      )[0]?.at(-1);
    expect(ejected('2026-11-21T14:00:11.500Z')).toBe('ejected for 12 s');
    expect(ejected('2026-11-21T13:59:59.000Z')).toBe('ejected, tried by the next connection');
  });

  it('[F8] tells for how long an endpoint is new', () => {
    const slow = (slowStartUntil: string) =>
      lines(
        service({ backends: [backendStatus('10.244.1.2', { counts: counts({ slowStartUntil }) })] }),
      )[0]?.at(-1);
    expect(slow('2026-11-21T14:00:20.000Z')).toBe('slow start for 20 s');
    expect(slow('2026-11-21T14:00:00.000Z')).toBe('.');
  });

  it('[E14] tells why endpoints get nothing, once each, with connections that are open still', () => {
    const left = { lists: [], weight: null, counts: counts({ open: 2 }) } as const;
    const status = service({
      backends: [
        backendStatus('10.244.1.2'),
        backendStatus('10.244.1.3', left),
        backendStatus('10.244.1.4', left),
      ],
      excluded: [
        { endpoint: '10.244.1.3:8080', list: 'both', why: 'maintenance' },
        { endpoint: '10.244.1.2:8080', list: 'local', why: 'other-node' },
        { endpoint: '10.244.1.5:8080', list: 'both', why: 'not-ready' },
      ],
    });
    expect(lines(status).map((cells) => [cells[4], cells[6], cells[9]])).toEqual([
      ['10.244.1.2:8080', '0', 'other-node (local)'],
      ['10.244.1.3:8080', '2', 'maintenance'],
      ['10.244.1.4:8080', '2', 'gone'],
      ['10.244.1.5:8080', '.', 'not-ready'],
    ]);
  });

  it('[A17] says at a glance that nobody serves one, whatever is left', () => {
    const left = backendStatus('10.244.1.3', { lists: [], weight: null, counts: counts({ open: 2 }) });
    expect(lines(service({ backends: [left] })).map((cells) => cells[4])).toEqual([
      'none: refused',
      '10.244.1.3:8080',
    ]);
  });

  it('leaves counts out where nobody counts, and tells what sockets and packets get in the place of what is asked', () => {
    const [line] = lines(
      service({
        backends: [backendStatus('10.244.1.2', { counts: null })],
        schedulers: { asked: 'wrr', sockets: null, packets: 'wrr' },
      }),
    );
    expect(line?.slice(3)).toEqual(['wrr', '10.244.1.2:8080', '1', '.', '.', '.', '.']);
    const [other] = lines(service({ schedulers: { asked: 'dh', sockets: 'random', packets: 'rr' } }));
    expect(other?.[3]).toBe('dh (sockets: random, packets: rr)');
  });

  it('is ordered by name', () => {
    const named = (id: string) => service({ id: id as never, displayName: id });
    expect(lines(named('b/b'), named('a/c')).map(([name]) => name)).toEqual(['a/c', 'b/b']);
    expect(backendsTable([], NOW)).toBe('no Services');
  });
});
