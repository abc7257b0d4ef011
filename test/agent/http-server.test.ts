import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { answerJson, closeServer, listen } from '../../src/agent/http-server.ts';

async function serve(listener: RequestListener) {
  const server = createServer(listener);
  return { server, port: await listen(server, { host: '127.0.0.1', port: 0 }) };
}

describe('closeServer', () => {
  it('waits for no client that connects and sends nothing', async () => {
    const { server, port } = await serve(() => {});
    const accepted = new Promise((resolve) => server.once('connection', resolve));
    const client = connect(port, '127.0.0.1');
    await accepted;
    await closeServer(server);
    expect(server.listening).toBe(false);
    client.destroy();
  });

  it('lets a request have its answer, but waits for none that never gets one', async () => {
    const waiting: ServerResponse[] = [];
    const arrived = Promise.withResolvers<void>();
    const { server, port } = await serve((_, response) => {
      if (waiting.push(response) === 2) arrived.resolve();
    });
    const answers = Promise.allSettled([1, 2].map(() => fetch(`http://127.0.0.1:${port}/`)));
    await arrived.promise;
    const closed = closeServer(server);
    waiting[0]?.end('late');
    await closed;
    expect((await answers).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('answerJson', () => {
  it('sends nothing of what is no JSON, so that the error can be answered', async () => {
    const { server, port } = await serve((_, response) => {
      try {
        answerJson(response, 200, 1n);
      } catch (error) {
        answerJson(response, 500, { error: String(error) });
      }
    });
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(500);
    await closeServer(server);
  });
});
