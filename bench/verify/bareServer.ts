// The baselines of verify, introspect and forward-auth: they parse the question and give the product's answer, and do
// nothing else.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Each key with what the product answers to it: a body, or headers where there is none. */
export type Bare = {
  readonly kind: 'json' | 'form' | 'headers';
  readonly answers: readonly (readonly [key: string, answer: { readonly [name: string]: unknown }])[];
};

const withBody =
  (keyIn: (body: string) => string, answers: ReadonlyMap<string, object>): RequestListener =>
  (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = JSON.stringify(answers.get(keyIn(Buffer.concat(chunks).toString())));
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
      response.end(text);
    });
  };

const withHeaders =
  (answers: ReadonlyMap<string, object>): RequestListener =>
  ({ headers }, response) => {
    const key = (headers.authorization ?? '').slice('Bearer '.length);
    response.writeHead(204, answers.get(key) as { readonly [name: string]: string });
    response.end();
  };

const listenerOf = ({ kind, answers }: Bare): RequestListener => {
  const byKey = new Map(answers);
  if (kind === 'headers') return withHeaders(byKey);
  if (kind === 'form') return withBody((body) => new URLSearchParams(body).get('token') ?? '', byKey);
  return withBody((body) => (JSON.parse(body) as { key: string }).key, byKey);
};

process.once('disconnect', () => process.exit(0));

process.once('message', (bare: Bare) => {
  const server = createServer(listenerOf(bare));
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});
