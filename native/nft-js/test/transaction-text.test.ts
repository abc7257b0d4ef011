import { describe, expect, it } from 'vitest';
import { expr, printTransaction, type SetSpec, type Transaction } from '../src/index.ts';
import { printValue } from '../src/value-text.ts';

const T = { family: 'ip', table: 'weir' } as const;
const SPEC: SetSpec = {
  key: ['ipv4_addr', 'inet_proto', 'inet_service'],
  data: ['ipv4_addr', 'inet_service'],
};
const KEY = '\x0a\x60\x00\x01\x06\x00\x00\x00\x00\x50\x00\x00';
const DATA = '\x0a\x01\x02\x03\x1f\x90\x00\x00';

describe('a printed transaction', () => {
  it('has a line for each command, in the manner of nft', () => {
    const transaction: Transaction = [
      { verb: 'add', object: 'table', ...T, comment: 'mine' },
      {
        verb: 'add',
        object: 'chain',
        ...T,
        chain: 'pre',
        base: { type: 'nat', hook: 'prerouting', priority: -100, policy: 'accept' },
      },
      { verb: 'add', object: 'set', ...T, set: 'backends', spec: { ...SPEC, timeout: true, size: 9 } },
      {
        verb: 'add',
        object: 'elements',
        ...T,
        set: 'backends',
        elements: [{ key: KEY, data: DATA, timeoutMs: 20 }],
      },
      {
        verb: 'insert',
        object: 'rule',
        ...T,
        chain: 'pre',
        handle: 4,
        expressions: [
          expr.meta({ key: 'l4proto', register: 0 }),
          expr.compare({ register: 0, operator: '==', bytes: '\x06' }),
          expr.verdict({ code: 'goto', chain: 'x' }),
        ],
        comment: 'tcp',
      },
      { verb: 'flush', object: 'chain', ...T, chain: 'pre' },
      { verb: 'delete', object: 'set', ...T, set: 'backends' },
      {
        verb: 'add',
        object: 'timeout',
        ...T,
        timeout: 'haste',
        spec: { protocol: 'tcp', seconds: { 'syn-sent': 1, close: 2 } },
      },
      { verb: 'destroy', object: 'table', ...T },
    ];
    expect(printTransaction(transaction).split('\n')).toEqual([
      'add table ip weir comment "mine"',
      'add chain ip weir pre { type nat hook prerouting priority -100; policy accept; }',
      'add map ip weir backends { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; flags timeout; size 9; }',
      'add element ip weir backends { 10.96.0.1 . tcp . 80 timeout 20ms : 10.1.2.3 . 8080 }',
      'insert rule ip weir pre handle 4 [meta key=l4proto register=0] [compare register=0 operator="==" bytes=0x06] goto x comment "tcp"',
      'flush chain ip weir pre',
      'delete set ip weir backends',
      'add ct timeout ip weir haste { tcp; syn-sent: 1s, close: 2s; }',
      'destroy table ip weir',
      '',
    ]);
  });

  it('shows elements of sets it does not know as hexadecimal, and by their types when told', () => {
    const transaction: Transaction = [
      { verb: 'delete', object: 'elements', ...T, set: 'backends', elements: [{ key: KEY }] },
    ];
    expect(printTransaction(transaction)).toBe(
      'delete element ip weir backends { 0x0a6000010600000000500000 }\n',
    );
    expect(printTransaction(transaction, { sets: new Map([['backends', SPEC]]) })).toBe(
      'delete element ip weir backends { 10.96.0.1 . tcp . 80 }\n',
    );
  });

  it.each([
    ['\x2a'.padEnd(16, '\x00'), 'ipv6_addr', '2a00::'],
    [`\xfd${'\x00'.repeat(14)}\x01`, 'ipv6_addr', 'fd00::1'],
    ['\x00'.repeat(16), 'ipv6_addr', '::'],
    [`\xfd\x00${'\x00\x01'.repeat(7)}`, 'ipv6_addr', 'fd00:1:1:1:1:1:1:1'],
    [`\x00\x01${'\x00'.repeat(4)}\x00\x01${'\x00'.repeat(6)}\x00\x01`, 'ipv6_addr', '1:0:0:1::1'],
    ['eth0'.padEnd(16, '\x00'), 'ifname', '"eth0"'],
    ['\x02\x00\x00\x00\x00\x01', 'ether_addr', '02:00:00:00:00:01'],
    ['\x99', 'inet_proto', '153'],
    ['\x00\x00\x01\x00', 'integer', '256'],
  ] as const)('prints %j of type %s as %s', (bytes, type, text) => {
    expect(printValue(bytes, [type])).toBe(text);
  });
});
