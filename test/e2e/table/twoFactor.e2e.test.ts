import * as assert from 'uvu/assert';
import { throttles } from '../../../domain/signInThrottle.ts';
import { codeAt, wrongCodeAt } from '../../support/authenticatorApp.ts';
import { type Client, clientOf, expectStatus } from '../../support/client.ts';
import { type Person, password } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';
import { refused, startTable, type TableServer } from '../../support/tableServer.ts';

const s = suite<{ of: TableServer; ada: Enrolled }>('two-factor, line by line');

const path = '/v1/profile/two-factor';

type Enrolled = Person & { readonly secret: string; readonly recoveryCodes: string[]; readonly code: () => string };

s.before(async (context) => {
  context.of = await startTable();
  context.ada = await enrol(context.of);
});
s.before.each(async ({ of }) => {
  await of.inTurn();
});
s.after(({ of }) => of.stop());

/**
 * On, and a source of codes that were not used yet: a step of the real clock is 30 s long, and the one before and the one
 * after it are accepted as well, so there are three of them. Recovery codes do where it does not matter which it is.
 */
const enrol = async (of: TableServer): Promise<Enrolled> => {
  const person = await of.person();
  const begun = expectStatus(await person.client.post(path, { password }), 200).body;
  const at = Date.now();
  const codes = [-30_000, 0, 30_000].map((off) => codeAt(begun.secret, at + off));
  const code = () => {
    const next = codes.shift();
    if (next === undefined) throw new Error('no code is left');
    return next;
  };
  expectStatus(await person.client.post(`${path}/confirm`, { code: code() }), 204);
  return { ...person, ...begun, code };
};

const signIn = async (of: TableServer, email: string, own: object = {}) => {
  const client = clientOf(of.server);
  return { client, answer: await client.post('/v1/session', { email, password, ...own }) };
};

s('all · two-factor: begun with the password, on once a code of the app was shown', async ({ of }) => {
  const { client, email } = await of.person();
  assert.equal(refused(await client.post(path, {})), [403, 'reauthentication-required']);
  assert.equal(refused(await client.post(path, { password: 'not the password' })), [403, 'reauthentication-failed']);
  const begun = expectStatus(await client.post(path, { password }), 200).body;
  assert.equal(Object.keys(begun).sort(), ['otpauthUrl', 'recoveryCodes', 'secret']);
  assert.match(begun.secret, /^[A-Z2-7]{32}$/);
  const { protocol, host, pathname, searchParams } = new URL(begun.otpauthUrl);
  assert.equal([protocol, host, decodeURIComponent(pathname)], ['otpauth:', 'totp', `/Keyledger:${email}`]);
  assert.equal([searchParams.get('secret'), searchParams.get('issuer')], [begun.secret, 'Keyledger']);
  assert.is(new Set(begun.recoveryCodes).size, 10);
  const isOn = async () => (await client.get('/v1/profile')).body.twoFactor;
  assert.is(await isOn(), false);
  const now = Date.now();
  const wrong = await client.post(`${path}/confirm`, { code: wrongCodeAt(begun.secret, now) });
  assert.equal(refused(wrong), [422, 'code-invalid']);
  expectStatus(await client.post(`${path}/confirm`, { code: codeAt(begun.secret, now) }), 204);
  assert.is(await isOn(), true);
  assert.equal(refused(await client.post(path, { password })), [409, 'two-factor-already-on']);
});

s(
  'all · two-factor: sign-in asks for the code, and no code is accepted twice',
  async ({ of, ada: { email, code } }) => {
    const asked = (await signIn(of, email)).answer;
    assert.equal([...refused(asked), asked.headers.getSetCookie()], [401, 'second-factor-required', []]);
    const good = code();
    const wrong = await signIn(of, email, { password: 'not the password', code: good });
    assert.equal(refused(wrong.answer), [401, 'invalid-credentials']);
    const { client, answer } = await signIn(of, email, { code: `${good.slice(0, 3)} ${good.slice(3)}` });
    expectStatus(answer, 200);
    assert.equal(refused((await signIn(of, email, { code: good })).answer), [401, 'invalid-credentials']);
    const { items } = (await client.get('/v1/sessions')).body;
    assert.equal(
      items.map((one: { current: boolean; twoFactor: boolean }) => [one.current, one.twoFactor]),
      [
        [true, true],
        [false, false],
      ],
    );
  },
);

s(
  'all · two-factor: a recovery code signs in once in place of the app',
  async ({ of, ada: { email, recoveryCodes } }) => {
    const code = recoveryCodes.pop()!;
    expectStatus((await signIn(of, email, { code: code.toUpperCase() })).answer, 200);
    assert.equal(refused((await signIn(of, email, { code })).answer), [401, 'invalid-credentials']);
  },
);

s('all · two-factor: a code shows again that it is you, once', async ({ ada: { client, recoveryCodes, code } }) => {
  const again = (body: object) => client.post('/v1/session/reauthenticate', body);
  assert.equal(refused(await again({ code: 'abcde-fghjk' })), [403, 'reauthentication-failed']);
  for (const used of [code(), recoveryCodes.pop()]) {
    expectStatus(await again({ code: used }), 204);
    assert.equal(refused(await again({ code: used })), [403, 'reauthentication-failed']);
  }
});

s('all · two-factor: new recovery codes take the place of the old ones', async ({ of, ada }) => {
  const { client, email, recoveryCodes } = ada;
  const renew = (body: object) => client.post(`${path}/recovery-codes`, body);
  assert.equal(refused(await renew({ password })), [400, 'validation-failed']);
  assert.equal(refused(await renew({ password, code: 'abcde-fghjk' })), [422, 'code-invalid']);
  const { body } = expectStatus(await renew({ password, code: recoveryCodes.pop() }), 200);
  assert.equal([Object.keys(body), body.recoveryCodes.length], [['recoveryCodes'], 10]);
  const old = await signIn(of, email, { code: recoveryCodes.pop() });
  assert.equal(refused(old.answer), [401, 'invalid-credentials']);
  recoveryCodes.splice(0, 10, ...body.recoveryCodes);
  expectStatus((await signIn(of, email, { code: recoveryCodes.pop() })).answer, 200);
});

const change = (client: Client, currentPassword: string, newPassword: string) =>
  client.post('/v1/profile/password', { currentPassword, newPassword, confirmPassword: newPassword });

s('all · two-factor: passwords may have 8 characters, and are changed before it is off', async ({ ada }) => {
  const short = 'vwjqkzpx';
  const { client, recoveryCodes } = ada;
  expectStatus(await change(client, password, short), 204);
  const off = () => client.post(`${path}/disable`, { password: short, code: recoveryCodes.pop() });
  const kept = await off();
  assert.equal([...refused(kept), kept.body.params], [422, 'password-too-short', { min: 15 }]);
  expectStatus(await change(client, short, password), 204);
});

s('all · two-factor: turned off by password and code', async ({ of, ada: { client, email, recoveryCodes } }) => {
  const off = (body: object) => client.post(`${path}/disable`, body);
  const code = recoveryCodes.pop();
  assert.equal(refused(await off({ password, code: 'abcde-fghjk' })), [422, 'code-invalid']);
  assert.equal(refused(await off({ password: 'not the password', code })), [403, 'reauthentication-failed']);
  expectStatus(await off({ password, code }), 204);
  assert.is((await client.get('/v1/profile')).body.twoFactor, false);
  expectStatus((await signIn(of, email)).answer, 200);
});

s('all · two-factor: throttled like passwords', async ({ of }) => {
  const { client, secret, code } = await enrol(of);
  // With a password each of them would be hashed.
  expectStatus(await client.post('/v1/session/reauthenticate', { password }), 204);
  const wrong = { code: wrongCodeAt(secret, Date.now()) };
  let tries = 0;
  let blocked = await client.post(`${path}/disable`, wrong);
  for (; blocked.status === 422 && tries < 100; tries += 1) blocked = await client.post(`${path}/disable`, wrong);
  assert.equal(refused(blocked), [429, 'too-many-requests']);
  assert.is(tries, throttles.account.free);
  const wait = Number(blocked.headers.get('retry-after'));
  assert.ok(wait > 0 && wait <= throttles.account.firstWait);
  const right = await client.post('/v1/session/reauthenticate', { code: code() });
  assert.equal(refused(right), [429, 'too-many-requests'], 'a right one too');
});

s.run();
