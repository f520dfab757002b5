import * as assert from 'uvu/assert';
import type { Outcome, Request } from '../../../commands/command.ts';
import type { Session } from '../../../commands/signIn/sessions.ts';
import type { ChangePasswordInput } from '../../../commands/users/account.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { UserId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { throttles } from '../../../domain/signInThrottle.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { type Accounts, createAccounts, goodPassword } from '../../support/accounts.ts';
import { createBed } from '../../support/commandBed.ts';
import { hashOf } from '../../support/fakeHasher.ts';
import { withFaults } from '../../support/faultyEventStore.ts';
import { vaultWithFaults } from '../../support/faultyVault.ts';
import { suite } from '../../support/suite.ts';

const account = suite('an account');

const newPassword = 'purple staple lantern';

const signedIn = async (accounts: Accounts = createAccounts()) => {
  const userId = await accounts.register({ email: 'ada@example.com' });
  const open = async () => {
    const given = { userId, ownerEpoch: 0, sessionEpoch: 0, ip: null, userAgent: null, twoFactor: false } as const;
    const made = await accounts.sessions.open({ ...given, method: 'password' });
    assert.ok(made);
    return made;
  };
  const { session, token } = await open();
  const request = (own: Parameters<typeof accounts.bed.request>[0] = {}) =>
    accounts.bed.request({ actor: { kind: 'user', id: userId }, ...own });
  const change = (own: Partial<ChangePasswordInput> = {}, asked: Request = request()) =>
    accounts.execute(
      accounts.commands.changePassword,
      {
        userId,
        sessionId: session.id,
        currentPassword: goodPassword,
        newPassword,
        confirmPassword: own.newPassword ?? newPassword,
        endOtherSessions: true,
        ...own,
      },
      asked,
    );
  return { ...accounts, accounts, userId, session, token, open, request, change };
};

const codeOf = (outcome: Outcome<Json>): string => (isRejection(outcome) ? outcome.rejected : 'done');

const epochOf = async ({ load }: Accounts, userId: UserId) =>
  (await load(user, userStream(userId))).state?.sessionEpoch;

const holds = (session: Session | null, sessionEpoch: number | undefined) => session?.sessionEpoch === sessionEpoch;

account('keeps the session that changes the password and ends all others', async () => {
  const { accounts, sessions, userId, token, open, change } = await signedIn();
  const other = await open();
  assert.is(codeOf(await change()), 'done');
  const epoch = await epochOf(accounts, userId);
  assert.is(epoch, 1);
  assert.ok(holds(await sessions.find(token), epoch));
  assert.is(await sessions.find(other.token), null);
  assert.is((await sessions.list(userId, { ownerEpoch: 0, sessionEpoch: 1 })).length, 1);
});

account('keeps every session where that is asked', async () => {
  const { accounts, sessions, userId, token, open, change } = await signedIn();
  const other = await open();
  assert.is(codeOf(await change({ endOtherSessions: false })), 'done');
  assert.is(await epochOf(accounts, userId), 0);
  assert.ok(holds(await sessions.find(token), 0));
  assert.ok(holds(await sessions.find(other.token), 0));
});

account('takes no other current password', async () => {
  const { change, load, userId } = await signedIn();
  assert.is(codeOf(await change({ currentPassword: 'not the password' })), 'reauthentication-failed');
  assert.is((await load(user, userStream(userId))).state?.passwordHash, hashOf(goodPassword));
});

account('says what is wrong with a new password', async () => {
  const { change } = await signedIn();
  const refused = async (password: string, own: Partial<ChangePasswordInput> = {}) =>
    codeOf(await change({ newPassword: password, ...own }));
  assert.is(await refused(newPassword, { confirmPassword: 'another' }), 'password-confirmation-differs');
  assert.is(await refused('too short'), 'password-too-short');
  assert.is(await refused('x '.repeat(200)), 'password-too-long');
  assert.is(await refused('passwordpassword'), 'password-common');
  assert.is(await refused('PasswordPassword'), 'password-common');
  assert.is(await refused('abababababababab'), 'password-common');
  assert.is(await refused('abcdefghijklmnop'), 'password-common');
  assert.is(await refused(goodPassword), 'password-unchanged');
});

account('may have a shorter password beside a second factor', async () => {
  const { change, turnOnTwoFactor, userId } = await signedIn();
  assert.is(codeOf(await change({ newPassword: 'vwjqkzpx' })), 'password-too-short');
  await turnOnTwoFactor(userId);
  assert.is(codeOf(await change({ newPassword: 'vwjqkzp' })), 'password-too-short');
  assert.is(codeOf(await change({ newPassword: 'vwjqkzpx' })), 'done');
});

account('that is managed elsewhere has no password to change', async () => {
  const { register, execute, commands, bed } = await signedIn();
  const userId = await register({ email: 'ben@example.com', passwordHash: null, externalProvider: 'oidc' });
  const input = {
    userId,
    sessionId: 'none',
    currentPassword: goodPassword,
    newPassword,
    confirmPassword: newPassword,
    endOtherSessions: true,
  };
  assert.is(codeOf(await execute(commands.changePassword, input, bed.request())), 'externally-managed');
});

account('is not guessed from inside', async () => {
  const { change, bed } = await signedIn();
  for (let n = 0; n < throttles.device.free; n += 1)
    assert.is(codeOf(await change({ currentPassword: `guess ${n}` })), 'reauthentication-failed');
  assert.is(codeOf(await change()), 'too-many-requests');
  bed.clock.advance(throttles.device.firstWait * 1000);
  assert.is(codeOf(await change()), 'done');
});

account('changes its password once where the current one is given twice at once', async () => {
  const { accounts, change, userId } = await signedIn();
  const outcomes = await Promise.all([change(), change({ newPassword: 'yellow candle marble' })]);
  assert.equal(outcomes.map(codeOf).sort(), ['done', 'reauthentication-failed']);
  assert.is(await epochOf(accounts, userId), 1);
});

account('takes a hash made anew meanwhile for the same password', async () => {
  const { accounts, hasher, change, execute, bed, userId } = await signedIn();
  hasher.shut();
  const changing = change();
  await hasher.waiting(1);
  const rehash = {
    type: 'RehashPassword',
    from: hashOf(goodPassword),
    passwordHash: `old ${hashOf(goodPassword)}`,
  } as const;
  await execute(
    {
      name: 'Rehash',
      several: false,
      run: async (_: null, run) => {
        await run.step(user, userStream(userId), (state) => user.decide(rehash, state));
        return { result: null };
      },
    },
    null,
    bed.request(),
  );
  hasher.open();
  assert.is(codeOf(await changing), 'done');
  assert.is(await epochOf(accounts, userId), 1);
});

account('answers a repeat without asking for the password that was current before', async () => {
  const { accounts, change, request, userId } = await signedIn();
  const again = { key: 'once', body: 'the same' };
  assert.is(codeOf(await change({}, request(again))), 'done');
  const repeat = await change({}, request(again));
  assert.ok(!isRejection(repeat) && repeat.replayed);
  assert.is(await epochOf(accounts, userId), 1);
});

account('answers a repeat in another process after a crash behind the append', async () => {
  const bed = createBed();
  const { request, userId, session, token, change } = await signedIn(createAccounts(bed));
  const again = { key: 'once', body: 'the same' };
  // All that the first run leaves are its intent and its event.
  const vault = vaultWithFaults(bed.vault, ({ name, of }) =>
    name === 'put' && of[0].kind === 'intent' && of[1] !== 'absent' ? 'fail' : undefined,
  );
  const dying = createAccounts(bed, { vault });
  const input = {
    userId,
    sessionId: session.id,
    currentPassword: goodPassword,
    newPassword,
    confirmPassword: newPassword,
    endOtherSessions: true,
  };
  await dying.execute(dying.commands.changePassword, input, request(again));
  const other = createAccounts(bed);
  const repeat = await other.execute(other.commands.changePassword, input, request(again));
  assert.is(codeOf(repeat), 'done');
  assert.is(await epochOf(other, userId), 1);
  assert.ok(holds(await other.sessions.find(token), 1));
  assert.is(codeOf(await change()), 'reauthentication-failed');
});

account('keeps the session of who asked where the change came to nothing', async () => {
  const bed = createBed();
  const { userId, session, token, request } = await signedIn(createAccounts(bed));
  const store = withFaults(bed.store, { append: (stream) => (stream === userStream(userId) ? 'fail' : undefined) });
  const failing = createAccounts(bed, { store });
  const input = {
    userId,
    sessionId: session.id,
    currentPassword: goodPassword,
    newPassword,
    confirmPassword: newPassword,
    endOtherSessions: true,
  };
  const outcome = await failing.execute(failing.commands.changePassword, input, request()).catch(() => 'failed');
  assert.is(outcome, 'failed');
  const healthy = createAccounts(bed);
  assert.ok(holds(await healthy.sessions.find(token), 0), 'not ended by what did not happen');
  await healthy.execute(healthy.commands.endAllSessions, { userId }, request());
  assert.not.ok(holds(await healthy.sessions.find(token), 1), 'nor brought into an epoch that it was to survive');
});

account('shows again that it is its owner, for five minutes', async () => {
  const { identity, bed, userId, session, request } = await signedIn();
  const who = { userId, sessionId: session.id };
  const confirm = async (password?: string) => (await identity.confirm(who, password, request()))?.rejected ?? null;
  assert.is(await confirm(), 'reauthentication-required');
  assert.is(await confirm(goodPassword), null);
  assert.is(await confirm('not the password'), 'reauthentication-failed');
  assert.is(await confirm(), 'reauthentication-required', 'a password with one call is for that call');
  const wrong = await identity.reauthenticate(who, { password: 'not the password' }, request());
  assert.is(wrong?.rejected, 'reauthentication-failed');
  assert.is(await identity.reauthenticate(who, { password: goodPassword }, request()), null);
  assert.is(await confirm(), null);
  bed.clock.advance(5 * 60_000 - 1);
  assert.is(await confirm(), null);
  bed.clock.advance(1);
  assert.is(await confirm(), 'reauthentication-required');
  bed.clock.set(bed.clock.now() - 3_600_000);
  assert.is(await confirm(), 'reauthentication-required', 'a clock that was set back brings nothing back');
});

account('shows it by a code where it has a second factor', async () => {
  const verifyCode = async (_: unknown, code: string) => code === '123456';
  const { identity, turnOnTwoFactor, userId, session, request } = await signedIn(
    createAccounts(createBed(), { verifyCode }),
  );
  const who = { userId, sessionId: session.id };
  const by = async (code: string) => (await identity.reauthenticate(who, { code }, request()))?.rejected ?? null;
  assert.is(await by('123456'), 'reauthentication-failed', 'without a second factor there is no code');
  await turnOnTwoFactor(userId);
  assert.is(await by('000000'), 'reauthentication-failed');
  assert.is(await by('123456'), null);
  assert.is(await identity.confirm(who, undefined, request()), null);
});

account('ends one session and says so', async () => {
  const { execute, commands, sessions, activities, userId, open, request } = await signedIn();
  const other = await open();
  const input = { userId, sessionId: other.session.id };
  assert.is(codeOf(await execute(commands.endSession, input, request())), 'done');
  assert.is(await sessions.find(other.token), null);
  assert.is(codeOf(await execute(commands.endSession, input, request())), 'not-found');
  assert.equal(await activities(userId), [{ type: 'SessionEnded', data: { sessionId: other.session.id } }]);
});

account('ends a session although a crash came between event and row', async () => {
  const bed = createBed();
  const { userId, session, token, request } = await signedIn(createAccounts(bed));
  const vault = vaultWithFaults(bed.vault, ({ name, of }) =>
    name === 'remove' && of[0] === 'session' ? 'fail' : undefined,
  );
  const dying = createAccounts(bed, { vault });
  const input = { userId, sessionId: session.id };
  const again = { key: 'once', body: 'the same' };
  const first = await dying.execute(dying.commands.endSession, input, request(again)).catch(() => 'died');
  assert.is(first, 'died');
  assert.ok(await dying.sessions.find(token));
  const other = createAccounts(bed);
  assert.is(codeOf(await other.execute(other.commands.endSession, input, request(again))), 'done');
  assert.is(await other.sessions.find(token), null);
  assert.is((await other.activities(userId)).length, 1);
});

account('changes its profile, under If-Match where that is given', async () => {
  const { execute, commands, load, userId, request } = await signedIn();
  const change = async (changes: object, ifMatch: string | null = null) =>
    codeOf(await execute(commands.changeProfile, { userId, changes }, request({ ifMatch })));
  assert.is(await change({ firstName: ' Ada ', timeZone: 'Europe/Vienna' }, '0'), 'done');
  assert.is(await change({ firstName: 'Eve' }, '0'), 'revision-mismatch');
  assert.is(await change({ phone: '0123' }), 'validation-failed');
  const { profile, revision } = (await load(user, userStream(userId))).state ?? {};
  assert.is(profile?.firstName, 'Ada');
  assert.is(revision, 1);
});

account.run();
