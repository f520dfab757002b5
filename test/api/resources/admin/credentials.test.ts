import * as assert from 'uvu/assert';
import { goodPassword } from '../../../support/accounts.ts';
import { answered, machineWith, personWith, role, type Signed, written } from '../../../support/administration.ts';
import { codeAt } from '../../../support/authenticatorApp.ts';
import { expectStatus } from '../../../support/client.ts';
import { mailsOf } from '../../../support/queuedMails.ts';
import { suite } from '../../../support/suite.ts';
import { startTestApp, type TestApp } from '../../../support/testApp.ts';

const s = suite<{ app: TestApp; admin: Signed }>('how others sign in, over HTTP');
const path = '/v1/admin/users';
const nobody = '01890000-0000-7000-8000-000000000000';

s.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const withTwoFactor = async (app: TestApp, role = 'member'): Promise<Signed & { readonly secret: string }> => {
  const ada = await personWith(app, [role]);
  const { secret } = expectStatus(
    await ada.client.post('/v1/profile/two-factor', { password: goodPassword }),
    200,
  ).body;
  const code = codeAt(secret, app.clock.now());
  expectStatus(await ada.client.post('/v1/profile/two-factor/confirm', { code }), 204);
  return { ...ada, secret };
};

s('turn off the second factor of somebody who lost it', async ({ app, admin }) => {
  const ada = await withTwoFactor(app);
  const signIn = () => app.browser().post('/v1/session', { email: ada.email, password: goodPassword });
  assert.equal(answered(await signIn()), [401, 'second-factor-required']);
  const reset = () => admin.client.post(`${path}/${ada.id}/reset-two-factor`, { reason: 'phone lost' });
  const first = await reset();
  assert.equal([first.status, first.body.id, first.body.twoFactor], [200, ada.id, false]);
  assert.is(first.headers.get('etag'), '"2"');
  assert.is((await signIn()).status, 200);
  const before = await written(app);
  assert.is((await reset()).status, 200);
  assert.is(await written(app), before, 'off already');
  const { events } = await app.store.readStream(`user-${ada.id}`, 2, 1);
  assert.equal([events[0]?.type, events[0]?.metadata.actor], ['TwoFactorDisabled', { kind: 'admin', id: admin.id }]);
});

s('nobody turns off their own by a session alone', async ({ app }) => {
  const ada = await withTwoFactor(app, 'admin');
  const reset = () => ada.client.post(`${path}/${ada.id}/reset-two-factor`);
  const before = await written(app);
  assert.equal(answered(await reset()), [403, 'reauthentication-required']);
  assert.is(await written(app), before);
  expectStatus(await ada.client.post('/v1/session/reauthenticate', { password: goodPassword }), 204);
  const done = await reset();
  assert.equal([done.status, done.body.twoFactor], [200, false]);
});

for (const path of ['delete', 'erase'] as const)
  s(`nobody ${path}s their own account by a session alone`, async ({ app }) => {
    const ada = await personWith(app, ['admin']);
    const end = (of: Signed) => ada.client.post(`/v1/admin/users/${of.id}/${path}`);
    const before = await written(app);
    assert.equal(answered(await end(ada)), [403, 'reauthentication-required']);
    assert.is(await written(app), before);
    const ben = await personWith(app, ['member']);
    assert.ok((await end(ben)).status < 300, 'somebody else’s');
    expectStatus(await ada.client.post('/v1/session/reauthenticate', { password: goodPassword }), 204);
    assert.ok((await end(ada)).status < 300);
    assert.equal(answered(await ada.client.get('/v1/me')), [401, 'unauthenticated']);
  });

s('have somebody set a new password, whose old one works until then', async ({ app, admin }) => {
  const ada = await personWith(app, ['member']);
  const before = await written(app);
  const sent = await admin.client.post(`${path}/${ada.id}/send-password-reset`);
  assert.equal([sent.status, sent.body], [204, '']);
  assert.is(await written(app), before);
  const [mail, ...others] = await mailsOf(app);
  assert.equal([mail?.template, mail?.userId, others], ['password-reset', ada.id, []]);
  assert.is((await ada.client.get('/v1/me')).status, 200);
  const newPassword = 'purple staple lantern';
  const confirm = { token: mail?.token, newPassword, confirmPassword: newPassword };
  assert.is((await app.browser().post('/v1/password-reset/confirm', confirm)).status, 204);
  assert.is((await ada.client.get('/v1/me')).status, 401);
});

s('invite by mail, and again', async ({ app, admin }) => {
  const given = { email: 'ben@example.com', roles: ['member'] };
  const { id } = expectStatus(await admin.client.post(path, given), 201).body;
  app.clock.advance(1);
  const again = await admin.client.post(`${path}/${id}/send-password-reset`);
  assert.equal([again.status, again.body], [204, '']);
  assert.is((await admin.client.get(`${path}/${id}`)).body.status, 'invited');
  const mails = await mailsOf(app);
  assert.equal(
    mails.map(({ template }) => template),
    ['invitation', 'invitation'],
  );
  const newPassword = 'purple staple lantern';
  const take = (token?: string) =>
    app.browser().post('/v1/password-reset/confirm', { token, newPassword, confirmPassword: newPassword });
  assert.equal(answered(await take(mails[0]?.token)), [422, 'code-invalid']);
  assert.is((await take(mails[1]?.token)).status, 204);
});

s('invites nobody who has a password, a provider, or is a service', async ({ app, admin }) => {
  const given = { email: 'ben@example.com', roles: ['member'] };
  expectStatus(await admin.client.post(path, { ...given, password: goodPassword }), 201);
  expectStatus(await admin.client.post(path, { ...given, email: 'c@example.com', externalProvider: 'idp' }), 201);
  expectStatus(await admin.client.post(path, { ...given, email: 'd@example.com', kind: 'service' }), 201);
  assert.equal(await mailsOf(app), []);
});

s('invites once for the same Idempotency-Key', async ({ app, admin }) => {
  const given = { email: 'ben@example.com', roles: ['member'] };
  const once = { 'idempotency-key': 'once' };
  const first = expectStatus(await admin.client.post(path, given, once), 201);
  const repeat = expectStatus(await admin.client.post(path, given, once), 201);
  assert.is(repeat.body.id, first.body.id);
  assert.is((await mailsOf(app)).length, 1);
});

s('see and end a user’s sessions, one or all', async ({ app, admin }) => {
  const ada = await personWith(app, ['member']);
  const there = app.browser('198.51.100.7');
  app.clock.advance(1000);
  const signIn = { email: ada.email, password: goodPassword };
  expectStatus(await there.post('/v1/session', signIn, { 'user-agent': 'a browser' }), 200);
  const list = async () => (await admin.client.get(`${path}/${ada.id}/sessions`)).body.items;
  const [newest, oldest, ...others] = await list();
  assert.equal(others, []);
  assert.equal(Object.keys(newest).sort(), [
    'createdAt',
    'current',
    'expiresAt',
    'id',
    'idleExpiresAt',
    'ip',
    'lastSeenAt',
    'method',
    'twoFactor',
    'userAgent',
  ]);
  const { ip, userAgent, method, twoFactor, current } = newest;
  assert.equal([ip, userAgent, method, twoFactor, current], ['198.51.100.7', 'a browser', 'password', false, false]);
  app.clock.advance(120_000);
  expectStatus(await there.get('/v1/me'), 200);
  assert.is((await list())[0].lastSeenAt, new Date(app.clock.now()).toISOString());

  const end = (id: string, of = ada.id) => admin.client.post(`${path}/${of}/sessions/${id}/end`);
  assert.is((await end(oldest.id)).status, 204);
  assert.is((await ada.client.get('/v1/me')).status, 401);
  assert.is((await there.get('/v1/me')).status, 200);
  assert.equal(answered(await end(oldest.id)), [404, 'not-found']);
  assert.equal(answered(await end(newest.id, admin.id)), [404, 'not-found'], 'it is of somebody else');
  const { events } = await app.store.readStream(`activity-${ada.id}`, 2, 1);
  assert.equal([events[0]?.type, events[0]?.metadata.actor], ['SessionEnded', { kind: 'admin', id: admin.id }]);

  assert.is((await admin.client.post(`${path}/${ada.id}/end-sessions`)).status, 204);
  assert.is((await there.get('/v1/me')).status, 401);
  assert.equal(await list(), []);
});

const calls = ['reset-two-factor', 'send-password-reset', `sessions/${nobody}/end`];

s('needs users:write, and nobody touches who holds more', async ({ app, admin }) => {
  const reader = await personWith(app, [await role(app, 'reader', ['users:read'])]);
  const writer = await personWith(app, [await role(app, 'writer', ['users:read', 'users:write'])]);
  const machine = await machineWith(app, ['users:write']);
  const ada = await personWith(app, ['member']);
  const before = await written(app);
  for (const call of calls) {
    const on = (id: string) => `${path}/${id}/${call}`;
    assert.equal(answered(await app.browser().post(on(ada.id))), [401, 'unauthenticated'], call);
    assert.equal(answered(await ada.client.post(on(ada.id))), [403, 'forbidden'], call);
    assert.equal(answered(await reader.client.post(on(ada.id))), [403, 'forbidden'], call);
    assert.equal(answered(await writer.client.post(on(admin.id))), [403, 'forbidden'], call);
    assert.equal(answered(await machine.post(on(admin.id))), [403, 'forbidden'], call);
    assert.equal(answered(await admin.client.post(on(nobody))), [404, 'not-found'], call);
    assert.equal(answered(await admin.client.post(on('none'))), [404, 'not-found'], call);
    assert.equal(answered(await admin.client.post(on(ada.id), { admin: true })), [400, 'validation-failed'], call);
  }
  assert.is(await written(app), before);
  assert.equal(await mailsOf(app), []);
});

s('is not for who is managed elsewhere, gone or turned off', async ({ app, admin }) => {
  const idp = await app.register({ email: 'idp@example.com', passwordHash: null, externalProvider: 'idp' });
  const gone = await app.register({ email: 'gone@example.com' });
  const off = await app.register({ email: 'off@example.com' });
  await app.execute(app.commands.deleteUser, { userId: gone, reason: null }, app.bed.request());
  await app.execute(app.commands.deactivateUser, { userId: off, reason: null }, app.bed.request());
  const call = async (id: string, what: string) => answered(await admin.client.post(`${path}/${id}/${what}`));
  for (const what of ['reset-two-factor', 'send-password-reset']) {
    assert.equal(await call(idp, what), [409, 'externally-managed'], what);
    assert.equal(await call(gone, what), [409, 'already-ended'], what);
  }
  assert.equal(await call(off, 'send-password-reset'), [409, 'conflict']);
  assert.equal(await mailsOf(app), []);
});

s.run();
