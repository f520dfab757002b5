import * as assert from 'uvu/assert';
import { throttles } from '../../../domain/signInThrottle.ts';
import { goodPassword } from '../../support/accounts.ts';
import { personWith } from '../../support/administration.ts';
import { type Client, expectStatus, type Response } from '../../support/client.ts';
import { mailsOf } from '../../support/queuedMails.ts';
import { suite } from '../../support/suite.ts';
import { startTestApp, type TestApp } from '../../support/testApp.ts';

const s = suite<{ app: TestApp; ada: string }>('setting a password by mail, over HTTP');

const email = 'ada@example.com';
const newPassword = 'purple staple lantern';
const both = { newPassword, confirmPassword: newPassword };

s.before.each(async (context) => {
  context.app = await startTestApp();
  context.ada = await context.app.register({ email });
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
  assert.equal(app.reports, []);
});

const refused = ({ status, body }: Response) => [status, body.code];

const ask = async (app: TestApp, client: Client = app.browser(), own: object = {}, headers = {}) => {
  const response = await client.post('/v1/password-reset', { email, ...own }, headers);
  await app.background.settled();
  app.clock.advance(1);
  return response;
};

const tokenOf = async (app: TestApp) => (await mailsOf(app)).at(-1)?.token ?? 'none';

s('reset by a mailed link, which works once, and ends every session', async ({ app, ada }) => {
  const signedIn = app.browser();
  expectStatus(await signedIn.post('/v1/session', { email, password: goodPassword }), 200);
  assert.is((await ask(app)).status, 202);
  const token = await tokenOf(app);
  const client = app.browser();
  const confirm = () => client.post('/v1/password-reset/confirm', { token, ...both });
  const done = await confirm();
  assert.is(done.status, 204);
  assert.ok(done.headers.has('keyledger-position'));
  assert.equal(done.headers.getSetCookie(), [], 'whoever set it signs in with it');
  assert.is((await signedIn.get('/v1/me')).status, 401);
  assert.equal(refused(await confirm()), [422, 'code-invalid']);
  assert.equal(refused(await client.post('/v1/session', { email, password: goodPassword })), [
    401,
    'invalid-credentials',
  ]);
  assert.is((await client.post('/v1/session', { email, password: newPassword })).status, 200);
  const { events } = await app.store.readStream(`user-${ada}`, 0, 10);
  assert.equal(
    events.map(({ type, metadata }) => [type, metadata.actor.kind]),
    [
      ['UserRegistered', 'worker'],
      ['PasswordReset', 'anonymous'],
    ],
  );
});

s('asking for a reset says nothing of who has an address', async ({ app }) => {
  const answers: object[] = [];
  for (const one of [email, 'nobody@example.com', 'no address', `${'x'.repeat(900)}@example.com`]) {
    const { status, body, headers } = await ask(app, app.browser(), { email: one });
    const { date: _, 'keyledger-request-id': __, ...rest } = Object.fromEntries(headers);
    answers.push({ status, body, rest });
  }
  for (const answer of answers) assert.equal(answer, answers[0]);
  assert.is((await mailsOf(app)).length, 1);
});

s('says the same once too many were asked for, and sends no more', async ({ app }) => {
  const client = app.browser();
  for (let n = 0; n < throttles.pair.free + 5; n += 1) assert.is((await ask(app, client)).status, 202);
  assert.is((await mailsOf(app)).length, throttles.pair.free);
  assert.is((await client.post('/v1/session', { email, password: goodPassword })).status, 200, 'nor keeps anybody out');
});

s('refuses bodies that are none of its', async ({ app }) => {
  const client = app.browser();
  for (const body of [{}, { email: '' }, { email: { $ne: null } }, { email, token: 'x' }, { email: 'x'.repeat(1001) }])
    assert.equal(
      refused(await client.post('/v1/password-reset', body)),
      [400, 'validation-failed'],
      JSON.stringify(body),
    );
  for (const body of [
    { token: 'x' },
    { token: 'x', newPassword },
    { token: 1, ...both },
    { token: 'x'.repeat(2001), ...both },
  ])
    assert.equal(refused(await client.post('/v1/password-reset/confirm', body)), [400, 'validation-failed']);
});

s('is mailed once for the same Idempotency-Key', async ({ app }) => {
  const once = { 'idempotency-key': 'once' };
  const first = await ask(app, app.browser(), {}, once);
  const repeat = await ask(app, app.browser(), {}, once);
  assert.equal([first.status, repeat.status], [202, 202]);
  assert.is(repeat.headers.get('idempotency-replayed'), 'true');
  assert.is((await mailsOf(app)).length, 1);
  const other = await ask(app, app.browser(), { email: 'nobody@example.com' }, once);
  assert.equal(refused(other), [422, 'idempotency-key-reused']);
});

s('is not begun by a page of another site', async ({ app }) => {
  const headers = { 'sec-fetch-site': 'cross-site' };
  assert.equal(refused(await ask(app, app.browser(), {}, headers)), [403, 'cross-site']);
  assert.equal(await mailsOf(app), []);
});

s('says what is wrong with the password to whoever has the token, and leaves it good', async ({ app }) => {
  await ask(app);
  const token = await tokenOf(app);
  const confirm = (own: object) => app.browser().post('/v1/password-reset/confirm', { token, ...both, ...own });
  assert.equal(refused(await confirm({ confirmPassword: 'another' })), [422, 'password-confirmation-differs']);
  const short = await confirm({ newPassword: 'vwjqkzpx', confirmPassword: 'vwjqkzpx' });
  assert.equal([...refused(short), short.body.params], [422, 'password-too-short', { min: 15 }]);
  const long = 'x '.repeat(200);
  assert.equal(refused(await confirm({ newPassword: long, confirmPassword: long })), [422, 'password-too-long']);
  const common = 'passwordpassword';
  assert.equal(refused(await confirm({ newPassword: common, confirmPassword: common })), [422, 'password-common']);
  assert.equal(refused(await confirm({ token: 'x'.repeat(64) })), [422, 'code-invalid']);
  assert.is((await confirm({})).status, 204);
});

s('answers a repeat of the same alike', async ({ app }) => {
  await ask(app);
  const body = { token: await tokenOf(app), ...both };
  const once = { 'idempotency-key': 'once' };
  const confirm = () => app.browser().post('/v1/password-reset/confirm', body, once);
  assert.is((await confirm()).status, 204);
  const repeat = await confirm();
  assert.equal([repeat.status, repeat.headers.get('idempotency-replayed')], [204, 'true']);
});

s('gives nobody a session, whatever cookie came with it', async ({ app }) => {
  const planted = { cookie: `${app.cookies.session}=${'A'.repeat(43)}; ${app.cookies.device}=${'B'.repeat(43)}` };
  await ask(app, app.browser(), {}, planted);
  const body = { token: await tokenOf(app), ...both };
  expectStatus(await app.browser().post('/v1/password-reset/confirm', body, planted), 204);
  assert.equal(refused(await app.browser().get('/v1/me', planted)), [401, 'unauthenticated']);
});

s('takes up an invitation, and whoever it was is active', async ({ app }) => {
  const admin = await personWith(app, ['admin']);
  const given = { email: 'ben@example.com', firstName: 'Ben', roles: ['member'] };
  const invited = expectStatus(await admin.client.post('/v1/admin/users', given), 201).body;
  assert.is(invited.status, 'invited');
  const [mail] = await mailsOf(app);
  assert.equal([mail?.template, mail?.userId], ['invitation', invited.id]);
  const ben = app.browser();
  assert.equal(refused(await ben.post('/v1/session', { email: given.email, password: newPassword })), [
    401,
    'invalid-credentials',
  ]);
  expectStatus(await ben.post('/v1/password-reset/confirm', { token: mail?.token, ...both }), 204);
  expectStatus(await ben.post('/v1/session', { email: given.email, password: newPassword }), 200);
  assert.is((await admin.client.get(`/v1/admin/users/${invited.id}`)).body.status, 'active');
});

s('externally managed accounts have none to change, and no section for it', async ({ app }) => {
  const ben = await app.register({ email: 'ben@example.com', passwordHash: null, externalProvider: 'oidc' });
  const session = { userId: ben, ownerEpoch: 0, sessionEpoch: 0, ip: null, userAgent: null };
  const made = await app.sessions.open({ ...session, method: 'oidc', twoFactor: false });
  const cookie = { cookie: `${app.cookies.session}=${made?.token}` };
  const client = app.browser();
  assert.is((await client.get('/v1/me', cookie)).body.features.password, false);
  const change = { currentPassword: goodPassword, ...both };
  assert.equal(refused(await client.post('/v1/profile/password', change, cookie)), [409, 'externally-managed']);
  const again = { password: goodPassword };
  assert.equal(refused(await client.post('/v1/session/reauthenticate', again, cookie)), [409, 'externally-managed']);
  assert.is((await ask(app, client, { email: 'ben@example.com' })).status, 202);
  assert.equal(await mailsOf(app), []);
  const ada = app.browser();
  expectStatus(await ada.post('/v1/session', { email, password: goodPassword }), 200);
  assert.is((await ada.get('/v1/me')).body.features.password, true);
});

s('current, new and confirmation; other sessions end, this one and the keys stay', async ({ app }) => {
  const [here, there] = [app.browser(), app.browser('198.51.100.7')];
  for (const client of [here, there])
    expectStatus(await client.post('/v1/session', { email, password: goodPassword }), 200);
  const change = (own: object = {}) =>
    here.post('/v1/profile/password', { currentPassword: goodPassword, ...both, ...own });
  assert.equal(refused(await change({ currentPassword: 'not the password' })), [403, 'reauthentication-failed']);
  assert.equal(refused(await change({ confirmPassword: 'another' })), [422, 'password-confirmation-differs']);
  assert.equal(refused(await here.post('/v1/profile/password', both)), [400, 'validation-failed']);
  assert.is((await change()).status, 204);
  assert.is((await here.get('/v1/me')).status, 200);
  assert.is((await there.get('/v1/me')).status, 401);
});

s('to be changed first where an administrator says so, and nothing else goes before', async ({ app }) => {
  await app.register({ email: 'ben@example.com', mustChangePassword: true });
  const ben = app.browser();
  const signedIn = expectStatus(
    await ben.post('/v1/session', { email: 'ben@example.com', password: goodPassword }),
    200,
  );
  assert.is(signedIn.body.user.mustChangePassword, true);
  for (const path of ['/v1/session', '/v1/me', '/v1/profile']) assert.is((await ben.get(path)).status, 200, path);
  for (const path of ['/v1/api-keys', '/v1/sessions', '/v1/scopes'])
    assert.equal(refused(await ben.get(path)), [403, 'password-change-required'], path);
  for (const path of ['/v1/profile/two-factor', '/v1/sessions/end-all', '/v1/api-keys'])
    assert.equal(refused(await ben.post(path)), [403, 'password-change-required'], path);
  const same = { currentPassword: goodPassword, newPassword: goodPassword, confirmPassword: goodPassword };
  assert.equal(refused(await ben.post('/v1/profile/password', same)), [422, 'password-unchanged']);
  assert.is((await ben.post('/v1/profile/password', { currentPassword: goodPassword, ...both })).status, 204);
  assert.is((await ben.get('/v1/api-keys')).status, 200);
  assert.is((await ben.get('/v1/profile')).body.mustChangePassword, false);
});

s.run();
