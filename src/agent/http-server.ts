/** Listening and closing of the agent's small HTTP servers, as promises. */
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';

/** Resolves with the port (0 for a unix socket) once the server listens; rejects with the bind's error. */
export function listen(server: Server, where: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.removeListener('error', reject);
      resolve((server.address() as AddressInfo).port ?? 0);
    });
  });
}

/** Stops listening, cuts idle connections and waits for requests being answered. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/** Answers with JSON and closes the request. */
export function answerJson(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(`${JSON.stringify(body)}\n`);
}
