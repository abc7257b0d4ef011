/**
 * A process of a pod: `serve ADDRESS PORT` answers both protocols with how many bytes came from whom; `tcp` and `udp ADDRESS PORT BYTES`
 * send so many, and print the answer and who gave it.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [mode = '', host = '', port = '', bytes = '0'] = process.argv.slice(2);
/** Behind an answer by TCP, so that large segments come back as well. */
const ANSWER_BYTES = 5_000_000;

const datagrams = () => createSocket(host.includes(':') ? 'udp6' : 'udp4');

function serve(): void {
  const listening = createServer({ allowHalfOpen: true }, (socket) => {
    let total = 0;
    socket.on('data', (block) => {
      total += block.length;
    });
    socket.on('end', () => socket.end(`${total} ${socket.remoteAddress}`.padEnd(ANSWER_BYTES)));
    socket.on('error', () => {});
  });
  const answering = datagrams();
  answering.on('message', ({ length }, { address, port: from }) => {
    answering.send(`${length} ${address}`, from, address);
  });
  answering.bind(Number(port), host, () => listening.listen(Number(port), host, () => console.log('ready')));
}

function overTcp(): void {
  const answer: Buffer[] = [];
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  let peer = '';
  socket.on('connect', () => {
    peer = String(socket.remoteAddress);
  });
  socket.on('data', (block) => answer.push(block));
  socket.on('end', () => {
    const whole = Buffer.concat(answer);
    console.log(`${whole.toString().trim()}, ${whole.length} from ${peer}`);
  });
  socket.on('error', ({ message }) => console.log(message));
  socket.end(Buffer.alloc(Number(bytes)));
}

function overUdp(): void {
  const socket = datagrams();
  socket.on('message', (message, { address, port: from }) => {
    console.log(`${message} from ${address} ${from}`);
    socket.close();
  });
  socket.send(Buffer.alloc(Number(bytes)), Number(port), host);
}

if (mode === 'serve') serve();
else if (mode === 'tcp') overTcp();
else overUdp();
