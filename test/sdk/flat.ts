// Asks about so many different keys, and prints what memory holds ten times on the way, as lines of JSON:
// `node --expose-gc test/sdk/flat.ts 1000000 10000`. The second number is how many may be remembered.
import { randomBytes } from 'node:crypto';
import { makeKeyText } from '../../domain/keyText.ts';
import { createVerifier } from '../../sdk/src/index.ts';
import { startStandIn } from './standIn.ts';

const [asked = 1_000_000, cacheSize = 10_000] = process.argv.slice(2).map(Number);

// In this process, too: what it takes stays the same, and so does not hide what grows.
const server = await startStandIn();
const verifier = createVerifier({ url: server.url, token: 'svc_x', cacheSize });
await verifier.ready();

const show = (keys: number) => {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  console.log(JSON.stringify({ keys, heapUsed, rss, cached: verifier.status().cached }));
};

const atOnce = 64;
const every = Math.ceil(asked / 10);
const ask = async () => {
  const key = makeKeyText({ form: 'prefixed', prefix: 'api' }, (length) => randomBytes(length));
  // Twice: asked for, then from memory, so that there is use to report.
  for (let uses = 0; uses < 2; uses++) if (!(await verifier.verify(key)).valid) throw new Error('it is valid');
};
for (let done = 0, shown = 0; done < asked; ) {
  await Promise.all(Array.from({ length: atOnce }, ask));
  done += atOnce;
  if (done - shown < every && done < asked) continue;
  shown = done;
  show(done);
}
await verifier.close();
await server.close();
