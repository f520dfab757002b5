import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { createApp } from '../../../api/app.ts';
import { createCounter, metricsText } from '../../../api/metrics.ts';
import { healthRoutes } from '../../../api/resources/health.ts';
import { clientOf, expectStatus } from '../../support/client.ts';
import { createManualTime } from '../../support/manualTime.ts';
import { suite } from '../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../support/wholeApp.ts';

const s = suite('health');

let app: WholeApp;

s.before.each(async () => {
  app = await startWholeApp({ trustedProxies: ['loopback'] });
});

s.after.each(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

s('is ready while it can verify, and says 503 with the checks while it cannot', async () => {
  await app.projector.catchUp();
  const ready = expectStatus(await app.nobody.get('/readyz'), 200);
  assert.equal(ready.body.checks.verification, {
    ok: true,
    position: app.reader.position(),
    provenAt: '2027-01-01T00:00:00.000Z',
    ageMs: 0,
    halted: null,
  });
  assert.is(ready.body.checks.lists.ok, true);

  app.stopStore(true);
  app.bed.clock.advance(2000);
  expectStatus(await app.nobody.get('/readyz'), 200);
  app.bed.clock.advance(1);
  const unready = expectStatus(await app.nobody.get('/readyz'), 503);
  assert.is(unready.body.checks.verification.ok, false);
  assert.is(unready.body.checks.verification.ageMs, 2001);
  assert.is(unready.headers.get('retry-after'), '1');
  // Where nobody can be told who calls, that it lives is told all the same.
  expectStatus(await app.as('somebody').get('/livez'), 200);
  expectStatus(await app.as('somebody').get('/readyz'), 503);
  expectStatus(await app.as('somebody').get('/docs'), 200);
  expectStatus(await app.as('somebody').get('/v1/me'), 503);

  app.stopStore(false);
  expectStatus(await app.nobody.get('/readyz'), 200);
});

s('tells that a list was never filled, and is ready nevertheless', async () => {
  const { body } = expectStatus(await app.nobody.get('/readyz'), 200);
  assert.is(body.checks.verification.ok, true);
  assert.is(body.checks.lists.items.length, 0);
  await app.projector.catchUp();
  const filled = expectStatus(await app.nobody.get('/readyz'), 200).body.checks.lists;
  assert.equal(
    filled.items.map(({ name }: { name: string }) => name),
    ['apiKeys', 'auditEvents', 'users'],
  );
});

s('gives measurements to this machine', async () => {
  await app.projector.catchUp();
  const answer = expectStatus(await app.nobody.get('/metrics'), 200);
  assert.match(answer.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  const text = String(answer.body);
  assert.match(text, /^keyledger_verifying 1$/m);
  assert.match(text, /^keyledger_list_lag_seconds\{list="apiKeys"\} 0$/m);
  assert.match(text, /^keyledger_worker_failures\{worker="projector"\} 0$/m);
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) keyledger_\w+ .+|keyledger_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [-+\w.]+)$/);
});

s('gives none to what a proxy on this machine brings, unless it holds operations', async () => {
  const forwarded = { 'x-forwarded-for': '127.0.0.1' };
  expectStatus(await app.nobody.get('/metrics', forwarded), 401);
  const admin = await app.register({ email: 'admin@example.com', roles: ['admin'] });
  expectStatus(await app.as(admin).get('/metrics', forwarded), 403);
  const token = async (permission: string) => {
    const input = { name: permission, permissions: [permission], applications: null, expiresAt: null };
    const made = await app.execute(app.commands.createServiceToken, input as never, app.bed.request());
    if (!('secret' in made) || made.secret === undefined) throw new Error(`no token was made: ${JSON.stringify(made)}`);
    return app.withToken(made.secret.text);
  };
  expectStatus(await (await token('operations')).get('/metrics', forwarded), 200);
  assert.is(expectStatus(await (await token('audit:read')).get('/metrics', forwarded), 403).body.code, 'forbidden');
});

s('is ready while the store of the lists says nothing at all', async () => {
  const time = createManualTime();
  const [, ready] = healthRoutes({
    reader: app.reader,
    listReader: { states: () => new Promise<never>(() => {}) },
    clock: app.bed.clock,
    scheduler: time,
    workers: [],
  });
  const asked = ready!.handle({} as never);
  await time.advance(1_000);
  const { status, body } = (await asked) as { status: number; body: { checks: { lists: object } } };
  assert.is(status, 200);
  assert.equal(body.checks.lists, { ok: false, items: [] });
});

s('goes by the socket and not by what proxies say', async () => {
  const [, , metrics] = healthRoutes({
    reader: app.reader,
    listReader: { states: async () => [] },
    clock: app.bed.clock,
    scheduler: createManualTime(),
    workers: [],
  });
  const from = (remoteAddress: string) =>
    metrics!.handle({ caller: { kind: 'nobody' }, incoming: { socket: { remoteAddress }, headers: {} } } as never);
  for (const here of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])
    assert.is(((await from(here)) as { status: number }).status, 200, here);
  for (const there of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '10.0.0.1', '']) {
    const refused = await from(there).then(
      () => null,
      (error: { code: string }) => error.code,
    );
    assert.is(refused, 'unauthenticated', there);
  }
});

s('writes labels and values as Prometheus reads them', async () => {
  const samples = () => [
    { labels: { path: 'a"b\\c\nd' }, value: Number.POSITIVE_INFINITY },
    { value: Number.NaN },
    { value: 1.5 },
  ];
  const text = await metricsText([{ name: 'm', help: 'one\ntwo', type: 'counter', samples }]);
  assert.is(text, '# HELP m one\\ntwo\n# TYPE m counter\nm{path="a\\"b\\\\c\\nd"} +Inf\nm NaN\nm 1.5\n');
});

s('counts what it answered, by call', async () => {
  const counter = createCounter('answers', 'Answers.');
  const routes = app.routes;
  const server = createServer(
    createApp(routes, {
      ...app.appOptions,
      answered: (method, path, status) => counter.add({ method, path: path ?? 'none', status: String(status) }),
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = clientOf({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  for (const path of ['/livez', '/livez', '/problems/not-found', '/problems/forbidden', '/nothing', '/neither'])
    await client.get(path);
  await client.delete('/livez');
  await new Promise((resolve) => server.close(resolve));
  const samples = await counter.metric.samples();
  assert.equal(samples.map(({ labels, value }) => [...Object.values(labels!), value].join(' ')).sort(), [
    'DELETE /livez 405 1',
    'GET /livez 200 2',
    'GET /problems/:code 200 2',
    'GET none 404 2',
  ]);
});

s('answers HEAD without a body', async () => {
  const { port } = new URL(app.url);
  const length = await new Promise<number>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/docs', method: 'HEAD' }, async (response) => {
      let bytes = 0;
      for await (const chunk of response) bytes += chunk.length;
      resolve(bytes);
    })
      .once('error', reject)
      .end();
  });
  assert.is(length, 0);
});

s.run();
