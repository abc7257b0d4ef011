/** Packets that nftables logs, in a network namespace of its own. */
import { execFileSync } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LoggedPacket, watchPacketLog } from '../../src/kernel/packet-log.ts';

const NAMESPACE = `weir-test-log-${process.pid}`;
const netns = `/run/netns/${NAMESPACE}`;
const GROUP = 7;

function run(...command: readonly string[]): void {
  execFileSync('nsenter', [`--net=${netns}`, ...command]);
}

function send(text: string): void {
  const script = `const socket = require('dgram').createSocket('udp4');
    socket.send(${JSON.stringify(text)}, 9, '127.0.0.1', () => socket.close());`;
  run(process.execPath, '-e', script);
}

describe('the packet log', () => {
  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', NAMESPACE]);
    run('ip', 'link', 'set', 'lo', 'up');
    const table = `table inet t {
      chain c {
        type filter hook output priority 0
        udp dport 9 log prefix "some words" group ${GROUP} snaplen 64
      }
    }`;
    run('nft', table);
  });
  afterAll(() => void execFileSync('ip', ['netns', 'del', NAMESPACE]));

  // What watches the socket ends in one round of the event loop, what paces it in the next; then the socket is closed.
  afterEach(async () => {
    for (let round = 0; round < 4; round++) await setImmediate();
  });

  it('gives packets in their order, cut to what was asked for, with the words and interfaces of the rule', async () => {
    const packets: LoggedPacket[] = [];
    const stop = watchPacketLog({ group: GROUP, snap: 64, netns }, (more) => packets.push(...(more ?? [])));
    send('first');
    send('x'.repeat(500));
    await expect.poll(() => packets).toHaveLength(2);
    stop();
    for (const packet of packets)
      expect(packet).toMatchObject({ prefix: 'some words', incoming: 0, outgoing: 1 });
    expect(Buffer.from(packets[0]?.bytes ?? []).toString('latin1')).toMatch(/first$/);
    expect(packets[1]?.bytes).toHaveLength(64);
  });

  it('tells nothing once it is stopped, and the group is free again', async () => {
    const packets: unknown[] = [];
    const stop = watchPacketLog({ group: GROUP, snap: 64, netns }, (more) => packets.push(more));
    stop();
    stop();
    send('unheard');
    await expect
      .poll(() => {
        try {
          watchPacketLog({ group: GROUP, snap: 64, netns }, () => {})();
          return 'free';
        } catch (error) {
          return String(error);
        }
      })
      .toBe('free');
    expect(packets).toEqual([]);
  });

  it('refuses a group that somebody reads already, arguments that are none, and a namespace that is not there', () => {
    const stop = watchPacketLog({ group: 8, snap: 64, netns }, () => {});
    expect(() => watchPacketLog({ group: 8, snap: 64, netns }, () => {})).toThrow(/not permitted|busy/);
    stop();
    expect(() => watchPacketLog({ group: 65_536, snap: 64, netns }, () => {})).toThrow(RangeError);
    expect(() => watchPacketLog({ group: 8, snap: 64, netns: '/run/netns/none' }, () => {})).toThrow(/none/);
  });
});
