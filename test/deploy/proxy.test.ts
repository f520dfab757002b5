import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/freePort.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const proxy = suite('deploy/proxy/Caddyfile');
proxy.skipUnless(spawnSync('caddy', ['version']).status === 0 ? null : 'no program caddy on PATH');

type Got = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string };
type Stub = {
  readonly port: number;
  readonly server: Server;
  readonly seen: { readonly url: string; readonly method: string; readonly headers: IncomingHttpHeaders }[];
  ready: boolean;
};

const stub = async (answer: RequestListener): Promise<Stub> => {
  const seen: Stub['seen'] = [];
  const server = createServer((incoming, response) => {
    const { url = '', method = '', headers } = incoming;
    if (url === '/readyz') return response.writeHead(made.ready ? 200 : 503).end();
    seen.push({ url, method, headers });
    answer(incoming, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const made = { port: (server.address() as AddressInfo).port, server, seen, ready: true };
  return made;
};

/** As the contract has it: the key as headers, 204 with who it is, or 401. */
const keyledger: RequestListener = ({ url, headers }, response) => {
  if (!url?.startsWith('/v1/forward-auth')) return response.end(`keyledger ${url}`);
  if (headers.authorization === 'Bearer good' || headers['x-api-key'] === 'good')
    return response
      .writeHead(204, { 'Keyledger-Key-Id': 'k1', 'Keyledger-Owner-Id': 'o1', 'Keyledger-Scopes': 'a:read' })
      .end();
  // Of a key without scopes nothing is said.
  if (headers.authorization === 'Bearer bare') return response.writeHead(204, { 'Keyledger-Key-Id': 'k2' }).end();
  return response
    .writeHead(401, { 'WWW-Authenticate': 'Bearer', 'Content-Type': 'application/problem+json' })
    .end('{"code":"invalid-key"}');
};

let one: Stub;
let two: Stub;
let sample: Stub;
let port: number;
let caddy: ChildProcess;
const folder = temporaryFolder();

const call = async (host: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Got> => {
  const outgoing = request({
    port,
    host: '127.0.0.1',
    path,
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, host },
    agent: false,
  });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
};

const withService = (headers: Record<string, string>, body?: string) => call('sample.keys.test', '/x', headers, body);

proxy.before(async () => {
  [one, two] = await Promise.all([stub(keyledger), stub(keyledger)]);
  sample = await stub(async (incoming, response) => {
    response.end(`sample ${await text(incoming)}`);
  });
  port = Number(await freePort());
  const given = readFileSync('deploy/proxy/Caddyfile', 'utf8');
  const file = join(folder, 'Caddyfile');
  const replaced = given
    .replaceAll('api-1:8080', `127.0.0.1:${one.port}`)
    .replaceAll('api-2:8080', `127.0.0.1:${two.port}`)
    .replaceAll('sample:8080', `127.0.0.1:${sample.port}`)
    .replaceAll('health_interval 2s', 'health_interval 50ms')
    .replaceAll('lb_try_duration 3s', 'lb_try_duration 300ms')
    .replaceAll(/^(sample\.)?\{\$PUBLIC_HOST\} \{$/gm, `http://$1{$PUBLIC_HOST}:${port} {`);
  writeFileSync(file, `{\n\tadmin off\n\tauto_https off\n}\n${replaced}`);
  caddy = spawn('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], {
    env: { ...process.env, PUBLIC_HOST: 'keys.test', HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = text(caddy.stderr!);
  await eventually(async () => {
    if (caddy.exitCode !== null) throw new Error(`caddy ended: ${await said}`);
    return call('keys.test', '/').then(
      ({ status }) => status === 200,
      () => false,
    );
  });
});

proxy.after(async () => {
  const closed = once(caddy, 'close');
  caddy.kill('SIGKILL');
  await closed;
  for (const { server } of [one, two, sample]) server.close();
});

proxy('spreads requests over the processes', async () => {
  one.seen.length = 0;
  two.seen.length = 0;
  for (let n = 0; n < 20; n++) assert.is((await call('keys.test', '/v1/me')).body, 'keyledger /v1/me');
  assert.is(one.seen.length + two.seen.length, 20);
  assert.ok(one.seen.length > 0 && two.seen.length > 0);
});

proxy('says whose request it is, and believes nobody who says so', async () => {
  one.seen.length = 0;
  two.seen.length = 0;
  await call('keys.test', '/v1/me', { 'X-Forwarded-For': '203.0.113.9' });
  const [{ headers }] = [...one.seen, ...two.seen] as [Stub['seen'][number]];
  assert.is(headers['x-forwarded-for'], '127.0.0.1');
  assert.is(headers['x-forwarded-host'], 'keys.test');
  assert.is(headers.host, 'keys.test');
});

proxy('lets nobody ask as a proxy does', async () => {
  one.seen.length = 0;
  two.seen.length = 0;
  const paths = ['/v1/forward-auth', '/v1/forward-auth?scope=a:read', '//v1//forward-auth', '/v1/forward%2Dauth/'];
  for (const path of paths)
    for (const body of [undefined, ''])
      assert.is((await call('keys.test', path, { Authorization: 'Bearer good' }, body)).status, 404, path);
  assert.is(one.seen.length + two.seen.length, 0);
});

proxy('brings a service whoever has a key, with whose it is and without the key', async () => {
  sample.seen.length = 0;
  for (const header of [{ Authorization: 'Bearer good' }, { 'X-API-KEY': 'good' }]) {
    const got = await withService(header as Record<string, string>, 'a body');
    assert.is(got.status, 200);
    assert.is(got.body, 'sample a body');
  }
  for (const { url, method, headers } of sample.seen) {
    assert.is(`${method} ${url}`, 'POST /x');
    assert.is(headers['keyledger-key-id'], 'k1');
    assert.is(headers['keyledger-owner-id'], 'o1');
    assert.is(headers['keyledger-scopes'], 'a:read');
    assert.is(headers.authorization, undefined);
    assert.is(headers['x-api-key'], undefined);
  }
  assert.is(sample.seen.length, 2);
});

proxy('hands on what Keyledger answers to whoever has none', async () => {
  sample.seen.length = 0;
  for (const headers of [{}, { Authorization: 'Bearer bad' }] as Record<string, string>[]) {
    const got = await withService(headers);
    assert.is(got.status, 401);
    assert.is(got.headers['www-authenticate'], 'Bearer');
    assert.is(got.body, '{"code":"invalid-key"}');
  }
  assert.is(sample.seen.length, 0);
});

proxy('takes no word from a client about who they are', async () => {
  sample.seen.length = 0;
  const forged = { 'Keyledger-Key-Id': 'x', 'Keyledger-Owner-Id': 'x', 'Keyledger-Scopes': 'x', 'Keyledger-More': 'x' };
  await withService({ Authorization: 'Bearer bare', ...forged });
  const [{ headers }] = sample.seen as [Stub['seen'][number]];
  assert.is(headers['keyledger-key-id'], 'k2');
  // Nothing, or in older releases the name of what is not there.
  for (const name of ['keyledger-owner-id', 'keyledger-scopes']) assert.is.not(headers[name], 'x');
  assert.is(headers['keyledger-more'], undefined);
});

proxy('passes over a process that is not ready, and says 503 where none is', async () => {
  one.ready = false;
  await eventually(async () => {
    one.seen.length = 0;
    for (let n = 0; n < 6; n++) await call('keys.test', '/v1/me');
    return one.seen.length === 0;
  });
  two.ready = false;
  await eventually(async () => (await call('keys.test', '/v1/me')).status === 503);
  const got = await call('keys.test', '/v1/me');
  assert.is(got.headers['retry-after'], '1');
  assert.is(got.headers['content-type'], 'application/problem+json');
  const { requestId, ...problem } = JSON.parse(got.body) as Record<string, unknown>;
  assert.match(String(requestId), /^[0-9a-f-]{36}$/);
  assert.is(problem.code, 'unavailable');
  assert.is(problem.type, '/problems/unavailable');
  assert.is((await withService({ Authorization: 'Bearer good' })).status, 503);
  one.ready = true;
  two.ready = true;
  await eventually(async () => (await call('keys.test', '/v1/me')).status === 200);
});

proxy('passes over a process that is gone before that was seen', async () => {
  two.server.closeAllConnections();
  two.server.close();
  for (let n = 0; n < 10; n++) assert.is((await call('keys.test', '/v1/me')).status, 200);
});

proxy.run();
