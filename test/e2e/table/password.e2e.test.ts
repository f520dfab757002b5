import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { clientOf, expectStatus, signIn } from '../../support/client.ts';
import { type Person, password } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';
import { publicUrl, refused, startTable, type TableServer, tokenIn } from '../../support/tableServer.ts';

const s = suite<{ of: TableServer; ben: Person }>('passwords, line by line');

const next = 'another passphrase of length';
const both = (newPassword: string) => ({ newPassword, confirmPassword: newPassword });

s.before(async (context) => {
  context.of = await startTable();
  context.ben = await context.of.person();
});
s.after(({ of }) => of.stop());

const try_ = (of: TableServer, email: string, own: object = {}) =>
  clientOf(of.server).post('/v1/session', { email, password, ...own });

s('all · password: current, new and confirmation; other sessions end, this one and the keys stay', async ({ of }) => {
  const ada = await of.person();
  const there = await signIn(of.server, ada.email, password);
  const { key } = await of.key(ada, await of.inTurn());
  const change = (own: object = {}) =>
    ada.client.post('/v1/profile/password', { currentPassword: password, ...both(next), ...own });
  assert.equal(refused(await change({ currentPassword: 'not the password' })), [403, 'reauthentication-failed']);
  assert.equal(refused(await change({ confirmPassword: 'another' })), [422, 'password-confirmation-differs']);
  assert.equal(refused(await change({ confirmPassword: undefined })), [400, 'validation-failed']);
  expectStatus(await change(), 204);
  assert.is((await ada.client.get('/v1/me')).status, 200);
  assert.equal(refused(await there.get('/v1/me')), [401, 'unauthenticated']);
  assert.is((await clientOf(of.server, { 'x-api-key': key }).get('/v1/me')).status, 200);
  assert.equal(refused(await try_(of, ada.email)), [401, 'invalid-credentials']);
  const other = await signIn(of.server, ada.email, next);
  const back = { currentPassword: next, ...both(password), endOtherSessions: false };
  expectStatus(await ada.client.post('/v1/profile/password', back), 204);
  assert.is((await other.get('/v1/me')).status, 200, 'where one says so, the others stay');
});

s('all · password: not short, long, among the common ones, or the one there is', async ({ of, ben: { client } }) => {
  await of.inTurn();
  for (const [wanted, code, params] of [
    ['x'.repeat(14), 'password-too-short', { min: 15 }],
    ['é'.repeat(257), 'password-too-long', { max: 256 }],
    ['PasswordPassword', 'password-common', undefined],
  ] as const) {
    const answer = await client.post('/v1/profile/password', { currentPassword: password, ...both(wanted) });
    assert.equal([...refused(answer), answer.body.params], [422, code, params]);
    const made = await of.admin.post('/v1/admin/users', { email: of.address(), password: wanted, roles: [] });
    assert.equal([...refused(made), made.body.params], [422, code, params], 'an administrator chooses no other');
  }
  const same = await client.post('/v1/profile/password', { currentPassword: password, ...both(password) });
  assert.equal(refused(same), [422, 'password-unchanged']);
});

s(
  'all · password: to be changed first where an administrator says so, and nothing else goes before',
  async ({ of }) => {
    const preset = await of.inTurn();
    const { client } = await of.person({ mustChangePassword: true });
    assert.is((await client.get('/v1/session')).body.user.mustChangePassword, true);
    for (const path of ['/v1/session', '/v1/me', '/v1/profile'])
      assert.is((await client.get(path)).status, 200, `${preset} ${path}`);
    for (const path of ['/v1/api-keys', '/v1/sessions', '/v1/scopes'])
      assert.equal(refused(await client.get(path)), [403, 'password-change-required'], path);
    for (const path of ['/v1/profile/two-factor', '/v1/sessions/end-all', '/v1/api-keys'])
      assert.equal(refused(await client.post(path)), [403, 'password-change-required'], path);
    expectStatus(await client.post('/v1/profile/password', { currentPassword: password, ...both(next) }), 204);
    assert.is((await client.get('/v1/api-keys')).status, 200);
    assert.is((await client.get('/v1/profile')).body.mustChangePassword, false);
  },
);

s('all · password: reset by a mailed link, which works once, and ends every session', async ({ of }) => {
  const preset = await of.inTurn();
  const ada = await of.person();
  const { key } = await of.key(ada, preset);
  expectStatus(await of.nobody.post('/v1/password-reset', { email: ada.email.toUpperCase() }), 202);
  const mail = await of.mail(ada.email);
  assert.match(mail.text, `${publicUrl}/reset-password#token=`);
  const token = tokenIn(mail);
  const confirm = (own: object = {}) =>
    clientOf(of.server).post('/v1/password-reset/confirm', { token, ...both(next), ...own });
  assert.equal(refused(await confirm({ confirmPassword: 'x' })), [422, 'password-confirmation-differs']);
  assert.equal(refused(await confirm({ token: `${token.slice(0, -1)}~` })), [422, 'code-invalid']);
  assert.is((await ada.client.get('/v1/me')).status, 200, 'nothing has happened yet');
  const done = expectStatus(await confirm(), 204);
  assert.equal(done.headers.getSetCookie(), [], 'whoever set it signs in with it');
  assert.equal(refused(await ada.client.get('/v1/me')), [401, 'unauthenticated']);
  assert.equal(refused(await confirm()), [422, 'code-invalid']);
  assert.equal(refused(await try_(of, ada.email)), [401, 'invalid-credentials']);
  expectStatus(await try_(of, ada.email, { password: next }), 200);
  assert.is((await clientOf(of.server, { 'x-api-key': key }).get('/v1/me')).status, 200, 'keys stay');
});

s('all · password: asking for a reset says nothing of who has an address', async ({ of, ben }) => {
  await of.underEach(async (preset) => {
    const answers: unknown[] = [];
    for (const email of [ben.email, `nobody.${preset}@example.com`, 'no address', `${'x'.repeat(900)}@example.com`]) {
      const { status, body, headers } = await of.nobody.post('/v1/password-reset', { email });
      const { date: _, 'keyledger-request-id': __, ...rest } = Object.fromEntries(headers);
      answers.push({ status, body, rest });
    }
    for (const answer of answers) assert.equal(answer, answers[0]);
  });
  await of.mail(ben.email);
  assert.equal(
    of.box.received.filter(({ to }) => to.some((email) => email.startsWith('nobody'))),
    [],
  );
});

// Who is managed elsewhere signs in elsewhere: what they are shown is seen with a key that was brought over for them.
s(
  'all · password: externally managed accounts have none to change, and no section for it',
  async ({ of, ben: other }) => {
    const managed = await of.make();
    const text = 'a key that was made elsewhere, before';
    const sha256 = createHash('sha256').update(text).digest('hex');
    expectStatus(await of.admin.put('/v1/admin/policy', { preset: 'idmp' }), 200);
    const items = [{ ownerEmail: managed.email, sha256, mask: 'elsewhere', name: 'old' }];
    expectStatus(await of.admin.post('/v1/admin/api-keys/import', { items }), 200);
    const byKey = clientOf(of.server, { 'x-api-key': text });
    for (const preset of ['qalyptus', 'idmp', 'aip', 'helmut']) {
      expectStatus(await of.admin.put('/v1/admin/policy', { preset, enabled: true }), 200);
      assert.is(expectStatus(await byKey.get('/v1/me'), 200).body.features.password, false, preset);
      assert.is((await other.client.get('/v1/me')).body.features.password, true);
    }
    const on = (call: string) => of.admin.post(`/v1/admin/users/${managed.id}/${call}`);
    for (const call of ['send-password-reset', 'reset-two-factor'])
      assert.equal(refused(await on(call)), [409, 'externally-managed'], call);
    assert.equal(refused(await try_(of, managed.email)), [401, 'invalid-credentials']);
    const before = of.mailsTo(other.email).length;
    expectStatus(await of.nobody.post('/v1/password-reset', { email: managed.email }), 202);
    expectStatus(await of.nobody.post('/v1/password-reset', { email: other.email }), 202);
    await of.mail(other.email, before + 1);
    assert.equal(of.mailsTo(managed.email), [], 'what was asked for later has come');
    const both_ = { email: of.address(), password, externalProvider: 'elsewhere', roles: [] };
    assert.equal(refused(await of.admin.post('/v1/admin/users', both_)), [400, 'validation-failed']);
  },
);

s.run();
