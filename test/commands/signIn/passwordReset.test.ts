import * as assert from 'uvu/assert';
import type { Outcome } from '../../../commands/command.ts';
import type { Vault } from '../../../commands/ports/vault.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { UserId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { throttles } from '../../../domain/signInThrottle.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { type Accounts, createAccounts, from, goodPassword } from '../../support/accounts.ts';
import { type Bed, createBed } from '../../support/commandBed.ts';
import { dying } from '../../support/dying.ts';
import { hashOf } from '../../support/fakeHasher.ts';
import { mailsOf } from '../../support/queuedMails.ts';
import { suite } from '../../support/suite.ts';

const s = suite('a password set by mail');

const email = 'ada@example.com';
const home = '192.0.2.1';
const newPassword = 'purple staple lantern';

const codeOf = (outcome: Outcome<Json>): string => (isRejection(outcome) ? outcome.rejected : 'done');

const withAda = async (bed: Bed = createBed()) => {
  const accounts = createAccounts(bed);
  const ada = await accounts.register({ email });
  const ask = async (own: { email?: string; ip?: string; device?: string | null } = {}, by: Accounts = accounts) => {
    await by.requestPasswordReset(own.email ?? email, own.device ?? null, from(by, own.ip ?? home));
    await by.background.settled();
    bed.clock.advance(1);
  };
  /** The token of the newest mail. */
  const token = async () => (await mailsOf(accounts)).at(-1)?.token ?? 'none';
  const confirm = (
    given: string,
    own: { password?: string; confirmPassword?: string; by?: Accounts; key?: string } = {},
  ) => {
    const { password = newPassword, by = accounts, key } = own;
    const input = { token: given, newPassword: password, confirmPassword: own.confirmPassword ?? password };
    return by.execute(by.commands.resetPassword, input, bed.request(key === undefined ? {} : { key }));
  };
  const state = async () => (await createAccounts(bed).load(user, userStream(ada))).state;
  const types = async () => (await bed.store.readStream(userStream(ada), 0, 100)).events.map(({ type }) => type);
  return { accounts, bed, ada, ask, token, confirm, state, types };
};

s('is set once, ends every session, and the old one is good for nothing', async () => {
  const { accounts, ask, token, confirm, state } = await withAda();
  const signIn = (password: string) =>
    accounts.signIn({ email, password, device: null, replaces: null }, from(accounts, home));
  const before = await signIn(goodPassword);
  assert.ok(!isRejection(before));
  await ask({ email: ' ADA@Example.com ' });
  const given = await token();
  assert.is(codeOf(await confirm(given)), 'done');
  assert.is((await state())?.sessionEpoch, 1);
  assert.is(await accounts.sessions.find(before.token), null);
  assert.ok(isRejection(await signIn(goodPassword)));
  assert.not.ok(isRejection(await signIn(newPassword)));
  assert.is(codeOf(await confirm(given)), 'code-invalid');
});

s('leaves nothing of its token behind but a hash', async () => {
  const { accounts, bed, ask, token, confirm } = await withAda();
  await ask();
  const given = await token();
  const written = async () => {
    const kinds = ['password-token', 'mail', 'throttle', 'intent'];
    const rows = await Promise.all(kinds.map((kind) => bed.vault.find(kind, {}, { after: null, limit: 100 })));
    return JSON.stringify([rows, (await bed.store.readAll(null, 1000)).events]);
  };
  assert.not.ok((await written()).includes(given));
  assert.ok((await accounts.tokens.read(given)) !== null);
  const [row] = await bed.vault.find('password-token', {}, { after: null, limit: 10 });
  const opened = await accounts.boxes.open('vault password-token', row!.value, `password-token ${row!.id}`);
  assert.not.ok(opened?.includes(given.slice(22)), 'the row itself, opened, does not hold it either');
  assert.is(codeOf(await confirm(given)), 'done');
  assert.equal(await bed.vault.find('password-token', {}, { after: null, limit: 10 }), []);
});

s('takes no token but ours', async () => {
  const { ask, token, confirm, types } = await withAda();
  await ask();
  const given = await token();
  const last = given.at(-1) === 'A' ? 'B' : 'A';
  const others = [
    '',
    'none',
    given.slice(1),
    `${given}A`,
    `${given.slice(0, -1)}${last}`,
    `B${given.slice(1)}`,
    '.'.repeat(64),
  ];
  for (const other of others) assert.is(codeOf(await confirm(other)), 'code-invalid', other);
  assert.equal(await types(), ['UserRegistered']);
  assert.is(codeOf(await confirm(given)), 'done');
});

s('takes a token for an hour', async () => {
  const { bed, ask, token, confirm } = await withAda();
  await ask();
  bed.clock.advance(3_600_000 - 2);
  const late = await token();
  await ask();
  const fresh = await token();
  assert.is(codeOf(await confirm(late)), 'code-invalid', 'the newest of two is the only one');
  bed.clock.advance(3_600_000);
  assert.is(codeOf(await confirm(fresh)), 'code-invalid');
  await ask();
  assert.is(codeOf(await confirm(await token())), 'done');
});

s('takes no token from before whatever changed the account since', async () => {
  const { accounts, bed, ada, ask, token, confirm, state } = await withAda();
  const { execute, commands } = accounts;
  const change = async () => {
    const passwords = { currentPassword: goodPassword, newPassword: 'yellow candle marble', endOtherSessions: false };
    const input = { userId: ada, sessionId: 'none', ...passwords, confirmPassword: 'yellow candle marble' };
    return execute(commands.changePassword, input, bed.request());
  };
  const edit = { userId: ada, roles: undefined, groups: undefined, organizations: undefined, profile: {} };
  const changes: readonly (readonly [what: string, () => Promise<Outcome<Json>>])[] = [
    ['password', change],
    ['address', () => execute(commands.editUser, { ...edit, email: 'ada@example.org' }, bed.request())],
    ['turned off', () => execute(commands.deactivateUser, { userId: ada, reason: null }, bed.request())],
  ];
  for (const [what, act] of changes) {
    await ask();
    const given = await token();
    assert.is(codeOf(await act()), 'done', what);
    assert.is(codeOf(await confirm(given)), 'code-invalid', what);
  }
  assert.is((await state())?.sessionEpoch, 0);
  await execute(commands.reactivateUser, { userId: ada }, bed.request());
  assert.is(codeOf(await confirm(await token())), 'code-invalid', 'nor once they are turned on again');
});

s('obeys the rules for passwords, and says so to whoever has the token only', async () => {
  const { accounts, ask, token, confirm } = await withAda();
  await ask();
  const given = await token();
  const hashed = accounts.hasher.verified.length;
  assert.is(codeOf(await confirm('none', { password: 'short' })), 'code-invalid');
  assert.is(codeOf(await confirm(given, { confirmPassword: 'another' })), 'password-confirmation-differs');
  assert.equal(await confirm(given, { password: 'vwjqkzpx' }), { rejected: 'password-too-short', params: { min: 15 } });
  assert.is(codeOf(await confirm(given, { password: 'x '.repeat(200) })), 'password-too-long');
  assert.is(codeOf(await confirm(given, { password: 'PasswordPassword' })), 'password-common');
  assert.is(accounts.hasher.verified.length, hashed);
  assert.is(codeOf(await confirm(given)), 'done', 'none of these used the token up');
});

s('may be shorter beside a second factor, which stays', async () => {
  const { accounts, ada, ask, token, confirm, state } = await withAda();
  await accounts.turnOnTwoFactor(ada);
  await ask();
  assert.is(codeOf(await confirm(await token(), { password: 'vwjqkzpx' })), 'done');
  assert.ok((await state())?.twoFactor);
  const given = { email, password: 'vwjqkzpx', device: null, replaces: null };
  const outcome = await accounts.signIn(given, from(accounts, home));
  assert.is(isRejection(outcome) && outcome.rejected, 'second-factor-required');
});

s('need not be changed again where it had to be', async () => {
  const { accounts, ask, token, confirm } = await withAda();
  const ben = await accounts.register({ email: 'ben@example.com', mustChangePassword: true });
  await ask({ email: 'ben@example.com' });
  assert.is(codeOf(await confirm(await token())), 'done');
  assert.is((await accounts.load(user, userStream(ben))).state?.mustChangePassword, false);
});

s('is for nobody who signs in otherwise, or not at all', async () => {
  const { accounts, bed, ask } = await withAda();
  await accounts.register({ email: 'oidc@example.com', passwordHash: null, externalProvider: 'oidc' });
  await accounts.register({ email: 'service@example.com', passwordHash: null, kind: 'service' });
  const off = await accounts.register({ email: 'off@example.com' });
  await accounts.execute(accounts.commands.deactivateUser, { userId: off, reason: null }, bed.request());
  const gone = await accounts.register({ email: 'gone@example.com' });
  await accounts.execute(accounts.commands.deleteUser, { userId: gone, reason: null }, bed.request());
  const others = ['oidc', 'service', 'off', 'gone', 'nobody'].map((name) => `${name}@example.com`);
  for (const other of [...others, 'no address', '🙂']) await ask({ email: other, ip: '198.51.100.7' });
  assert.equal(await mailsOf(accounts), []);
  assert.equal(accounts.reports, []);
});

s('costs the same before the answer, whoever has the address', async () => {
  const bed = createBed();
  const calls: string[] = [];
  const counted =
    <A extends unknown[], R>(name: string, call: (...of: A) => Promise<R>) =>
    (...of: A) => {
      calls.push(name);
      return call(...of);
    };
  const vault: Vault = {
    ...bed.vault,
    get: counted('get', bed.vault.get),
    put: counted('put', bed.vault.put),
    find: counted('find', bed.vault.find),
  };
  const store: typeof bed.store = { ...bed.store, readStream: counted('readStream', bed.store.readStream) };
  await withAda(bed);
  const before = async (asked: string) => {
    const accounts = createAccounts(bed, { vault, store });
    calls.length = 0;
    // Nothing that was begun beside the answer gets a turn before it is there.
    let after = -1;
    const answered = accounts.requestPasswordReset(asked, null, from(accounts, '198.51.100.9')).then(() => {
      after = calls.length;
    });
    await answered;
    await accounts.background.settled();
    return { before: after, kinds: calls.slice(0, after) };
  };
  await before('first@example.com');
  const known = await before(email);
  const unknown = await before('nobody@example.com');
  const none = await before('no address');
  assert.equal(known.kinds, unknown.kinds);
  assert.equal(none.kinds, unknown.kinds);
});

s('is mailed so many times, whoever asks; a browser of theirs is not kept from it by others', async () => {
  const { accounts, ask } = await withAda();
  const { free } = throttles.account;
  for (let n = 0; n < 3 * free; n += 1) await ask({ ip: `198.51.100.${n}` });
  assert.is((await mailsOf(accounts)).length, free);
  const signedIn = await accounts.signIn(
    { email, password: goodPassword, device: null, replaces: null },
    from(accounts, home),
  );
  assert.ok(!isRejection(signedIn), 'asking for mails keeps nobody from signing in');
  await ask();
  assert.is((await mailsOf(accounts)).length, free);
  await ask({ device: signedIn.device });
  assert.is((await mailsOf(accounts)).length, free + 1);
  assert.ok(throttles.account.longestWait <= 3600, 'while others are refused, the mail before still works');
});

s('is asked for by one client so many times, for whatever addresses', async () => {
  const { accounts, ask } = await withAda();
  const { free } = throttles.client;
  for (let n = 0; n < free; n += 1) await ask({ email: `nobody.${n}@example.com` });
  await ask();
  assert.equal(await mailsOf(accounts), []);
  await ask({ ip: '198.51.100.7' });
  assert.is((await mailsOf(accounts)).length, 1);
});

s('is set by one of two who show the token to two processes at once', async () => {
  for (let n = 0; n < 5; n += 1) {
    const bed = createBed();
    const { ask, token, confirm, types } = await withAda(bed);
    await ask();
    const given = await token();
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, (_, nth) =>
        confirm(given, { by: createAccounts(bed), password: `${newPassword} ${nth}` }),
      ),
    );
    assert.equal(outcomes.map(codeOf).sort(), ['code-invalid', 'code-invalid', 'code-invalid', 'done']);
    assert.equal(await types(), ['UserRegistered', 'PasswordReset']);
  }
});

s('is set once, whenever whoever sets it dies', async () => {
  let deaths = 0;
  for (const when of ['before', 'after'] as const)
    for (let nth = 1, died = true; died; nth += 1) {
      const bed = createBed();
      const { ask, token, confirm, types, state } = await withAda(bed);
      await ask();
      const given = await token();
      const mortal = dying(bed.store, bed.vault, nth, when);
      await confirm(given, { by: createAccounts(bed, mortal), key: 'once' }).catch(() => null);
      died = mortal.fate.died;
      if (died) deaths += 1;
      assert.is(codeOf(await confirm(given, { by: createAccounts(bed), key: 'once' })), 'done', `${when} write ${nth}`);
      assert.equal(await types(), ['UserRegistered', 'PasswordReset']);
      assert.is((await state())?.passwordHash, hashOf(newPassword));
      const other = await confirm(given, { by: createAccounts(bed), key: 'another' });
      assert.is(codeOf(other), 'code-invalid', 'the token is used');
    }
  assert.ok(deaths >= 8, `${deaths} deaths`);
});

const invite = (accounts: Accounts, address = 'ben@example.com') =>
  accounts.register({ email: address, passwordHash: null, invite: true });

s('of somebody invited makes them active', async () => {
  const { accounts, bed, confirm, token } = await withAda();
  const ben = await invite(accounts);
  const [mail, ...others] = await mailsOf(accounts);
  assert.equal([mail?.template, mail?.userId, others], ['invitation', ben, []]);
  bed.clock.advance(7 * 24 * 3_600_000 - 1);
  assert.is(codeOf(await confirm(await token())), 'done');
  const account = (await accounts.load(user, userStream(ben))).state;
  assert.equal([account?.status, account?.accepted, account?.passwordHash], ['active', true, hashOf(newPassword)]);
  assert.is(codeOf(await confirm(await token())), 'code-invalid');
});

s('of somebody invited is not set a week later, nor by asking oneself for another mail', async () => {
  const { accounts, bed, ask, confirm, token } = await withAda();
  const ben = await invite(accounts);
  await ask({ email: 'ben@example.com' });
  assert.is((await mailsOf(accounts)).length, 1);
  bed.clock.advance(7 * 24 * 3_600_000);
  assert.is(codeOf(await confirm(await token())), 'code-invalid');
  const send = () => accounts.execute(accounts.commands.sendPasswordReset, { userId: ben }, bed.request());
  assert.is(codeOf(await send()), 'done');
  const mails = await mailsOf(accounts);
  assert.equal(
    mails.map(({ template }) => template),
    ['invitation', 'invitation'],
  );
  assert.is(codeOf(await confirm(mails[0]!.token)), 'code-invalid', 'the newest invitation is the only one');
  assert.is(codeOf(await confirm(mails[1]!.token)), 'done');
});

s('of somebody invited and turned off is not set', async () => {
  const { accounts, bed, confirm, token } = await withAda();
  const ben = await invite(accounts);
  const { execute, commands } = accounts;
  await execute(commands.deactivateUser, { userId: ben, reason: null }, bed.request());
  assert.is(codeOf(await confirm(await token())), 'code-invalid');
  assert.is(codeOf(await execute(commands.sendPasswordReset, { userId: ben }, bed.request())), 'conflict');
});

s('is mailed to somebody invited, whenever whoever invites them dies', async () => {
  let deaths = 0;
  for (const when of ['before', 'after'] as const)
    for (let nth = 1, died = true; died; nth += 1) {
      const bed = createBed();
      const healthy = createAccounts(bed);
      const mortal = dying(bed.store, bed.vault, nth, when);
      const first = createAccounts(bed, mortal);
      const answered = await invite(first).catch(() => null);
      died = mortal.fate.died;
      if (died) deaths += 1;
      const begun = (await bed.vault.find('intent', {}, { after: null, limit: 10 })).length > 0;
      const { failed } = await healthy.handler.finishIntents(
        { RegisterUser: healthy.commands.registerUser as never },
        0,
      );
      assert.is(failed, 0);
      const mails = await mailsOf(healthy);
      assert.is(mails.length, answered !== null || begun || mails.length > 0 ? 1 : 0, `${when} write ${nth}`);
      const events = (await bed.store.readAll(null, 100)).events.map(({ type }) => type);
      assert.is(events.includes('UserInvited'), mails.length > 0, `${when} write ${nth}`);
      if (mails.length === 0) continue;
      const input = { token: mails[0]!.token, newPassword, confirmPassword: newPassword };
      assert.is(codeOf(await healthy.execute(healthy.commands.resetPassword, input, bed.request())), 'done');
    }
  assert.ok(deaths >= 12, `${deaths} deaths`);
});

s('is mailed by an administrator once for the same Idempotency-Key', async () => {
  const { accounts, ada, bed, confirm, token } = await withAda();
  const send = (key: string) =>
    accounts.execute(accounts.commands.sendPasswordReset, { userId: ada }, bed.request({ key }));
  assert.is(codeOf(await send('one')), 'done');
  assert.is(codeOf(await send('one')), 'done');
  assert.equal(
    (await mailsOf(accounts)).map(({ template }) => template),
    ['password-reset'],
  );
  assert.is(codeOf(await confirm(await token())), 'done');
});

s('is mailed by an administrator to nobody who has none', async () => {
  const { accounts, bed } = await withAda();
  const { execute, commands, register } = accounts;
  const send = async (userId: UserId) => codeOf(await execute(commands.sendPasswordReset, { userId }, bed.request()));
  assert.is(await send('nobody'), 'not-found');
  assert.is(
    await send(await register({ email: 'oidc@example.com', passwordHash: null, externalProvider: 'oidc' })),
    'externally-managed',
  );
  assert.is(await send(await register({ email: 's@example.com', passwordHash: null, kind: 'service' })), 'conflict');
  const gone = await register({ email: 'gone@example.com' });
  await execute(commands.deleteUser, { userId: gone, reason: null }, bed.request());
  assert.is(await send(gone), 'already-ended');
  assert.equal(await mailsOf(accounts), []);
});

s('goes with whoever is erased', async () => {
  const { accounts, bed, ada, ask, token, confirm } = await withAda();
  await ask();
  const given = await token();
  await accounts.execute(accounts.commands.eraseUser, { userId: ada, reason: null }, bed.request());
  await accounts.keys.destroy(ada, bed.request().at);
  await bed.vault.purgePerson(ada);
  assert.is(codeOf(await confirm(given, { by: createAccounts(bed) })), 'code-invalid');
});

s.run();
