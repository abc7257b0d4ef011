/**
 * Runs for a moment in a node's network namespace: listens there, hands the listening socket to its parent, and ends. A
 * socket stays in the namespace where it was made, whoever holds it.
 */
import { createServer } from 'node:net';

const [host = '', port = ''] = process.argv.slice(2);

const server = createServer();
server.on('error', ({ message }) => process.send?.({ error: message }, () => process.disconnect()));
server.listen({ host, port: Number(port) }, () => {
  process.send?.({ error: null }, server, {}, () => {
    server.close();
    process.disconnect();
  });
});
