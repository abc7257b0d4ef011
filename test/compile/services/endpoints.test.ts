import { describe, expect, it } from 'vitest';
import type { Address } from '../../../src/model/address.ts';
import type { Port } from '../../../src/model/names.ts';
import { compile, frontends, reasons, rowsOf, targets } from './sample-cluster.ts';
import {
  DRAINING,
  endpoint,
  ip,
  NOT_READY,
  pod,
  REMOTE,
  service,
  servicePort,
  slice,
} from './sample-objects.ts';

const V4 = 'shop/web:/TCP/IPv4';

describe.each([
  { family: 'IPv4', clusterIp: '10.96.0.10', a: '10.244.1.1', b: '10.244.1.2', c: '10.244.1.9' },
  { family: 'IPv6', clusterIp: 'fd96::10', a: 'fd44:1::1', b: 'fd44:1::2', c: 'fd44:1::9' },
])('endpoints over $family', ({ family, clusterIp, a, b, c }) => {
  const id = `shop/web:/TCP/${family}`;
  const web = service('web', [clusterIp]);
  const at = (address: string, port = 8080) =>
    family === 'IPv4' ? `${address}:${port}` : `[${address}]:${port}`;
  const ports = (port: number) => ({ ports: [{ name: '', protocol: 'TCP' as const, port: port as Port }] });

  it('[A1] [A2] [A21] offers the cluster IP with all ready endpoints, wherever they run', () => {
    const { rows } = compile([web, slice('web', [endpoint(b, REMOTE), endpoint(a)])]);
    const row = rowsOf(rows, id);
    expect(targets(row.cluster)).toEqual([at(a), at(b)]);
    expect(row.cluster.map(({ nodeLocal }) => nodeLocal)).toEqual([true, false]);
    expect(frontends(row)).toEqual([`clusterIP ${at(clusterIp, 80)} cluster/pass/pass`]);
  });

  it('[A14] counts an endpoint once while it moves between slices, in its best state', () => {
    const old = slice('web', [endpoint(a), endpoint(b, NOT_READY)], { name: 'web-1' });
    const filled = slice('web', [endpoint(a, NOT_READY), endpoint(b)], { name: 'web-2' });
    for (const slices of [
      [old, filled],
      [filled, old],
    ]) {
      const row = rowsOf(compile([web, ...slices]).rows, id);
      expect(targets(row.cluster)).toEqual([at(a), at(b)]);
      expect(row.excluded).toEqual([]);
    }
  });

  it('[A15] takes an address for ready when a terminating pod had it before', () => {
    const ghost = slice('web', [endpoint(a, DRAINING), endpoint(a)]);
    expect(targets(rowsOf(compile([web, ghost]).rows, id).cluster)).toEqual([at(a)]);
    const reversed = slice('web', [
      endpoint(a),
      endpoint(a, { ready: false, serving: false, terminating: true }),
    ]);
    expect(targets(rowsOf(compile([web, reversed]).rows, id).cluster)).toEqual([at(a)]);
  });

  it('[A14] prefers the younger slice where the states are the same', () => {
    const old = slice('web', [endpoint(a, REMOTE)], { name: 'web-1', createdAtMs: 1 });
    const young = slice('web', [endpoint(a)], { name: 'web-2', createdAtMs: 2 });
    expect(rowsOf(compile([web, old, young]).rows, id).cluster[0]?.nodeLocal).toBe(true);
  });

  it('[A6] uses the number each slice gives to the port', () => {
    const slices = [
      slice('web', [endpoint(a)], { name: 'web-1', ...ports(8080) }),
      slice('web', [endpoint(b)], { name: 'web-2', ...ports(9090) }),
    ];
    expect(targets(rowsOf(compile([web, ...slices]).rows, id).cluster)).toEqual([at(a), at(b, 9090)]);
  });

  it('[A13] holds every one of 2,500 endpoints in 25 slices, sorted', () => {
    const address = (n: number) =>
      family === 'IPv4' ? `10.1.${n >> 8}.${n & 255}` : `fd01::${n.toString(16)}`;
    const slices = Array.from({ length: 25 }, (_, index) =>
      slice(
        'web',
        Array.from({ length: 100 }, (_, n) => endpoint(address((((index * 100 + n) * 7) % 2500) + 1))),
        { name: `web-${index}` },
      ),
    );
    const sorted = Array.from({ length: 2500 }, (_, n) => at(ip(address(n + 1))));
    expect(targets(rowsOf(compile([web, ...slices]).rows, id).cluster)).toEqual(sorted);
  });

  it('[A16] uses an endpoint that serves while it terminates only where none is ready', () => {
    const draining = endpoint(a, DRAINING);
    const only = rowsOf(compile([web, slice('web', [draining])]).rows, id);
    expect(targets(only.cluster)).toEqual([at(a)]);
    const beside = rowsOf(compile([web, slice('web', [draining, endpoint(b)])]).rows, id);
    expect(targets(beside.cluster)).toEqual([at(b)]);
    expect(beside.excluded).toEqual([{ endpoint: at(a), list: 'both', why: 'terminating' }]);
  });

  it('[A51] uses an endpoint that its slice calls ready, though it terminates', () => {
    const published = endpoint(a, { ready: true, serving: false, terminating: true });
    expect(targets(rowsOf(compile([web, slice('web', [published])]).rows, id).cluster)).toEqual([at(a)]);
  });

  it('[A48] keeps a terminating endpoint out of new connections', () => {
    const row = rowsOf(compile([web, slice('web', [endpoint(a), endpoint(b, DRAINING)])]).rows, id);
    expect(targets(row.cluster)).toEqual([at(a)]);
    expect(targets(row.local)).toEqual([at(a)]);
  });

  it('[A11] refuses a cluster IP as endpoint, until that Service is gone', () => {
    const other = service('other', [c]);
    const mixed = slice('web', [endpoint(a), endpoint(c)]);
    const { rows, problems } = compile([web, other, mixed]);
    expect(targets(rowsOf(rows, id).cluster)).toEqual([at(a)]);
    expect(rowsOf(rows, id).excluded).toEqual([
      { endpoint: at(c), list: 'both', why: 'address-not-allowed' },
    ]);
    expect(reasons(problems)).toEqual([
      `EndpointSlice web-${family}: EndpointAddressNotAllowed endpoints[1].addresses[0]`,
    ]);
    expect(targets(rowsOf(compile([web, mixed]).rows, id).cluster)).toEqual([at(a), at(c)]);
  });

  it('[A8] [A9] reaches endpoints that no pod stands behind', () => {
    const manual = endpoint(a, { nodeName: null });
    const row = rowsOf(compile([{ ...web, selector: null }, slice('web', [manual])]).rows, id);
    expect(row.cluster).toMatchObject([{ address: a, nodeLocal: false, nodeName: null, pod: null }]);
  });

  it('uses only the first address of an endpoint', () => {
    const double = endpoint(a, { addresses: [ip(a), ip(b)] });
    expect(targets(rowsOf(compile([web, slice('web', [double])]).rows, id).cluster)).toEqual([at(a)]);
  });
});

describe('endpoints that are none', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '0.0.0.0',
    '169.254.1.1',
    '169.254.169.254',
    '224.0.0.9',
    '239.1.1.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'febf::1',
    'ff02::1',
  ])('[A11] [I5] skips %s and says why', (address) => {
    const web = service('web', ['10.96.0.10', 'fd96::10']);
    const { rows, problems } = compile([web, slice('web', [endpoint(address)])]);
    for (const row of rows.services.values()) expect(row.cluster).toEqual([]);
    expect(problems.map(({ reason }) => reason)).toContain('EndpointAddressNotAllowed');
    expect(problems.find(({ reason }) => reason === 'EndpointAddressNotAllowed')?.message).toContain(address);
  });

  it('[I5] [I6] skips an IPv4 address written as IPv6, should one get here', () => {
    const mapped = '::ffff:7f00:1' as Address;
    const sneaky = slice('web', [{ ...endpoint('::2'), addresses: [mapped] }], { addressType: 'IPv6' });
    const row = rowsOf(compile([service('web', ['fd96::10']), sneaky]).rows, 'shop/web:/TCP/IPv6');
    expect(row.cluster).toEqual([]);
    expect(row.excluded).toEqual([
      { endpoint: `[${mapped}]:8080`, list: 'both', why: 'address-not-allowed' },
    ]);
  });

  it('[A10] does not match a port by another name, and says both names', () => {
    const web = service('web', ['10.96.0.10'], { ports: [servicePort(3306, { name: 'mysql' })] });
    const wrong = slice('web', [endpoint('10.244.1.1')], {
      ports: [{ name: 'tcp', protocol: 'TCP', port: 3306 as Port }],
    });
    const { rows, problems } = compile([web, wrong]);
    const row = rowsOf(rows, 'shop/web:mysql/TCP/IPv4');
    expect(frontends(row)).toEqual(['clusterIP 10.96.0.10:3306 reject/pass/pass']);
    expect(row.excluded).toEqual([{ endpoint: '10.244.1.1', list: 'both', why: 'port-name-mismatch' }]);
    expect(reasons(problems)).toEqual(['EndpointSlice web-IPv4: PortNameMismatch ports']);
    const message = problems.find(({ reason }) => reason === 'PortNameMismatch')?.message;
    expect(message).toContain('"tcp"');
    expect(message).toContain('"mysql"');
  });

  it('[A10] does not match a port of another protocol', () => {
    const udp = slice('web', [endpoint('10.244.1.1')], {
      ports: [{ name: '', protocol: 'UDP', port: 8080 as Port }],
    });
    const { rows, problems } = compile([service('web', ['10.96.0.10']), udp]);
    expect(rowsOf(rows, V4).cluster).toEqual([]);
    expect(reasons(problems)).toEqual(['EndpointSlice web-IPv4: PortNameMismatch ports']);
  });

  it('[A6] says nothing of a slice that lacks one of several ports', () => {
    const ports = [servicePort(80, { name: 'http' }), servicePort(90, { name: 'metrics' })];
    const partial = slice('web', [endpoint('10.244.1.1')], {
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 as Port }],
    });
    const { rows, problems } = compile([service('web', ['10.96.0.10'], { ports }), partial]);
    expect(targets(rowsOf(rows, 'shop/web:http/TCP/IPv4').cluster)).toEqual(['10.244.1.1:8080']);
    expect(rowsOf(rows, 'shop/web:metrics/TCP/IPv4').excluded).toEqual([
      { endpoint: '10.244.1.1', list: 'both', why: 'port-name-mismatch' },
    ]);
    expect(reasons(problems)).toEqual([]);
  });

  it('[A12] ignores names instead of addresses, with one warning', () => {
    const web = service('web', ['10.96.0.10']);
    const good = slice('web', [endpoint('10.244.1.1')]);
    const names = slice('web', [{ ...endpoint('10.244.1.2'), addresses: ['db.example.com' as Address] }], {
      name: 'names',
      addressType: 'FQDN',
    });
    const { rows, problems } = compile([web, good, names]);
    expect(rows.services).toEqual(compile([web, good]).rows.services);
    expect(reasons(problems)).toEqual(['EndpointSlice names: AddressTypeFQDN addressType']);
    expect(problems.find(({ reason }) => reason === 'AddressTypeFQDN')?.severity).toBe('warning');
  });

  it('skips a slice port without a number', () => {
    const open = slice('web', [endpoint('10.244.1.1')], {
      ports: [{ name: '', protocol: 'TCP', port: null }],
    });
    const { rows, problems } = compile([service('web', ['10.96.0.10']), open]);
    expect(rowsOf(rows, V4)).toMatchObject({ cluster: [], excluded: [] });
    expect(reasons(problems)).toEqual([]);
  });

  it('[A63] names endpoints of a family that the Service does not have', () => {
    const row = rowsOf(
      compile([service('web', ['10.96.0.10']), slice('web', [endpoint('fd44::1')])]).rows,
      V4,
    );
    expect(row.excluded).toEqual([{ endpoint: '[fd44::1]:8080', list: 'both', why: 'other-family' }]);
  });

  it('takes nothing from pods, only from slices', () => {
    expect(
      rowsOf(compile([service('web', ['10.96.0.10']), pod('web', ['10.244.1.1'])]).rows, V4).cluster,
    ).toEqual([]);
  });
});
