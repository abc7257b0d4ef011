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

/** How long a request that is being answered may hold up the closing of its server, milliseconds. */
const LAST_ANSWERS_MS = 1000;

/** Stops listening, cuts idle connections and waits a second for requests being answered. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A client that connects and sends nothing counts as one with a request: nobody shall keep us from ending.
    const patience = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
    server.close(() => {
      clearTimeout(patience);
      resolve();
    });
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
  // What can't be written as JSON throws before anything is sent, so that an error can still be answered.
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(code, {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(text);
}
