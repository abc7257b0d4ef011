import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseSocketTable, readListeningSockets } from '../../src/agent/listening-sockets.ts';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:7537 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0000 100 0 0 10 0
   1: 0100007F:9C40 0100007F:7537 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0000 20 4 30 10 -1
`;

describe('listening sockets', () => {
  it('[A22] are the rows in the listening state, with port and owner', () => {
    expect(parseSocketTable(TCP, 'TCP', '0A')).toEqual([{ protocol: 'TCP', port: 30007, uid: 1000 }]);
    expect(parseSocketTable('', 'TCP', '0A')).toEqual([]);
  });

  it('[A22] are found for real TCP and UDP sockets of both families', async () => {
    const tcp = createServer().listen(0, '127.0.0.1');
    const udp = createSocket('udp6').bind(0, '::1');
    await Promise.all([
      new Promise((resolve) => tcp.once('listening', resolve)),
      new Promise((resolve) => udp.once('listening', resolve)),
    ]);
    const address = tcp.address();
    const tcpPort = typeof address === 'object' ? address?.port : undefined;
    try {
      const found = await readListeningSockets();
      expect(found).toContainEqual({ protocol: 'TCP', port: tcpPort, uid: process.getuid?.() });
      expect(found).toContainEqual({ protocol: 'UDP', port: udp.address().port, uid: process.getuid?.() });
    } finally {
      tcp.close();
      udp.close();
    }
  });

  it('are none where a table is missing', async () => {
    expect(await readListeningSockets('/nonexistent')).toEqual([]);
  });
});
