import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export type StandIn = {
  readonly url: string;
  /** Of each request: method, path, and what came with it. */
  readonly seen: { readonly call: string; readonly headers: IncomingMessage['headers']; readonly body: unknown }[];
  /** Answers in its place, and says so by true. */
  instead: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Ends every connection; new ones are taken. */
  readonly cut: () => void;
  readonly close: () => Promise<void>;
};

/**
 * Stands in for Keyledger where the real one is too well behaved, or too slow to be asked a million times: every key is
 * valid, nothing is ever revoked.
 * @param prefix the path under which it answers
 */
export const startStandIn = async (prefix = ''): Promise<StandIn> => {
  const seen: StandIn['seen'] = [];
  const epoch = 'e1';
  const head = '0001';
  let count = 0;

  const stream = (response: ServerResponse) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const beat = () => {
      const heartbeat = { epoch, head, lastMessage: null, provenAt: new Date().toISOString() };
      response.write(`event: heartbeat\ndata: ${JSON.stringify(heartbeat)}\n\n`);
    };
    beat();
    const timer = setInterval(beat, 1_000);
    response.once('close', () => clearInterval(timer));
  };

  const answer = (path: string, response: ServerResponse) => {
    const send = (status: number, body?: object) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body && JSON.stringify(body));
    if (path === '/v1/revocations/stream') return stream(response);
    if (path === '/v1/revocations/ack' || path === '/v1/usage') return send(204);
    if (path === '/v1/revocations') return send(200, { items: [], head, epoch });
    if (path !== '/v1/verify') return send(404, { code: 'not-found' });
    const key = { keyId: `key-${count++}`, ownerId: `owner-${count % 1000}`, scopes: ['a:b'], permissions: [] };
    send(200, { valid: true, code: 'valid', ...key, expiresAt: null, position: head, epoch });
  };

  const server = createServer((request, response) => {
    const { method, url = '', headers } = request;
    const record = seen.length < 10_000;
    const body = record && method === 'POST' ? json(request) : Promise.resolve(request.resume() && undefined);
    body.then(
      (value) => {
        if (record) seen.push({ call: `${method} ${url}`, headers, body: value });
        if (self.instead(request, response)) return;
        const path = url.replace(/\?.*/, '');
        if (path.startsWith(prefix)) answer(path.slice(prefix.length), response);
        else response.writeHead(404).end();
      },
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const self: StandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
    seen,
    instead: () => false,
    cut: () => server.closeAllConnections(),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return self;
};
