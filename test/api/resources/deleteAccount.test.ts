import * as assert from 'uvu/assert';
import { reauthenticationMs } from '../../../commands/signIn/identity.ts';
import { goodPassword } from '../../support/accounts.ts';
import { answered, personWith, type Signed, written } from '../../support/administration.ts';
import { expectStatus } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startTestApp, type TestApp } from '../../support/testApp.ts';

const deleting = suite<{ app: TestApp; ada: Signed }>('deleting one’s own account');
const path = '/v1/profile/delete';

deleting.before.each(async (context) => {
  context.app = await startTestApp();
  context.ada = await personWith(context.app, ['member']);
});
deleting.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

deleting('ends every key and session with the answer, and frees the address', async ({ app, ada }) => {
  const admin = await personWith(app, ['admin']);
  expectStatus(await admin.client.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const { key } = expectStatus(await ada.client.post('/v1/api-keys', { name: 'ci' }), 201).body;
  const byKey = { 'x-api-key': key };
  assert.is((await app.browser().get('/v1/me', byKey)).status, 200);
  const other = app.browser();
  expectStatus(await other.post('/v1/session', { email: ada.email, password: goodPassword }), 200);

  const deleted = await ada.client.post(path, { password: goodPassword });
  assert.is(deleted.status, 202);
  assert.match(deleted.headers.get('keyledger-position') ?? '', /^[0-9a-f]+$/);
  assert.match(deleted.headers.getSetCookie()[0] ?? '', /^keyledger=; .*Max-Age=0/);
  for (const answer of [await ada.client.get('/v1/me'), await other.get('/v1/me')])
    assert.equal(answered(answer), [401, 'unauthenticated']);
  assert.equal(answered(await app.browser().get('/v1/me', byKey)), [401, 'invalid-key']);
  const again = await app.browser().post('/v1/session', { email: ada.email, password: goodPassword });
  assert.equal(answered(again), [401, 'invalid-credentials']);
  const shown = expectStatus(await admin.client.get(`/v1/admin/users/${ada.id}`), 200).body;
  assert.is(shown.status, 'deleted');
  const { events } = await app.bed.store.readStream(`user-${ada.id}`, 0, 10);
  assert.equal([events.at(-1)?.type, events.at(-1)?.metadata.actor], ['UserDeleted', { kind: 'user', id: ada.id }]);
});

deleting('asks for the password, here or shown a moment ago', async ({ app, ada }) => {
  const before = await written(app);
  assert.equal(answered(await ada.client.call('POST', path)), [403, 'reauthentication-required']);
  assert.equal(answered(await ada.client.post(path, {})), [403, 'reauthentication-required']);
  assert.equal(answered(await ada.client.post(path, { password: 'wrong' })), [403, 'reauthentication-failed']);
  const shown = () => ada.client.post('/v1/session/reauthenticate', { password: goodPassword });
  expectStatus(await shown(), 204);
  app.clock.advance(reauthenticationMs);
  assert.equal(answered(await ada.client.post(path)), [403, 'reauthentication-required']);
  assert.is(await written(app), before);
  expectStatus(await shown(), 204);
  expectStatus(await ada.client.post(path), 202);
});

deleting('is for the person alone, and not for the last administrator', async ({ app, ada }) => {
  assert.equal(answered(await app.browser().post(path, { password: goodPassword })), [401, 'unauthenticated']);
  assert.equal(answered(await ada.client.post(path, { password: goodPassword, id: ada.id })), [
    400,
    'validation-failed',
  ]);
  const [first, second] = [await personWith(app, ['admin']), await personWith(app, ['admin'])];
  expectStatus(await first.client.post(path, { password: goodPassword }), 202);
  const last = await second.client.post(path, { password: goodPassword });
  assert.equal(answered(last), [409, 'last-administrator']);
  assert.is((await second.client.get('/v1/me')).body.roles.includes('admin'), true);
});

/** Another session of somebody, as its cookie. */
const sessionOf = async (app: TestApp, { email }: Signed): Promise<string> => {
  const signedIn = expectStatus(await app.browser().post('/v1/session', { email, password: goodPassword }), 200);
  const cookie = signedIn.headers.getSetCookie().find((set) => set.startsWith(`${app.cookies.session}=`));
  return cookie!.split(';')[0]!;
};

deleting('answers a repeat, which comes without a session, as it did at first', async ({ app, ada }) => {
  const session = await sessionOf(app, ada);
  const repeat = (own: object = {}, body: object = { password: goodPassword }) =>
    app.browser().post(path, body, { cookie: session, 'idempotency-key': 'once', ...own });
  const first = expectStatus(await repeat(), 202);
  assert.is(first.headers.get('idempotency-replayed'), null);
  const before = await written(app);
  const again = expectStatus(await repeat(), 202);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  assert.is(again.headers.get('keyledger-position'), first.headers.get('keyledger-position'));
  assert.match(again.headers.getSetCookie()[0] ?? '', /^keyledger=; .*Max-Age=0/);
  assert.is(await written(app), before);

  const refused = [401, 'unauthenticated'];
  assert.equal(answered(await repeat({ 'idempotency-key': 'another' })), refused);
  assert.equal(answered(await repeat({}, { password: 'another' })), refused);
  assert.equal(answered(await repeat({ cookie: `${app.cookies.session}=${'x'.repeat(43)}` })), refused);
  assert.equal(answered(await app.browser().post(path, {}, { 'idempotency-key': 'once' })), refused);
  assert.equal(answered(await repeat({ 'sec-fetch-site': 'cross-site' })), [403, 'cross-site']);
  assert.equal(answered(await app.browser().get('/v1/profile', { cookie: session })), refused, 'it opens nothing else');
  app.clock.advance(24 * 3_600_000);
  assert.equal(answered(await repeat()), refused);
});

deleting('that was refused is no answer to whoever is signed out since', async ({ app }) => {
  const only = await personWith(app, ['admin']);
  const session = await sessionOf(app, only);
  const ask = { password: goodPassword };
  const once = { 'idempotency-key': 'once' };
  const call = async () => answered(await app.browser().post(path, ask, { ...once, cookie: session }));
  assert.equal(await call(), [409, 'last-administrator']);
  expectStatus(await only.client.post('/v1/sessions/end-all'), 204);
  assert.equal(await call(), [401, 'unauthenticated']);
});

deleting.run();
