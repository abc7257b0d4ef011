/** TLS before a plain server, and a proxy on the way to it. */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { KeyPair } from './certificates.ts';

export interface Front {
  readonly port: number;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

/** Speaks TLS with this certificate, and hands on what it hears to the port. Asks clients for certificates. */
export function startTlsFront(pair: KeyPair, port: number): Promise<Front> {
  const options = { ...pair, requestCert: true, rejectUnauthorized: false };
  return open((track) =>
    createTlsServer(options, (socket) => {
      track(socket);
      join(socket, connect(port, '127.0.0.1'), track);
    }),
  );
}

export interface ProxyFront extends Front {
  /** `host:port` of each CONNECT. */
  readonly asked: readonly string[];
}

/** An HTTP proxy that leads every CONNECT to the port, or refuses it with a status. */
export async function startProxy(port: number, refusal?: string): Promise<ProxyFront> {
  const asked: string[] = [];
  const front = await open((track) =>
    createHttpServer().on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      track(socket as Socket);
      if (refusal !== undefined) socket.end(`HTTP/1.1 ${refusal}\r\n\r\n`);
      else {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        join(socket as Socket, connect(port, '127.0.0.1'), track);
      }
    }),
  );
  return { ...front, asked };
}

async function open(create: (track: (socket: Socket) => void) => Server): Promise<Front> {
  const sockets = new Set<Socket>();
  const server = create((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function join(one: Socket, other: Socket, track: (socket: Socket) => void): void {
  track(other);
  one.pipe(other).pipe(one);
  one.on('close', () => other.destroy());
  other.on('close', () => one.destroy());
}
