// By hand: `node --expose-gc test/sdk/flat.ts` asks about a million different keys and shows that memory stays flat.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeKeyText } from '../../domain/keyText.ts';
import { createVerifier } from '../../sdk/src/index.ts';

const asked = Number(process.argv[2] ?? 1_000_000);
const epoch = 'e1';
const head = '0001';
let count = 0;

// In this process, too: what it takes stays the same, and so does not hide what grows.
const server = createServer((request, response) => {
  const { url = '' } = request;
  request.resume();
  if (url.includes('/stream')) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const beat = () => {
      const heartbeat = { epoch, head, lastMessage: null, provenAt: new Date().toISOString() };
      response.write(`event: heartbeat\ndata: ${JSON.stringify(heartbeat)}\n\n`);
    };
    beat();
    const timer = setInterval(beat, 1_000);
    response.once('close', () => clearInterval(timer));
    return;
  }
  const keyId = `key-${count++}`;
  const valid = { valid: true, code: 'valid', keyId, ownerId: `o-${count % 1000}`, scopes: ['a:b'], permissions: [] };
  const answer =
    url === '/v1/verify' ? { ...valid, expiresAt: null, position: head, epoch } : { items: [], head, epoch };
  response.end(JSON.stringify(answer));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const verifier = createVerifier({ url, token: 'svc_x', cacheSize: 10_000 });
await verifier.ready();

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const show = (done: number) => {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  console.log(
    `${done} keys: heap ${mebibytes(heapUsed)}, resident ${mebibytes(rss)}, ${verifier.status().cached} remembered`,
  );
};

const atOnce = 64;
const every = Math.max(atOnce, Math.floor(asked / 10));
const ask = () => verifier.verify(makeKeyText({ form: 'prefixed', prefix: 'api' }, (length) => randomBytes(length)));
for (let done = 0, shown = 0; done < asked; done += atOnce) {
  await Promise.all(Array.from({ length: atOnce }, ask));
  if (done - shown < every) continue;
  shown = done;
  show(done);
}
show(asked);
await verifier.close();
server.close();
