import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { createVerifier, type Middleware, type VerifierOptions } from '../../sdk/src/index.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { aKey, anotherKey } from './core/bed.ts';
import { closeAll, failure, isLive, verifierOf } from './service.ts';
import { type StandIn, startStandIn } from './standIn.ts';

type Context = { server: StandIn };

const embedded = suite<Context>('the verifier in a service, and what it meets there');

const token = 'svc_secret';

embedded.before.each(async (context) => {
  context.server = await startStandIn();
});
embedded.after.each(async ({ server }) => {
  await closeAll();
  await server.close();
});

const wrong = (more: object): string => {
  try {
    createVerifier({ url: 'http://127.0.0.1:1', token, ...more } as VerifierOptions);
    return 'nothing';
  } catch (error) {
    assert.instance(error, TypeError);
    assert.is((error as { input?: unknown }).input, undefined);
    return (error as Error).message;
  }
};

embedded('wrong options are refused at once, and no secret is said', () => {
  for (const [options, what] of [
    [{ url: undefined }, /url/],
    [{ url: 'keys.example.com' }, /url/],
    [{ url: 'ftp://keys.example.com' }, /url/],
    [{ url: 'http://user:secret@keys.example.com' }, /url/],
    [{ url: 'http://keys.example.com/?to=secret' }, /url/],
    [{ url: 'http://secret here/' }, /url/],
    [{ token: undefined }, /token/],
    [{ token: 'svc_secret\n' }, /token/],
    [{ token: 'svc_secret\r\nHost: elsewhere' }, /token/],
    [{ token: 'sëcret' }, /token/],
    [{ name: 7 }, /name/],
    [{ instance: '' }, /instance/],
    [{ instance: 'with blank' }, /instance/],
    [{ instance: 'x'.repeat(129) }, /instance/],
    [{ cacheSize: 0 }, /cacheSize/],
    [{ cacheSize: 1.5 }, /cacheSize/],
    [{ cacheSize: 1e9 }, /cacheSize/],
    [{ maxSilenceMs: Number.NaN }, /maxSilenceMs/],
    [{ maxSilenceMs: 2 ** 31 }, /maxSilenceMs/],
    [{ feed: 'carrier pigeon' }, /feed/],
    [{ feed: {} }, /feed/],
    [{ feed: { nats: 'nats://user:secret@:x' } }, /feed/],
  ] as const) {
    const message = wrong(options);
    assert.match(message, what, JSON.stringify(options));
    assert.not.match(message, /s[eë]cret/);
  }
});

embedded(
  'names itself by its service and chance, each verifier otherwise, and nothing of the machine',
  async (context) => {
    const { server } = context;
    const [first, second] = [1, 2].map(() => verifierOf(server.url, token, { name: 'my service' }));
    assert.match(first!.instance, /^my-service-[0-9a-f]{12}(-\d+)?$/);
    assert.is.not(first!.instance, second!.instance);
    assert.not.match(first!.instance, new RegExp(`\\b${process.pid}\\b`));
    assert.is(verifierOf(server.url, token, { instance: 'pod-7' }).instance, 'pod-7');
    await first!.ready();
    await eventually(() => server.seen.some(({ call }) => call === 'POST /v1/revocations/ack'));
    const { body } = server.seen.find(({ call }) => call === 'POST /v1/revocations/ack')!;
    assert.is((body as { instance: string }).instance, first!.instance);
  },
);

embedded('an address with a path', async () => {
  const server = await startStandIn('/keys/eu');
  for (const url of [server.url, `${server.url}/`, new URL(server.url)]) {
    const verifier = createVerifier({ url, token });
    await verifier.ready();
    assert.ok((await verifier.verify(aKey)).valid);
    await verifier.close();
  }
  assert.ok(server.seen.every(({ call }) => call.includes(' /keys/eu/v1/')));
  await server.close();
});

embedded('a redirect is not followed: the token stays here', async ({ server }) => {
  const elsewhere = await startStandIn();
  server.instead = (request, response) => {
    response.writeHead(307, { Location: `${elsewhere.url}${request.url}` }).end();
    return true;
  };
  const verifier = verifierOf(server.url, token, { maxSilenceMs: 200 });
  assert.is(await failure(verifier.ready()), 'VerifierUnavailable stale');
  const { code, cause } = await verifier.verify(aKey).then(
    () => assert.unreachable(),
    (error) => error,
  );
  assert.equal([code, cause.code, cause.status], ['stale', 'unusable-answer', 307]);
  assert.equal(elsewhere.seen, []);
  await elsewhere.close();
});

embedded('what stands before a server that is away is not taken for it', async ({ server }) => {
  const html = '<!doctype html><title>Be right back</title>';
  const verifier = verifierOf(server.url, token, { maxSilenceMs: 3_000 });
  await verifier.ready();
  for (const [status, code] of [
    [200, 'unusable-answer'],
    [404, 'unusable-answer'],
    [502, 'server-error'],
    [503, 'server-error'],
  ] as const) {
    server.instead = (_, response) => {
      response.writeHead(status, { 'Content-Type': 'text/html' }).end(html);
      return true;
    };
    const error = await verifier.verify(anotherKey).catch((thrown: unknown) => thrown);
    const { code: said, status: with_, message } = error as { code: string; status: number; message: string };
    assert.equal([said, with_], [code, status]);
    assert.not.match(message, /doctype/);
  }
  server.cut();
  await eventually(() => verifier.status().state === 'stale', 'it is stale');
  server.instead = () => false;
  await isLive(verifier);
});

embedded('an answer without an end is given up', async ({ server }) => {
  const verifier = verifierOf(server.url, token);
  await verifier.ready();
  let sent = 0;
  let ended = false;
  server.instead = ({ url }, response) => {
    if (url !== '/v1/verify') return false;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const piece = Buffer.alloc(65_536, ' ');
    const more = () => {
      while (!ended && response.write(piece)) sent += piece.length;
    };
    response.on('drain', more).once('close', () => {
      ended = true;
    });
    more();
    return true;
  };
  assert.is(await failure(verifier.verify(aKey)), 'VerifierUnavailable unusable-answer');
  await eventually(() => ended, 'it hung up');
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken`);
});

const refusal = JSON.stringify({ valid: false, code: 'revoked', position: '0001', epoch: 'e1' });
/** Every key is. */
const revoked: StandIn['instead'] = ({ url }, response) => {
  if (url !== '/v1/verify') return false;
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(refusal);
  return true;
};

embedded('answers may be compressed; the stream asks for none of it', async ({ server }) => {
  const verifier = verifierOf(server.url, token);
  await verifier.ready();
  server.instead = ({ url }, response) => {
    if (url !== '/v1/verify') return false;
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' });
    response.end(gzipSync(refusal));
    return true;
  };
  assert.equal(await verifier.verify(aKey), { valid: false, code: 'revoked' });
  const stream = server.seen.find(({ call }) => call.includes('/stream'))!;
  assert.is(stream.headers['accept-encoding'], 'identity');
  for (const { headers } of server.seen) assert.match(headers['cache-control'] ?? '', 'no-cache');
});

embedded('a proxy that keeps the stream back: every use asks, and it is live when it lets go', async ({ server }) => {
  let held: (() => void)[] = [];
  server.instead = ({ url }, response) => {
    if (url !== '/v1/revocations/stream') return false;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
    held.push(() => response.destroy());
    return true;
  };
  const verifier = verifierOf(server.url, token, { maxSilenceMs: 1_000 });
  assert.is(await failure(verifier.ready()), 'VerifierUnavailable stale');
  const asked = () => server.seen.filter(({ call }) => call === 'POST /v1/verify').length;
  for (let uses = 1; uses <= 3; uses++) {
    assert.ok((await verifier.verify(aKey)).valid);
    assert.is(asked(), uses);
  }
  assert.is(verifier.status().state, 'catching-up');
  server.instead = () => false;
  for (const end of held) end();
  held = [];
  await verifier.ready();
  await isLive(verifier);
});

embedded('scopes that are none: a rejection, before anything is asked', async ({ server }) => {
  const verifier = verifierOf(server.url, token);
  const more = Array.from({ length: 101 }, () => 'a:b');
  for (const scopes of [
    'a:b',
    ['a'],
    ['a:b '],
    ['a:b\n'],
    [''],
    [null],
    new Array(1),
    [['a:b']],
    {},
    7,
    more,
    ['a:*'],
  ]) {
    // Nothing is thrown but by the promise.
    const asked = verifier.verify(aKey, { scopes: scopes as never });
    const error = await asked.catch((thrown: unknown) => thrown);
    assert.instance(error, TypeError, JSON.stringify(scopes));
    assert.throws(
      () => verifier.express({ scopes: scopes as never }),
      (thrown: unknown) => thrown instanceof TypeError,
    );
    const handled = verifier.handle(new Request('http://here/'), { scopes: scopes as never });
    assert.instance(await handled.catch((thrown: unknown) => thrown), TypeError);
  }
  // What was meant as scopes and is not called so would let every key in.
  for (const needs of [
    'reports:read',
    ['reports:read'],
    [],
    { scope: 'reports:read' },
    { scopes: [], scope: 'a:b' },
    7,
  ]) {
    const what = JSON.stringify(needs);
    const asked = verifier.verify(aKey, needs as never);
    assert.instance(await asked.catch((thrown: unknown) => thrown), TypeError, what);
    assert.throws(
      () => verifier.express(needs as never),
      (thrown: unknown) => thrown instanceof TypeError,
      what,
    );
    const handled = verifier.handle(new Request('http://here/'), needs as never);
    assert.instance(await handled.catch((thrown: unknown) => thrown), TypeError, what);
  }
  assert.ok(!server.seen.some(({ call }) => call === 'POST /v1/verify'));
  assert.ok((await verifier.verify(aKey, null as never)).valid);
  assert.throws(() => verifier.on('nonsense' as 'state', () => {}), /events/);
  assert.throws(() => verifier.on('toString' as 'state', () => {}), /events/);
  assert.throws(() => verifier.on('state', undefined as never), /function/);
});

embedded('an address that is none is left out, rather than refused with the key', async ({ server }) => {
  const verifier = verifierOf(server.url, token);
  server.instead = revoked;
  for (const ip of ['192.0.2.1, 192.0.2.2', 'unknown', '', 7]) await verifier.verify(aKey, { ip: ip as string });
  await verifier.verify(aKey, { ip: '::ffff:192.0.2.7', userAgent: 'x'.repeat(3_000) });
  await verifier.verify(aKey, { ip: 'fe80::1%eth0', userAgent: 7 as never });
  const bodies = server.seen.filter(({ call }) => call === 'POST /v1/verify').map(({ body }) => body);
  assert.equal(
    bodies.map((body) => (body as { ip?: string }).ip),
    [undefined, undefined, undefined, undefined, '192.0.2.7', 'fe80::1'],
  );
  assert.is((bodies[4] as { userAgent: string }).userAgent.length, 1024);
  assert.is((bodies[5] as { userAgent?: string }).userAgent, undefined);
});

const serve = async (guard: Middleware, handler: (response: { end: (text: string) => void }) => void) => {
  const told: unknown[] = [];
  const server = createServer((request, response) => {
    guard(request, response, (error) => {
      told.push(error);
      if (error !== undefined) response.writeHead(500).end();
      else handler(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, told, server };
};

embedded('what a handler throws is told to nobody twice, and is not hidden', async ({ server }) => {
  const verifier = verifierOf(server.url, token);
  await verifier.ready();
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', note);
  const {
    url,
    told,
    server: service,
  } = await serve(verifier.express(), (response) => {
    response.end('done');
    throw new Error('of the handler');
  });
  const headers = { authorization: `Bearer ${aKey}` };
  assert.is(await (await fetch(url, { headers })).text(), 'done');
  await eventually(() => rejections.length > 0);
  process.off('unhandledRejection', note);
  assert.equal(told, [undefined]);
  assert.equal(
    rejections.map((reason) => (reason as Error).message),
    ['of the handler'],
  );
  service.close();
  service.closeAllConnections();
});

embedded('who was answered meanwhile is not answered again', async ({ server }) => {
  const verifier = verifierOf(server.url, token);
  await verifier.ready();
  const asked = Promise.withResolvers<() => void>();
  server.instead = (request, response) => {
    if (request.url !== '/v1/verify') return false;
    asked.resolve(() => revoked(request, response));
    return true;
  };
  const told: string[] = [];
  const response = {
    headersSent: false,
    writeHead: () => told.push('writeHead'),
    end: () => told.push('end'),
  };
  verifier.express()({ headers: { 'x-api-key': aKey } }, response, () => told.push('next'));
  const answer = await asked.promise;
  // By a limit of time, say.
  response.headersSent = true;
  answer();
  server.instead = revoked;
  // Whoever asks the same after it is answered after it.
  assert.ok(!(await verifier.verify(anotherKey)).valid);
  assert.equal(told, []);
  verifier.express()({ headers: { 'x-api-key': aKey } }, { ...response, headersSent: false }, () => told.push('next'));
  await eventually(() => told.length === 2);
  assert.equal(told, ['writeHead', 'end']);
});

const inOwnProcess = async (program: string) => {
  const module = new URL('../../sdk/src/index.ts', import.meta.url).href;
  const source = `import { createVerifier } from ${JSON.stringify(module)};\n${program}`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', source];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const [code] = await once(child, 'close');
  return { code, out: await out, err: await err };
};

embedded('many in one process, closed: it ends by itself, and warns of nothing', async ({ server }) => {
  const ended = await inOwnProcess(`
    const options = { url: ${JSON.stringify(server.url)}, token: 'svc_x' };
    const verifiers = Array.from({ length: 25 }, () => createVerifier(options));
    await Promise.all(verifiers.map((verifier) => verifier.ready()));
    const results = await Promise.all(verifiers.map((verifier) => verifier.verify(${JSON.stringify(aKey)})));
    console.log(results.filter(({ valid }) => valid).length, new Set(verifiers.map(({ instance }) => instance)).size);
    await Promise.all(verifiers.map((verifier) => verifier.close()));
    console.log('closed');
  `);
  assert.equal(ended, { code: 0, out: '25 25\nclosed\n', err: '' });
});

embedded(
  'closed while it gets ready, and used after: rejections with a code, and nothing unhandled',
  async ({ server }) => {
    server.instead = () => true;
    const ended = await inOwnProcess(`
    const verifier = createVerifier({ url: ${JSON.stringify(server.url)}, token: 'svc_x' });
    const key = ${JSON.stringify(aKey)};
    const said = [verifier.ready(), verifier.verify(key)].map((promise) => promise.catch((error) => error.code));
    await Promise.all([verifier.close(), verifier.close()]);
    const after = [verifier.ready(), verifier.verify(key)].map((promise) => promise.catch((error) => error.code));
    console.log(...(await Promise.all([...said, ...after])));
    const response = await verifier.handle(new Request('http://here/', { headers: { 'x-api-key': key } }));
    console.log(response.status, verifier.status().state);
  `);
    assert.equal(ended, { code: 0, out: 'closed closed closed closed\n503 catching-up\n', err: '' });
  },
);

embedded('a verifier that nobody closes keeps its process, as a server does', async ({ server }) => {
  const ended = await inOwnProcess(`
    const verifier = createVerifier({ url: ${JSON.stringify(server.url)}, token: 'svc_x' });
    await verifier.ready();
    let beforeExit = false;
    process.once('beforeExit', () => { beforeExit = true; });
    setTimeout(() => process.exit(beforeExit ? 1 : 0), 100);
  `);
  assert.equal(ended, { code: 0, out: '', err: '' });
});

embedded.run();
