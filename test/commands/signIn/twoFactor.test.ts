import * as assert from 'uvu/assert';
import type { Outcome, Request } from '../../../commands/command.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { Json } from '../../../domain/json.ts';
import { throttles } from '../../../domain/signInThrottle.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { type Accounts, createAccounts, from, goodPassword } from '../../support/accounts.ts';
import { codeAt, wrongCodeAt } from '../../support/authenticatorApp.ts';
import { type Bed, createBed } from '../../support/commandBed.ts';
import { dying } from '../../support/dying.ts';
import { hashOf } from '../../support/fakeHasher.ts';
import { mailsOf } from '../../support/queuedMails.ts';
import { suite } from '../../support/suite.ts';

const s = suite('a second factor');

const email = 'ada@example.com';
const home = '192.0.2.1';

const done = <R extends Json>(outcome: Outcome<R>) => {
  if (isRejection(outcome)) throw new Error(`refused: ${outcome.rejected}`);
  return outcome;
};
type Enrolled = { readonly secret: string; readonly otpauthUrl: string; readonly recoveryCodes: readonly string[] };

const shownBy = (outcome: Outcome<Json>) => done(outcome).shown?.texts as Enrolled;

const codeOf = (outcome: Outcome<Json>): string => (isRejection(outcome) ? outcome.rejected : 'done');

/** Somebody signed in by their password. */
const withAda = async (bed: Bed = createBed(), own: { readonly passwordHash?: string } = {}) => {
  const accounts = createAccounts(bed);
  const ada = await accounts.register({ email, ...own });
  const made = await accounts.sessions.open({
    userId: ada,
    ownerEpoch: 0,
    sessionEpoch: 0,
    ip: home,
    userAgent: null,
    method: 'password',
    twoFactor: false,
  });
  assert.ok(made);
  const who = { userId: ada, sessionId: made.session.id };
  const asked = { ...who, password: goodPassword };
  const request = (again: Parameters<typeof bed.request>[0] = {}): Request =>
    bed.request({ actor: { kind: 'user', id: ada }, ...again });
  const now = () => bed.clock.now();
  const types = async () => (await bed.store.readStream(userStream(ada), 0, 100)).events.map(({ type }) => type);

  const enrol = async (by: Accounts = accounts, again?: Parameters<typeof bed.request>[0]) =>
    shownBy(await by.execute(by.commands.enrolTwoFactor, asked, request(again)));
  const confirm = (code: string, by: Accounts = accounts, again?: Parameters<typeof bed.request>[0]) =>
    by.execute(by.commands.confirmTwoFactor, { ...who, code }, request(again));
  const disable = (code: string, by: Accounts = accounts, again?: Parameters<typeof bed.request>[0]) =>
    by.execute(by.commands.disableTwoFactor, { ...asked, code }, request(again));
  const renew = (code: string, by: Accounts = accounts, again?: Parameters<typeof bed.request>[0]) =>
    by.execute(by.commands.renewRecoveryCodes, { ...asked, code }, request(again));

  /** On, and its first code used up. */
  const on = async () => {
    const enrolled = await enrol();
    done(await confirm(codeAt(enrolled.secret, now())));
    bed.clock.advance(30_000);
    return enrolled;
  };
  const state = async () => (await createAccounts(bed).load(user, userStream(ada))).state;
  const signIn = (code?: string, given: { password?: string; device?: string | null; ip?: string } = {}) =>
    accounts.signIn(
      { email, password: given.password ?? goodPassword, code, device: given.device ?? null, replaces: null },
      from(accounts, given.ip ?? home),
    );
  return { accounts, bed, ada, who, asked, request, now, types, enrol, confirm, disable, renew, on, state, signIn };
};

s('is on once a code of the secret was shown, and not before', async () => {
  const { enrol, confirm, state, now, types } = await withAda();
  const { secret, recoveryCodes, otpauthUrl } = await enrol();
  assert.is((await state())?.twoFactor, null);
  assert.is(recoveryCodes.length, 10);
  assert.ok(otpauthUrl.includes(secret));
  assert.is(codeOf(await confirm(wrongCodeAt(secret, now()))), 'code-invalid');
  assert.is(codeOf(await confirm(recoveryCodes[0]!)), 'code-invalid', 'a recovery code says nothing about the app');
  assert.is(codeOf(await confirm(codeAt(secret, now()))), 'done');
  assert.is((await state())?.twoFactor?.secret, secret);
  assert.equal(await types(), ['UserRegistered', 'TwoFactorEnabled']);
});

s('is sealed in the log and in the vault, and its recovery codes are nowhere', async () => {
  const { on, bed } = await withAda();
  const { secret, recoveryCodes } = await on();
  const kinds = ['two-factor-enrolment', 'one-time-step', 'session', 'intent', 'mail'];
  const rows = await Promise.all(kinds.map((kind) => bed.vault.find(kind, {}, { after: null, limit: 100 })));
  const stored = JSON.stringify([rows, (await bed.store.readAll(null, 1000)).events]);
  for (const text of [secret, ...recoveryCodes, ...recoveryCodes.map((code) => code.replace('-', ''))])
    assert.not.ok(stored.includes(text));
});

s('is begun by whoever shows who they are', async () => {
  const { accounts, who, request, bed } = await withAda();
  const enrol = async (own: object) =>
    codeOf(await accounts.execute(accounts.commands.enrolTwoFactor, { ...who, ...own }, request()));
  assert.is(await enrol({}), 'reauthentication-required');
  assert.is(await enrol({ password: 'not the password' }), 'reauthentication-failed');
  await accounts.identity.reauthenticate(who, { password: goodPassword }, request());
  assert.is(await enrol({}), 'done');
  bed.clock.advance(5 * 60_000);
  assert.is(await enrol({}), 'reauthentication-required');
});

s('is confirmed where it was begun, within half an hour, and the last one begun counts', async () => {
  const { accounts, ada, enrol, confirm, request, now, bed } = await withAda();
  assert.is(codeOf(await confirm('123456')), 'conflict', 'nothing was begun');
  const first = await enrol();
  const second = await enrol();
  assert.not.equal(first.secret, second.secret);
  assert.is(codeOf(await confirm(codeAt(first.secret, now()))), 'code-invalid');
  const elsewhere = { userId: ada, sessionId: 'another', code: codeAt(second.secret, now()) };
  assert.is(codeOf(await accounts.execute(accounts.commands.confirmTwoFactor, elsewhere, request())), 'conflict');
  bed.clock.advance(30 * 60_000);
  assert.is(codeOf(await confirm(codeAt(second.secret, now()))), 'conflict', 'it waited for half an hour');
});

s('that is on is not begun again', async () => {
  const { accounts, on, confirm, asked, request } = await withAda();
  await on();
  assert.is(
    codeOf(await accounts.execute(accounts.commands.enrolTwoFactor, asked, request())),
    'two-factor-already-on',
  );
  assert.is(codeOf(await confirm('123456')), 'two-factor-already-on');
});

s('is asked for at each sign-in, and the code that turned it on is used', async () => {
  const { signIn, bed, enrol, confirm, now } = await withAda();
  const { secret } = await enrol();
  const first = codeAt(secret, now());
  done(await confirm(first));
  const refused = async (code?: string) => {
    const outcome = await signIn(code);
    return isRejection(outcome) ? outcome.rejected : 'signed in';
  };
  assert.is(await refused(), 'second-factor-required');
  assert.is(await refused(first), 'invalid-credentials');
  bed.clock.advance(30_000);
  const second = codeAt(secret, now());
  const outcome = await signIn(second);
  assert.ok(!isRejection(outcome) && outcome.session.twoFactor);
  assert.is(await refused(second), 'invalid-credentials');
});

s('lets one of two in who show the same code to two processes at once', async () => {
  const bed = createBed();
  const { on, now } = await withAda(bed);
  const { secret, recoveryCodes } = await on();
  for (const code of [codeAt(secret, now()), recoveryCodes[0]!]) {
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, (_, n) => {
        const other = createAccounts(bed);
        const given = { email, password: goodPassword, code, device: null, replaces: null };
        return other.signIn(given, from(other, `198.51.100.${n}`));
      }),
    );
    assert.is(outcomes.filter((outcome) => !isRejection(outcome)).length, 1);
  }
});

s('lets somebody in by a recovery code, each once', async () => {
  const { accounts, ada, on, signIn, types, state } = await withAda();
  const { recoveryCodes } = await on();
  for (const [n, code] of recoveryCodes.entries()) {
    assert.not.ok(isRejection(await signIn(code)), code);
    assert.ok(isRejection(await signIn(code)), code);
    assert.is((await state())?.twoFactor?.recoveryCodeHashes.length, 9 - n);
  }
  assert.is((await types()).filter((type) => type === 'RecoveryCodeUsed').length, 10);
  const { events } = await accounts.store.readStream(userStream(ada), 0, 100);
  assert.equal(events.at(-1)?.metadata.actor, { kind: 'user', id: ada });
});

s('gives new recovery codes for a code, and the old ones are good for nothing', async () => {
  const { on, renew, signIn, now, state } = await withAda();
  const { secret, recoveryCodes } = await on();
  assert.is(codeOf(await renew(wrongCodeAt(secret, now()))), 'code-invalid');
  const renewed = shownBy(await renew(codeAt(secret, now()))).recoveryCodes;
  assert.is(renewed.length, 10);
  assert.ok(isRejection(await signIn(recoveryCodes[0]!)));
  assert.not.ok(isRejection(await signIn(renewed[0]!)));
  assert.is((await state())?.twoFactor?.secret, secret, 'the app goes on');
  const again = shownBy(await renew(renewed[1]!)).recoveryCodes;
  assert.is((await state())?.twoFactor?.recoveryCodeHashes.length, 10);
  assert.ok(isRejection(await signIn(renewed[1]!)), 'one that got new ones is used');
  assert.not.ok(isRejection(await signIn(again[0]!)));
});

s('is turned off by password and code, or by a recovery code', async () => {
  const { accounts, who, request, on, disable, signIn, now, types, bed } = await withAda();
  const { secret } = await on();
  assert.is(codeOf(await disable(wrongCodeAt(secret, now()))), 'code-invalid');
  const wrong = { ...who, password: 'not the password', code: codeAt(secret, now()) };
  assert.is(
    codeOf(await accounts.execute(accounts.commands.disableTwoFactor, wrong, request())),
    'reauthentication-failed',
  );
  const without = { ...who, code: codeAt(secret, now()) };
  assert.is(
    codeOf(await accounts.execute(accounts.commands.disableTwoFactor, without, request())),
    'reauthentication-required',
  );
  assert.is(codeOf(await disable(codeAt(secret, now()))), 'done', 'the code was not used by what was refused before');
  assert.not.ok(isRejection(await signIn()));
  assert.is(codeOf(await disable('123456')), 'done', 'off already');
  bed.clock.advance(30_000);
  const { recoveryCodes } = await on();
  assert.is(codeOf(await disable(recoveryCodes[3]!)), 'done');
  assert.equal((await types()).slice(1), [
    'TwoFactorEnabled',
    'TwoFactorDisabled',
    'TwoFactorEnabled',
    'RecoveryCodeUsed',
    'TwoFactorDisabled',
  ]);
});

s('is not turned off by a code that another just used for the same', async () => {
  const bed = createBed();
  const { on, disable, renew, now, types } = await withAda(bed);
  const { secret } = await on();
  const code = codeAt(secret, now());
  const outcomes = await Promise.all([disable(code, createAccounts(bed)), renew(code, createAccounts(bed))]);
  assert.is(outcomes.filter((outcome) => !isRejection(outcome)).length, 1);
  assert.is((await types()).length, 3);
});

for (const [what, act] of [
  ['turned on', 'confirm'],
  ['turned off', 'disable'],
  ['given new recovery codes', 'renew'],
] as const)
  s(`is ${what} once, whenever whoever does it dies`, async () => {
    let deaths = 0;
    for (const when of ['before', 'after'] as const)
      for (let nth = 1, died = true; died; nth += 1) {
        const bed = createBed();
        const ada = await withAda(bed);
        const { secret } = act === 'confirm' ? await ada.enrol() : await ada.on();
        const before = (await ada.types()).length;
        const code = codeAt(secret, ada.now());
        const mortal = dying(bed.store, bed.vault, nth, when);
        const again = { key: 'once', body: 'the same' };
        const first = await ada[act](code, createAccounts(bed, mortal), again).catch(() => null);
        died = mortal.fate.died;
        if (died) deaths += 1;
        const repeat = done<Json>(await ada[act](code, createAccounts(bed), again));
        if (first !== null)
          assert.equal(
            [repeat.result, repeat.shown],
            [done<Json>(first).result, done<Json>(first).shown],
            `${when} write ${nth}`,
          );
        assert.is((await ada.types()).length, before + 1, `${when} write ${nth}`);
        const other = await ada[act](code, createAccounts(bed), { key: 'another', body: 'the same' });
        if (act !== 'disable') assert.ok(isRejection(other), 'the code is used');
      }
    assert.ok(deaths >= 8, `${deaths} deaths`);
  });

s('answers the same secret to a repeat, in whatever process', async () => {
  const bed = createBed();
  const { enrol, confirm, now } = await withAda(bed);
  const again = { key: 'once', body: 'the same' };
  const first = await enrol(createAccounts(bed), again);
  assert.equal(await enrol(createAccounts(bed), again), first);
  assert.is(codeOf(await confirm(codeAt(first.secret, now()))), 'done');
});

s('is guessed neither at sign-in nor from inside, and a right password clears nothing', async () => {
  const { accounts, who, request, on, disable, signIn, now, bed } = await withAda();
  const { secret } = await on();
  const { free, firstWait } = throttles.account;
  // Half of the guesses by what asks for a password as well, which is right each time.
  for (let n = 0; n < free; n += 1) {
    const wrong = wrongCodeAt(secret, now());
    const refused =
      n % 2 === 0
        ? await disable(wrong)
        : { rejected: (await accounts.identity.reauthenticate(who, { code: wrong }, request()))?.rejected };
    assert.is('rejected' in refused && refused.rejected, n % 2 === 0 ? 'code-invalid' : 'reauthentication-failed');
    assert.is(await accounts.identity.reauthenticate(who, { password: goodPassword }, request()), null);
  }
  assert.is(codeOf(await disable(codeAt(secret, now()))), 'too-many-requests');
  assert.not.ok(isRejection(await signIn(codeAt(secret, now()))), 'whoever is inside keeps nobody from signing in');
  bed.clock.advance(firstWait * 1000);
  assert.is(codeOf(await disable(codeAt(secret, now()))), 'done');
});

s('is not guessed by somebody who knows the password, from however many addresses', async () => {
  const { on, signIn, now, bed } = await withAda();
  const { secret } = await on();
  const known = await signIn(codeAt(secret, now()));
  assert.ok(!isRejection(known));
  const { device } = known;
  const { free, firstWait } = throttles.account;
  let guesses = 0;
  for (let n = 0; n < 3 * free; n += 1) {
    // Between guesses they sign in half way, to have their guesses forgotten.
    await signIn(undefined, { ip: `203.0.113.${n}` });
    const outcome = await signIn(wrongCodeAt(secret, now()), { ip: `198.51.100.${n}` });
    assert.ok(isRejection(outcome));
    if (outcome.rejected === 'invalid-credentials') guesses += 1;
    else assert.is(outcome.rejected, 'too-many-requests');
  }
  assert.is(guesses, free);
  bed.clock.advance(firstWait * 1000 - 1);
  const owner = await signIn(codeAt(secret, now()), { device });
  assert.not.ok(isRejection(owner), 'in a browser of theirs the owner gets in meanwhile');
});

s('is not guessed from a browser that is known either', async () => {
  const { on, signIn, now, bed } = await withAda();
  const { secret } = await on();
  const known = await signIn(codeAt(secret, now()));
  assert.ok(!isRejection(known));
  let guesses = 0;
  // A week of trying as often as it is let.
  for (const end = now() + 7 * 24 * 3_600_000; now() < end; ) {
    const outcome = await signIn(wrongCodeAt(secret, now()), { device: known.device });
    assert.ok(isRejection(outcome));
    if (outcome.rejected !== 'too-many-requests') guesses += 1;
    else bed.clock.advance(Number(outcome.params?.retryAfterSeconds) * 1000);
  }
  assert.ok(guesses < 7 * 60, `${guesses} guesses`);
});

s('permits a shorter password, which is changed before it is turned off', async () => {
  const short = 'vwjqkzpx';
  const { accounts, who, on, disable, request, now } = await withAda();
  const { secret } = await on();
  const change = async (from: string, to: string) =>
    codeOf(
      await accounts.execute(
        accounts.commands.changePassword,
        { ...who, currentPassword: from, newPassword: to, confirmPassword: to, endOtherSessions: true },
        request(),
      ),
    );
  assert.is(await change(goodPassword, short), 'done');
  const off = (password: string) =>
    accounts.execute(accounts.commands.disableTwoFactor, { ...who, password, code: codeAt(secret, now()) }, request());
  const refused = await off(short);
  assert.equal(refused, { rejected: 'password-too-short', params: { min: 15 } });
  assert.is(codeOf(await off('guessed')), 'reauthentication-failed', 'nobody learns from it how long a password is');
  assert.is(await change(short, goodPassword), 'done');
  assert.is(codeOf(await disable(codeAt(secret, now()))), 'done');
});

s('that an administrator took away leaves a short password to be changed at the next sign-in', async () => {
  const short = 'vwjqkzpx';
  const { accounts, ada, on, signIn, request, bed, types } = await withAda(createBed(), {
    passwordHash: hashOf(goodPassword),
  });
  const { secret } = await on();
  const reset = () =>
    accounts.execute(accounts.commands.resetTwoFactor, { userId: ada, reason: 'lost' }, bed.request());
  const inside = await signIn(codeAt(secret, bed.clock.now()));
  assert.ok(!isRejection(inside));
  const change = (sessionId: string, from: string, to: string) =>
    accounts.execute(
      accounts.commands.changePassword,
      { userId: ada, sessionId, currentPassword: from, newPassword: to, confirmPassword: to, endOtherSessions: false },
      request(),
    );
  assert.is(codeOf(await change(inside.session.id, goodPassword, short)), 'done');
  assert.is(codeOf(await reset()), 'done');
  assert.is(codeOf(await reset()), 'done');
  assert.equal((await types()).slice(-2), ['PasswordChanged', 'TwoFactorDisabled']);
  const next = await signIn(undefined, { password: short });
  assert.ok(!isRejection(next));
  assert.is((await accounts.sessions.find(next.token))?.mustChangePassword, true);
  assert.is(codeOf(await change(next.session.id, short, 'anothershort')), 'password-too-short');
  assert.is(codeOf(await change(next.session.id, short, 'purple staple lantern')), 'done');
  assert.not.ok((await accounts.sessions.find(next.token))?.mustChangePassword);
  const last = await signIn(undefined, { password: 'purple staple lantern' });
  assert.ok(!isRejection(last) && !last.session.mustChangePassword);
});

s('turned off while a short password is being set leaves none', async () => {
  const short = 'vwjqkzpx';
  const { accounts, ada, who, on, request, bed, state } = await withAda();
  await on();
  const { commands, execute, hasher } = accounts;
  const whileHashing = async (act: () => Promise<Outcome<Json>>): Promise<string> => {
    hasher.shut();
    const acting = act();
    await hasher.waiting(1);
    await execute(commands.resetTwoFactor, { userId: ada, reason: null }, bed.request());
    hasher.open();
    return codeOf(await acting);
  };
  const passwords = { newPassword: short, confirmPassword: short };
  const change = { ...who, ...passwords, currentPassword: goodPassword, endOtherSessions: true };
  assert.is(await whileHashing(() => execute(commands.changePassword, change, request())), 'password-too-short');
  bed.clock.advance(30_000);
  await on();
  await accounts.requestPasswordReset(email, null, from(accounts, home));
  await accounts.background.settled();
  const { token = '' } = (await mailsOf(accounts)).at(-1) ?? {};
  const set = { token, ...passwords };
  assert.is(await whileHashing(() => execute(commands.resetPassword, set, bed.request())), 'password-too-short');
  assert.is((await state())?.passwordHash, hashOf(goodPassword));
});

s('is not turned off by a password that was changed meanwhile', async () => {
  const { accounts, who, on, request, now, bed, state } = await withAda();
  const { secret } = await on();
  const other = createAccounts(bed);
  const { commands, execute } = accounts;
  // Both passwords are compared, then one of the two is first.
  const changed = execute(
    commands.changePassword,
    {
      ...who,
      currentPassword: goodPassword,
      newPassword: 'vwjqkzpx',
      confirmPassword: 'vwjqkzpx',
      endOtherSessions: false,
    },
    request(),
  );
  const input = { ...who, password: goodPassword, code: codeAt(secret, now()) };
  const disabled = other.execute(other.commands.disableTwoFactor, input, request());
  const outcomes = (await Promise.all([changed, disabled])).map(codeOf);
  const { twoFactor, passwordHash } = (await state()) ?? {};
  assert.ok(twoFactor !== null || passwordHash === hashOf(goodPassword), outcomes.join());
  assert.is(outcomes.filter((code) => code === 'done').length, 1, outcomes.join());
});

s('is not for accounts that are managed elsewhere', async () => {
  const { accounts, request } = await withAda();
  const ben = await accounts.register({ email: 'ben@example.com', passwordHash: null, externalProvider: 'oidc' });
  const given = { userId: ben, sessionId: 'none', password: goodPassword, code: '123456' };
  const { commands, execute } = accounts;
  const outcomes = [
    await execute(commands.enrolTwoFactor, given, request()),
    await execute(commands.confirmTwoFactor, given, request()),
    await execute(commands.disableTwoFactor, given, request()),
    await execute(commands.renewRecoveryCodes, given, request()),
    await execute(commands.resetTwoFactor, { userId: ben, reason: null }, request()),
  ];
  assert.equal(outcomes.map(codeOf), Array(5).fill('externally-managed'));
});

s.run();
