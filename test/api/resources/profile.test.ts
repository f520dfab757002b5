import * as assert from 'uvu/assert';
import { presets } from '../../../domain/presets.ts';
import { goodPassword } from '../../support/accounts.ts';
import { type Client, expectStatus, type Response } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startTestApp, type TestApp } from '../../support/testApp.ts';

const profile = suite<{ app: TestApp; ada: string; client: Client }>('one own account over HTTP');

const email = 'ada@example.com';
const newPassword = 'purple staple lantern';

const signedIn = async (app: TestApp, own: object = {}): Promise<Client> => {
  const client = app.browser();
  expectStatus(await client.post('/v1/session', { email, password: goodPassword, ...own }), 200);
  return client;
};

profile.before.each(async (context) => {
  context.app = await startTestApp();
  context.ada = await context.app.register({ email });
  context.client = await signedIn(context.app);
});
profile.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const refused = ({ status, body }: Response) => [status, body.code];

const setPolicy = async (app: TestApp, preset: 'helmut' | 'aip' | 'qalyptus', more: object = {}) => {
  const change = { ...presets[preset], ...more };
  await app.execute(app.commands.changeKeyPolicy, { change }, app.bed.request());
};

profile('shows a whole user, with what they never said filled in', async ({ client, ada, app }) => {
  const { status, body, headers } = await client.get('/v1/profile');
  assert.is(status, 200);
  assert.is(headers.get('etag'), '"0"');
  const at = new Date(app.clock.now()).toISOString();
  assert.equal(body, {
    id: ada,
    kind: 'human',
    email,
    externalProvider: null,
    firstName: null,
    lastName: null,
    fullName: null,
    displayName: email,
    phone: null,
    position: null,
    description: null,
    language: 'en',
    timeZone: 'UTC',
    roles: ['member'],
    groups: [],
    organizations: [],
    status: 'active',
    twoFactor: false,
    mustChangePassword: false,
    keyCounts: { active: 0, expired: 0 },
    createdAt: at,
    lastSignInAt: at,
  });
});

profile('changes what is given, clears what is null and leaves the rest', async ({ client }) => {
  const first = await client.patch('/v1/profile', {
    firstName: 'Ada',
    lastName: 'Byron',
    phone: '+4312345678',
    description: 'two\nlines',
    language: 'de-at',
    timeZone: 'Europe/Vienna',
  });
  assert.is(first.status, 200);
  assert.is(first.body.displayName, 'Ada Byron');
  assert.is(first.body.language, 'de-AT');
  assert.is(first.headers.get('etag'), '"1"');
  assert.ok(first.headers.has('keyledger-position'));
  const second = await client.patch('/v1/profile', { lastName: null });
  assert.is(second.body.displayName, 'Ada');
  assert.is(second.body.phone, '+4312345678');
  assert.equal((await client.get('/v1/profile')).body, second.body);
});

profile('answers the same again without another event where nothing changes', async ({ client }) => {
  const once = await client.patch('/v1/profile', { firstName: 'Ada' });
  const again = await client.patch('/v1/profile', { firstName: ' Ada ' });
  assert.is(again.status, 200);
  assert.is(again.headers.get('etag'), once.headers.get('etag'));
});

profile('refuses fields and values that no profile has', async ({ client }) => {
  const wrong = [
    { email: 'eve@example.com' },
    { roles: ['admin'] },
    { firstName: 7 },
    { firstName: 'x'.repeat(101) },
    { firstName: 'two\nlines' },
    { phone: '0123456' },
    { phone: '+0123456' },
    { phone: '+43 1 2345' },
    { phone: '+999123456789' },
    { phone: '+431' },
    { language: 'german' },
    { language: 'not a language' },
    { timeZone: 'Mars/Olympus' },
    { timeZone: '+02:00' },
  ];
  for (const body of wrong) {
    const answer = await client.patch('/v1/profile', body);
    assert.equal(refused(answer), [400, 'validation-failed'], JSON.stringify(body));
    assert.is(answer.body.errors[0].pointer, `/${Object.keys(body)[0]}`);
  }
  assert.is((await client.get('/v1/profile')).headers.get('etag'), '"0"');
});

profile('changes nothing on another revision than the one that was read', async ({ client }) => {
  const change = (firstName: string, tag: string) => client.patch('/v1/profile', { firstName }, { 'if-match': tag });
  assert.is((await change('Ada', '"0"')).status, 200);
  assert.equal(refused(await change('Eve', '"0"')), [412, 'revision-mismatch']);
  assert.is((await change('Eve', '*')).status, 200);
  const at = (await client.get('/v1/profile')).headers.get('etag') ?? '';
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => change(`name ${n}`, at)));
  assert.is(outcomes.filter(({ status }) => status === 200).length, 1);
  assert.is(outcomes.filter(({ status }) => status === 412).length, 19);
});

profile('repeats an answer under one Idempotency-Key', async ({ client }) => {
  const change = (firstName: string) => client.patch('/v1/profile', { firstName }, { 'idempotency-key': 'once' });
  const first = await change('Ada');
  const again = await change('Ada');
  assert.is(again.status, 200);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  assert.is(again.headers.get('keyledger-position'), first.headers.get('keyledger-position'));
  assert.equal(refused(await change('Eve')), [422, 'idempotency-key-reused']);
});

profile('says what may be done, and why a key cannot be made', async ({ app, client, ada }) => {
  const why = async (who: Client = client) => (await who.get('/v1/me')).body.features.apiKeys;
  await setPolicy(app, 'qalyptus');
  assert.equal(await why(), { visible: false, canCreate: false, why: 'api-keys-disabled' });
  await setPolicy(app, 'qalyptus', { enabled: true, maxKeysPerUser: 1 });
  assert.equal(await why(), { visible: true, canCreate: true, why: null });
  const expiresAt = new Date(app.clock.now() + 86_400_000).toISOString();
  expectStatus(await client.post('/v1/api-keys', { name: 'ci', expiresAt }), 201);
  assert.equal(await why(), { visible: true, canCreate: false, why: 'api-key-limit-reached' });
  await app.register({ email: 'guest@example.com', roles: ['guest'] });
  const guest = await signedIn(app, { email: 'guest@example.com' });
  assert.equal(await why(guest), { visible: true, canCreate: false, why: 'role-not-permitted' });

  const { body } = await client.get('/v1/me');
  assert.is(body.id, ada);
  assert.equal(body.roles, ['member']);
  assert.equal(body.permissions, ['api-keys:use']);
  assert.is(body.features.password, true);
  assert.equal(body.policy, { ...presets.qalyptus, enabled: true, maxKeysPerUser: 1 });
});

profile('counts keys that are active and expired', async ({ app, client }) => {
  await setPolicy(app, 'helmut', { scoped: false });
  const inDays = (days: number) => new Date(app.clock.now() + days * 86_400_000).toISOString();
  for (const days of [1, 2, 3]) await client.post('/v1/api-keys', { name: `${days}`, expiresAt: inDays(days / 8) });
  const gone = await client.post('/v1/api-keys', { name: 'gone' });
  await client.delete(`/v1/api-keys/${gone.body.id}`);
  app.clock.advance(2.5 * 3 * 3_600_000);
  assert.equal((await client.get('/v1/profile')).body.keyCounts, { active: 1, expired: 2 });
});

profile('may be read with a key, and with a key only read', async ({ app, client }) => {
  await setPolicy(app, 'helmut', { scoped: false });
  const { key } = (await client.post('/v1/api-keys', { name: 'ci' })).body;
  const system = app.browser();
  const bearer = { authorization: `Bearer ${key}` };
  assert.is((await system.get('/v1/me', bearer)).body.email, email);
  assert.is((await system.get('/v1/profile', { 'x-api-key': key })).body.email, email);
  const refusals = [
    await system.patch('/v1/profile', { firstName: 'Ada' }, bearer),
    await system.post('/v1/profile/password', {}, bearer),
    await system.get('/v1/session', bearer),
    await system.get('/v1/sessions', bearer),
    await system.post('/v1/sessions/end-all', {}, bearer),
    await system.delete('/v1/session', bearer),
  ];
  for (const answer of refusals) assert.equal(refused(answer), [403, 'key-not-allowed-here']);
});

const changePassword = (client: Client, own: object = {}) =>
  client.post('/v1/profile/password', {
    currentPassword: goodPassword,
    newPassword,
    confirmPassword: newPassword,
    ...own,
  });

profile('changes the password, stays signed in and ends the other sessions', async ({ app, client }) => {
  const other = await signedIn(app);
  const changed = await changePassword(client);
  assert.is(changed.status, 204);
  assert.ok(changed.headers.has('keyledger-position'));
  assert.is((await client.get('/v1/me')).status, 200);
  assert.is((await other.get('/v1/me')).status, 401);
  const again = app.browser();
  assert.equal(refused(await again.post('/v1/session', { email, password: goodPassword })), [
    401,
    'invalid-credentials',
  ]);
  assert.is((await again.post('/v1/session', { email, password: newPassword })).status, 200);
  assert.equal(await client.get('/v1/sessions').then(({ body }) => body.items.length), 2);
});

profile('changes the password and leaves the other sessions where that is asked', async ({ app, client }) => {
  const other = await signedIn(app);
  assert.is((await changePassword(client, { endOtherSessions: false })).status, 204);
  assert.is((await client.get('/v1/me')).status, 200);
  assert.is((await other.get('/v1/me')).status, 200);
});

profile('keeps keys through a change of password', async ({ app, client }) => {
  await setPolicy(app, 'helmut', { scoped: false });
  const { key } = (await client.post('/v1/api-keys', { name: 'ci' })).body;
  await changePassword(client);
  assert.is((await app.browser().get('/v1/me', { 'x-api-key': key })).status, 200);
});

profile('says what is wrong with a password', async ({ client }) => {
  const attempts: [object, number, string][] = [
    [{ currentPassword: 'not the password' }, 403, 'reauthentication-failed'],
    [{ confirmPassword: 'another' }, 422, 'password-confirmation-differs'],
    [{ newPassword: 'short', confirmPassword: 'short' }, 422, 'password-too-short'],
    [{ newPassword: goodPassword, confirmPassword: goodPassword }, 422, 'password-unchanged'],
    [{ newPassword: 'passwordpassword', confirmPassword: 'passwordpassword' }, 422, 'password-common'],
    [{ endOtherSessions: 'yes' }, 400, 'validation-failed'],
    [{ hint: 'x' }, 400, 'validation-failed'],
  ];
  for (const [own, status, code] of attempts)
    assert.equal(refused(await changePassword(client, own)), [status, code], JSON.stringify(own));
});

profile('lets who must change the password do that and little else', async ({ app }) => {
  await app.register({ email: 'new@example.com', mustChangePassword: true });
  const client = await signedIn(app, { email: 'new@example.com' });
  for (const path of ['/v1/session', '/v1/me', '/v1/profile']) assert.is((await client.get(path)).status, 200, path);
  const refusals = [
    await client.get('/v1/sessions'),
    await client.get('/v1/api-keys'),
    await client.patch('/v1/profile', { firstName: 'x' }),
  ];
  for (const answer of refusals) assert.equal(refused(answer), [403, 'password-change-required']);
  assert.is((await changePassword(client)).status, 204);
  assert.is((await client.get('/v1/sessions')).status, 200);
});

profile('has no password where another provider manages it', async ({ app }) => {
  const userId = await app.register({ email: 'ben@example.com', passwordHash: null, externalProvider: 'oidc' });
  const given = { userId, ownerEpoch: 0, sessionEpoch: 0, ip: null, userAgent: null, twoFactor: false } as const;
  const made = await app.sessions.open({ ...given, method: 'oidc' });
  const client = app.browser();
  const cookie = { cookie: `${app.cookies.session}=${made?.token}` };
  assert.is((await client.get('/v1/me', cookie)).body.features.password, false);
  const change = { currentPassword: goodPassword, newPassword, confirmPassword: newPassword };
  assert.equal(refused(await client.post('/v1/profile/password', change, cookie)), [409, 'externally-managed']);
});

profile.run();
