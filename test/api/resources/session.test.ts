import * as assert from 'uvu/assert';
import { absoluteMs, idleMs } from '../../../commands/signIn/sessions.ts';
import { throttles } from '../../../domain/signInThrottle.ts';
import { goodPassword } from '../../support/accounts.ts';
import { type Client, expectStatus, type Response } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startTestApp, type TestApp } from '../../support/testApp.ts';

const session = suite<{ app: TestApp; ada: string }>('sessions over HTTP');

const email = 'ada@example.com';

session.before.each(async (context) => {
  context.app = await startTestApp();
  context.ada = await context.app.register({ email });
});
session.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const signIn = (client: Client, own: object = {}) =>
  client.post('/v1/session', { email, password: goodPassword, ...own });

const signedIn = async (app: TestApp, ip?: string): Promise<Client> => {
  const client = app.browser(ip);
  expectStatus(await signIn(client), 200);
  return client;
};

const refused = ({ status, body }: Response) => [status, body.code];

session('signs in, says who that is, and signs out', async ({ app, ada }) => {
  const client = app.browser();
  const { status, body, headers } = await signIn(client);
  assert.is(status, 200);
  const [{ position } = { position: null }] = (await app.bed.store.readStream(`activity-${ada}`, 0, 1)).events;
  assert.is(headers.get('keyledger-position'), position);
  assert.is(body.user.id, ada);
  assert.is(body.user.email, email);
  const [cookie = '', device = ''] = headers.getSetCookie();
  assert.match(cookie, /^keyledger=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/);
  assert.match(device, /^keyledger-device=[\w-]{43}; Path=\/; Max-Age=31536000; HttpOnly; SameSite=Lax$/);

  const read = await client.get('/v1/session');
  assert.is(read.body.user.id, ada);
  assert.is(read.headers.get('etag'), '"0"');
  assert.is(headers.get('etag'), '"0"');
  const left = await client.delete('/v1/session');
  assert.is(left.status, 204);
  assert.equal(left.headers.getSetCookie(), ['keyledger=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax']);
  assert.equal(refused(await client.get('/v1/session')), [401, 'unauthenticated']);
  const old = { cookie: cookie.split(';')[0] ?? '' };
  assert.equal(refused(await app.browser().get('/v1/session', old)), [401, 'unauthenticated']);
  assert.equal(
    (await app.activities(ada)).map(({ type }) => type),
    ['SignedIn', 'SignedOut'],
  );
});

session('is bound to its host where the public URL is https', async () => {
  const app = await startTestApp({ publicUrl: 'https://keys.example.com' });
  await app.register({ email });
  const client = app.browser();
  const cookies = (await signIn(client)).headers.getSetCookie();
  assert.is(cookies.length, 2);
  for (const cookie of cookies) assert.match(cookie, /^__Host-keyledger(-device)?=.*; Secure$/);
  assert.is((await client.get('/v1/session')).status, 200);
  await app.close();
});

session('refuses a wrong password and an unknown address with one answer', async ({ app }) => {
  const wrong = await signIn(app.browser(), { password: 'not the password' });
  const unknown = await signIn(app.browser(), { email: 'nobody@example.com' });
  assert.equal(refused(wrong), [401, 'invalid-credentials']);
  const { requestId: _, ...shown } = wrong.body;
  const { requestId: __, ...alike } = unknown.body;
  assert.equal(alike, shown);
  assert.equal(wrong.headers.getSetCookie(), []);
  assert.ok(wrong.headers.has('www-authenticate'));
});

session('refuses bodies that are none of its', async ({ app }) => {
  const client = app.browser();
  const bodies = [{ email }, { email, password: goodPassword, admin: true }, { email: { $gt: '' }, password: 'x' }, []];
  for (const body of bodies) {
    assert.equal(refused(await client.post('/v1/session', body)), [400, 'validation-failed'], JSON.stringify(body));
  }
  assert.equal(refused(await client.call('POST', '/v1/session', { raw: '{"email":' })), [400, 'malformed-json']);
});

session('takes no sign-in from a page of another site', async ({ app }) => {
  const client = app.browser();
  const from = (headers: { [name: string]: string }) =>
    client.post('/v1/session', { email, password: goodPassword }, headers);
  assert.equal(refused(await from({ 'sec-fetch-site': 'cross-site' })), [403, 'cross-site']);
  assert.equal(refused(await from({ origin: 'https://evil.example' })), [403, 'cross-site']);
  assert.is((await from({ 'sec-fetch-site': 'same-origin', origin: 'http://localhost:5173' })).status, 200);
});

session('ends when idle for twelve hours, and after seven days', async ({ app }) => {
  const client = await signedIn(app);
  app.clock.advance(idleMs);
  assert.is((await client.get('/v1/session')).status, 401);

  const busy = await signedIn(app);
  for (let hours = 6; hours < absoluteMs / 3_600_000; hours += 6) {
    app.clock.advance(6 * 3_600_000);
    assert.is((await busy.get('/v1/session')).status, 200);
  }
  app.clock.advance(6 * 3_600_000);
  assert.is((await busy.get('/v1/session')).status, 401);
});

session('says how long to wait, and lets a known browser pass', async ({ app }) => {
  const owner = await signedIn(app);
  const { free, firstWait } = throttles.account;
  for (let n = 0; n < free; n += 1) await signIn(app.browser(`198.51.100.${n}`), { password: 'guess' });
  const blocked = await signIn(app.browser());
  assert.equal(refused(blocked), [429, 'too-many-requests']);
  assert.is(blocked.headers.get('retry-after'), String(firstWait));
  assert.is((await signIn(owner)).status, 200);
});

session('answers 503 with Retry-After where too many wait for their password', async ({ app }) => {
  app.hasher.room = 0;
  const busy = await signIn(app.browser());
  assert.equal(refused(busy), [503, 'unavailable']);
  assert.ok(Number(busy.headers.get('retry-after')) > 0);
});

session('ends with its user at once, and does not come back with them', async ({ app, ada }) => {
  const client = await signedIn(app);
  await app.execute(app.commands.deactivateUser, { userId: ada, reason: null }, app.bed.request());
  assert.is((await client.get('/v1/me')).status, 401);
  await app.execute(app.commands.reactivateUser, { userId: ada }, app.bed.request());
  assert.is((await client.get('/v1/me')).status, 401);
  assert.is((await signIn(client)).status, 200);
});

session('listed with address, agent and last seen, and ended one by one', async ({ app }) => {
  const here = await signedIn(app);
  app.clock.advance(1000);
  const there = app.browser('198.51.100.7');
  expectStatus(await there.post('/v1/session', { email, password: goodPassword }, { 'user-agent': 'a browser' }), 200);
  app.clock.advance(120_000);
  expectStatus(await there.get('/v1/me'), 200);
  const { body } = await here.get('/v1/sessions?count=true');
  assert.is(body.total, 2);
  assert.equal(
    body.items.map((item: { ip: string; current: boolean }) => [item.ip, item.current]),
    [
      ['198.51.100.7', false],
      ['192.0.2.1', true],
    ],
  );
  const [other] = body.items;
  assert.equal([other.userAgent, other.method, other.twoFactor], ['a browser', 'password', false]);
  assert.is(Date.parse(other.lastSeenAt) - Date.parse(other.createdAt), 120_000);
  assert.is(Date.parse(other.expiresAt) - Date.parse(other.createdAt), absoluteMs);
  assert.is(Date.parse(other.idleExpiresAt) - Date.parse(other.lastSeenAt), idleMs);
  assert.is((await here.post(`/v1/sessions/${other.id}/end`)).status, 204);
  assert.is((await there.get('/v1/me')).status, 401);
  assert.is((await here.get('/v1/sessions')).body.items.length, 1);
  assert.equal(refused(await here.post(`/v1/sessions/${other.id}/end`)), [404, 'not-found']);
});

session('pages through sessions without missing or repeating one', async ({ app }) => {
  const clients = [];
  for (let n = 0; n < 5; n += 1) clients.push(await signedIn(app, `198.51.100.${n}`));
  const here = clients[0]!;
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = expectStatus(await here.get(`/v1/sessions?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`), 200);
    seen.push(...page.body.items.map((item: { id: string }) => item.id));
    cursor = page.body.nextCursor;
  } while (cursor !== null);
  assert.is(new Set(seen).size, 5);
});

session("does not end another user's session", async ({ app }) => {
  const here = await signedIn(app);
  const { id } = (await here.get('/v1/sessions')).body.items[0];
  await app.register({ email: 'ben@example.com' });
  const ben = app.browser();
  expectStatus(await signIn(ben, { email: 'ben@example.com' }), 200);
  assert.equal(refused(await ben.post(`/v1/sessions/${id}/end`)), [404, 'not-found']);
  assert.is((await here.get('/v1/me')).status, 200);
});

session('ends every session of its user at once', async ({ app }) => {
  const here = await signedIn(app);
  const there = await signedIn(app, '198.51.100.7');
  const ended = await here.post('/v1/sessions/end-all');
  assert.is(ended.status, 204);
  assert.ok(ended.headers.has('keyledger-position'));
  assert.is((await here.get('/v1/me')).status, 401);
  assert.is((await there.get('/v1/me')).status, 401);
  assert.equal(await app.bed.vault.find('session', {}, { after: null, limit: 10 }), []);
});

session('goes on where it began after all others had ended, whoever repeats that', async ({ app }) => {
  const once = { 'idempotency-key': 'end-them' };
  assert.is((await (await signedIn(app)).post('/v1/sessions/end-all', undefined, once)).status, 204);
  const later = await signedIn(app);
  const repeated = await later.post('/v1/sessions/end-all', undefined, once);
  assert.is(repeated.headers.get('idempotency-replayed'), 'true');
  assert.is((await later.get('/v1/me')).status, 200);
});

session('is told from one that shows again that it is its owner', async ({ app, ada }) => {
  const client = await signedIn(app);
  const again = (body: object) => client.post('/v1/session/reauthenticate', body);
  assert.equal(refused(await again({ password: 'not the password' })), [403, 'reauthentication-failed']);
  assert.equal(refused(await again({})), [400, 'validation-failed']);
  assert.equal(refused(await again({ password: goodPassword, code: '1' })), [400, 'validation-failed']);
  assert.is((await again({ password: goodPassword })).status, 204);
  const [row] = await app.sessions.list(ada, { ownerEpoch: 0, sessionEpoch: 0 });
  assert.is(row?.reauthenticatedAt, new Date(app.clock.now()).toISOString());
});

session('offers no identity providers', async ({ app }) => {
  const { status, body } = await app.browser().get('/v1/session/providers');
  assert.equal([status, body], [200, { items: [] }]);
});

session('is needed', async ({ app }) => {
  const nobody = app.browser();
  for (const path of ['/v1/session', '/v1/sessions', '/v1/me', '/v1/profile'])
    assert.equal(refused(await nobody.get(path)), [401, 'unauthenticated'], path);
  for (const path of ['/v1/sessions/end-all', '/v1/profile/password', '/v1/session/reauthenticate'])
    assert.equal(refused(await nobody.post(path)), [401, 'unauthenticated'], path);
  assert.equal(refused(await nobody.delete('/v1/session')), [401, 'unauthenticated']);
});

session.run();
