import * as assert from 'uvu/assert';
import { throttles } from '../../../domain/signInThrottle.ts';
import { goodPassword } from '../../support/accounts.ts';
import { codeAt, wrongCodeAt } from '../../support/authenticatorApp.ts';
import { type Client, expectStatus, type Response } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startTestApp, type TestApp } from '../../support/testApp.ts';

const s = suite<{ app: TestApp; ada: string; here: Client }>('two-factor over HTTP');

const email = 'ada@example.com';
const path = '/v1/profile/two-factor';
const password = goodPassword;

const signIn = (client: Client, own: object = {}) => client.post('/v1/session', { email, password, ...own });

s.before.each(async (context) => {
  context.app = await startTestApp();
  context.ada = await context.app.register({ email });
  context.here = context.app.browser();
  expectStatus(await signIn(context.here), 200);
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const refused = ({ status, body }: Response) => [status, body.code];

/** On, and its first code used up. */
const turnOn = async (app: TestApp, client: Client) => {
  const { body } = expectStatus(await client.post(path, { password }), 200);
  expectStatus(await client.post(`${path}/confirm`, { code: codeAt(body.secret, app.clock.now()) }), 204);
  app.clock.advance(30_000);
  return body as { secret: string; otpauthUrl: string; recoveryCodes: string[] };
};

s('begun with the password, on once a code of the app was shown', async ({ app, here }) => {
  const begun = await here.post(path, { password });
  assert.is(begun.status, 200);
  assert.equal(Object.keys(begun.body).sort(), ['otpauthUrl', 'recoveryCodes', 'secret']);
  assert.match(begun.body.secret, /^[A-Z2-7]{32}$/);
  assert.match(
    begun.body.otpauthUrl,
    /^otpauth:\/\/totp\/Keyledger:ada%40example\.com\?secret=[A-Z2-7]{32}&issuer=Keyledger$/,
  );
  assert.is(new Set(begun.body.recoveryCodes).size, 10);
  assert.is(begun.headers.get('cache-control'), 'no-store');
  const twoFactor = async () => (await here.get('/v1/profile')).body.twoFactor;
  assert.is(await twoFactor(), false);
  const now = app.clock.now();
  const wrong = await here.post(`${path}/confirm`, { code: wrongCodeAt(begun.body.secret, now) });
  assert.equal(refused(wrong), [422, 'code-invalid']);
  const confirmed = await here.post(`${path}/confirm`, { code: codeAt(begun.body.secret, now) });
  assert.is(confirmed.status, 204);
  assert.ok(confirmed.headers.has('keyledger-position'));
  assert.is(await twoFactor(), true);
  assert.equal(refused(await here.post(path, { password })), [409, 'two-factor-already-on']);
});

s('sign-in asks for the code, and no code is accepted twice', async ({ app, here }) => {
  const { secret } = await turnOn(app, here);
  const code = codeAt(secret, app.clock.now());
  const asked = await signIn(app.browser());
  assert.equal(refused(asked), [401, 'second-factor-required']);
  assert.equal(asked.headers.getSetCookie(), []);
  assert.equal(refused(await signIn(app.browser(), { password: 'not the password', code })), [
    401,
    'invalid-credentials',
  ]);
  const there = app.browser();
  assert.is((await signIn(there, { code: `${code.slice(0, 3)} ${code.slice(3)}` })).status, 200);
  assert.equal(refused(await signIn(app.browser(), { code })), [401, 'invalid-credentials']);
  const { items } = (await there.get('/v1/sessions')).body;
  assert.equal(
    items.map((one: { current: boolean; twoFactor: boolean }) => [one.current, one.twoFactor]),
    [
      [true, true],
      [false, false],
    ],
  );
});

s('a recovery code signs in once in place of the app', async ({ app, here, ada }) => {
  const { recoveryCodes } = await turnOn(app, here);
  const [code = ''] = recoveryCodes;
  assert.is((await signIn(app.browser(), { code: code.toUpperCase() })).status, 200);
  assert.equal(refused(await signIn(app.browser(), { code })), [401, 'invalid-credentials']);
  const { events } = await app.store.readStream(`user-${ada}`, 0, 10);
  assert.equal(
    events.map(({ type }) => type),
    ['UserRegistered', 'TwoFactorEnabled', 'RecoveryCodeUsed'],
  );
  assert.equal(
    (await app.activities(ada)).map(({ type }) => type),
    ['SignedIn', 'SignedIn', 'SignInFailed'],
  );
});

s('new recovery codes take the place of the old ones', async ({ app, here }) => {
  const { secret, recoveryCodes } = await turnOn(app, here);
  const renew = (body: object) => here.post(`${path}/recovery-codes`, body);
  const code = codeAt(secret, app.clock.now());
  assert.equal(refused(await renew({ code })), [403, 'reauthentication-required']);
  assert.equal(refused(await renew({ password: 'not the password', code })), [403, 'reauthentication-failed']);
  assert.equal(refused(await renew({ password, code: 'abcde-fghjk' })), [422, 'code-invalid']);
  assert.equal(refused(await renew({ password })), [400, 'validation-failed']);
  const { body } = expectStatus(await renew({ password, code }), 200);
  assert.equal(Object.keys(body), ['recoveryCodes']);
  assert.is(body.recoveryCodes.length, 10);
  assert.equal(refused(await signIn(app.browser(), { code: recoveryCodes[0] })), [401, 'invalid-credentials']);
  assert.is((await signIn(app.browser(), { code: body.recoveryCodes[0] })).status, 200);
});

s('turned off by password and code', async ({ app, here }) => {
  const { secret } = await turnOn(app, here);
  const code = codeAt(secret, app.clock.now());
  const off = (body: object) => here.post(`${path}/disable`, body);
  assert.equal(refused(await off({ code })), [403, 'reauthentication-required']);
  assert.equal(refused(await off({ password: 'not the password', code })), [403, 'reauthentication-failed']);
  assert.equal(refused(await off({ password, code: wrongCodeAt(secret, app.clock.now()) })), [422, 'code-invalid']);
  assert.is((await off({ password, code })).status, 204);
  assert.is((await here.get('/v1/profile')).body.twoFactor, false);
  assert.is((await signIn(app.browser())).status, 200);
});

s('a code shows again that it is you, once', async ({ app, here }) => {
  const { secret } = await turnOn(app, here);
  const code = codeAt(secret, app.clock.now());
  const again = (body: object) => here.post('/v1/session/reauthenticate', body);
  assert.equal(refused(await again({ code: 'abcde-fghjk' })), [403, 'reauthentication-failed']);
  assert.is((await again({ code })).status, 204);
  assert.equal(refused(await again({ code })), [403, 'reauthentication-failed']);
  app.clock.advance(30_000);
  const next = codeAt(secret, app.clock.now());
  assert.is((await here.post(`${path}/disable`, { code: next })).status, 204, 'and needs no password then');
});

s('throttled like passwords', async ({ app, here }) => {
  const { secret } = await turnOn(app, here);
  const wrong = { password, code: wrongCodeAt(secret, app.clock.now()) };
  for (let n = 0; n < throttles.account.free; n += 1)
    assert.equal(refused(await here.post(`${path}/disable`, wrong)), [422, 'code-invalid']);
  const blocked = await here.post(`${path}/disable`, wrong);
  assert.equal(refused(blocked), [429, 'too-many-requests']);
  assert.is(blocked.headers.get('retry-after'), String(throttles.account.firstWait));
  const again = { code: codeAt(secret, app.clock.now()) };
  assert.equal(refused(await here.post('/v1/session/reauthenticate', again)), [429, 'too-many-requests']);
});

s('passwords may have 8 characters, and are changed before it is off', async ({ app, here }) => {
  const short = 'vwjqkzpx';
  const change = (from: string, to: string) =>
    here.post('/v1/profile/password', { currentPassword: from, newPassword: to, confirmPassword: to });
  assert.equal(refused(await change(password, short)), [422, 'password-too-short']);
  const { secret } = await turnOn(app, here);
  assert.is((await change(password, short)).status, 204);
  const code = codeAt(secret, app.clock.now());
  const kept = await here.post(`${path}/disable`, { password: short, code });
  assert.equal([...refused(kept), kept.body.params], [422, 'password-too-short', { min: 15 }]);

  // By what they showed before, its length is not known: it is at the next sign-in.
  expectStatus(await here.post('/v1/session/reauthenticate', { password: short }), 204);
  assert.is((await here.post(`${path}/disable`, { code })).status, 204);
  const there = app.browser();
  const { body } = expectStatus(await signIn(there, { password: short }), 200);
  assert.is(body.user.mustChangePassword, true);
  assert.is((await there.get('/v1/session')).body.user.mustChangePassword, true);
  assert.is((await there.get('/v1/profile')).body.mustChangePassword, true);
  assert.equal(refused(await there.get('/v1/api-keys')), [403, 'password-change-required']);
  assert.equal(refused(await there.post(path, { password: short })), [403, 'password-change-required']);
  const longer = {
    currentPassword: short,
    newPassword: 'purple staple lantern',
    confirmPassword: 'purple staple lantern',
  };
  assert.is((await there.post('/v1/profile/password', longer)).status, 204);
  assert.is((await there.get('/v1/profile')).body.mustChangePassword, false);
  assert.is((await there.get('/v1/api-keys')).status, 200);
});

s('is of whoever is signed in, and of nobody else', async ({ app, here }) => {
  const nobody = app.browser();
  for (const call of ['', '/confirm', '/disable', '/recovery-codes'])
    assert.equal(refused(await nobody.post(`${path}${call}`, { code: '1', password })), [401, 'unauthenticated'], call);
  const { secret } = (await here.post(path, { password })).body;
  const there = app.browser();
  expectStatus(await signIn(there), 200);
  const code = codeAt(secret, app.clock.now());
  assert.equal(refused(await there.post(`${path}/confirm`, { code })), [409, 'conflict'], 'in another session');
  assert.is((await here.post(`${path}/confirm`, { code })).status, 204);
});

s('refuses bodies that are none of its', async ({ here }) => {
  for (const body of [{ password: 1 }, { password: { $gt: '' } }, { password, code: '123456' }, []])
    assert.equal(refused(await here.post(path, body)), [400, 'validation-failed'], JSON.stringify(body));
  for (const body of [{}, { code: 123_456 }, { code: '' }, { code: 'x'.repeat(5000) }])
    assert.equal(refused(await here.post(`${path}/confirm`, body)), [400, 'validation-failed'], JSON.stringify(body));
});

const once = { 'idempotency-key': 'once' };

s('answers a repeat alike', async ({ app, here }) => {
  const first = await here.post(path, { password }, once);
  const repeat = await here.post(path, { password }, once);
  assert.equal(repeat.body, first.body);
  assert.is(repeat.headers.get('idempotency-replayed'), 'true');
  const confirm = { code: codeAt(first.body.secret, app.clock.now()) };
  for (let n = 0; n < 2; n += 1) assert.is((await here.post(`${path}/confirm`, confirm, once)).status, 204);
});

s('shows nothing again by a session alone', async ({ app, here }) => {
  expectStatus(await here.post('/v1/session/reauthenticate', { password }), 204);
  const begun = expectStatus(await here.post(path, {}, once), 200).body;
  assert.equal(expectStatus(await here.post(path, {}, once), 200).body, begun);
  app.clock.advance(5 * 60_000);
  const repeat = await here.post(path, {}, once);
  assert.equal(refused(repeat), [403, 'reauthentication-required']);
  assert.not.match(JSON.stringify(repeat.body), new RegExp(begun.secret));
  const elsewhere = app.browser();
  expectStatus(await signIn(elsewhere), 200);
  assert.equal(refused(await elsewhere.post(path, {}, once)), [403, 'reauthentication-required']);
  expectStatus(await elsewhere.post('/v1/session/reauthenticate', { password }), 204);
  assert.equal(expectStatus(await elsewhere.post(path, {}, once), 200).body, begun);
});

s('shows again for ten minutes, and nothing that is good for nothing any more', async ({ app, here }) => {
  const kept = async () => (await app.bed.vault.find('shown-once', {}, { after: null, limit: 10 })).length;
  const begin = (key: string) => here.post(path, { password }, { 'idempotency-key': key });
  expectStatus(await begin('a'), 200);
  assert.is(await kept(), 1);
  app.clock.advance(10 * 60_000);
  assert.equal(refused(await begin('a')), [422, 'not-recoverable']);
  expectStatus(await begin('b'), 200);
  const { secret } = expectStatus(await begin('c'), 200).body;
  assert.equal(refused(await begin('b')), [422, 'not-recoverable'], 'another was begun since');
  expectStatus(await begin('c'), 200);
  expectStatus(await here.post(`${path}/confirm`, { code: codeAt(secret, app.clock.now()) }), 204);
  assert.equal(refused(await begin('c')), [422, 'not-recoverable'], 'it is on');
  assert.is(await kept(), 0);

  app.clock.advance(30_000);
  const renewing = { password, code: codeAt(secret, app.clock.now()) };
  const renewed = expectStatus(await here.post(`${path}/recovery-codes`, renewing, once), 200).body;
  const again = expectStatus(await here.post(`${path}/recovery-codes`, renewing, once), 200);
  assert.equal([again.body, again.headers.get('idempotency-replayed')], [renewed, 'true']);
  app.clock.advance(30_000);
  const off = { password, code: codeAt(secret, app.clock.now()) };
  expectStatus(await here.post(`${path}/disable`, off), 204);
  assert.equal(refused(await here.post(`${path}/recovery-codes`, renewing, once)), [422, 'not-recoverable']);
  assert.is(await kept(), 0);
});

s('keeps nothing of what it showed in the clear, nor in the answer that it keeps for a day', async ({ app, here }) => {
  const { secret, recoveryCodes } = expectStatus(await here.post(path, { password }, once), 200).body;
  for (const kind of ['intent', 'shown-once', 'two-factor-enrolment']) {
    const rows = await app.bed.vault.find(kind, {}, { after: null, limit: 10 });
    assert.ok(rows.length > 0, kind);
    for (const text of [secret, ...recoveryCodes]) assert.not.ok(JSON.stringify(rows).includes(text));
  }
  const [row] = await app.bed.vault.find('intent', {}, { after: null, limit: 10 });
  const answer = await app.boxes.open('vault intent', row!.value, `intent ${row!.id}`);
  assert.match(answer ?? '', /"shown":true/);
  for (const text of [secret, ...recoveryCodes]) assert.not.ok(answer!.includes(text));
});

s('all · two-factor: not for accounts that are managed elsewhere', async ({ app }) => {
  const ben = await app.register({ email: 'ben@example.com', passwordHash: null, externalProvider: 'oidc' });
  const session = { userId: ben, ownerEpoch: 0, sessionEpoch: 0, ip: null, userAgent: null };
  const made = await app.sessions.open({ ...session, method: 'oidc', twoFactor: false });
  const cookie = { cookie: `${app.cookies.session}=${made?.token}` };
  const client = app.browser();
  for (const [call, body] of [
    ['', { password }],
    ['/confirm', { code: '123456' }],
    ['/disable', { password, code: '123456' }],
    ['/recovery-codes', { password, code: '123456' }],
  ] as const)
    assert.equal(refused(await client.post(`${path}${call}`, body, cookie)), [409, 'externally-managed'], call);
});

s.run();
