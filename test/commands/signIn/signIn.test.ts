import * as assert from 'uvu/assert';
import { failedWith } from '../../../commands/failure.ts';
import type { SignedIn } from '../../../commands/signIn/signIn.ts';
import { isRejection, type Rejection } from '../../../domain/decider.ts';
import { throttles } from '../../../domain/signInThrottle.ts';
import { userStream } from '../../../domain/user.ts';
import { type Accounts, createAccounts, from, goodPassword } from '../../support/accounts.ts';
import { createBed } from '../../support/commandBed.ts';
import { hashOf, oldHashOf } from '../../support/fakeHasher.ts';
import { suite } from '../../support/suite.ts';

const signIn = suite('signing in');

const home = '192.0.2.1';
const email = 'ada@example.com';

type Try = { email?: string; password?: string; code?: string; device?: string | null; ip?: string };

const attempt = (accounts: Accounts, { ip = home, ...given }: Try = {}) =>
  accounts.signIn({ email, password: goodPassword, device: null, replaces: null, ...given }, from(accounts, ip));

const signedIn = (outcome: SignedIn | Rejection): SignedIn => {
  if (isRejection(outcome)) throw new Error(`refused: ${outcome.rejected}`);
  return outcome;
};

const refusedWith = (outcome: SignedIn | Rejection): string => (isRejection(outcome) ? outcome.rejected : 'signed in');

const wrong = { password: 'not the password' };

const withAda = async () => {
  const accounts = createAccounts();
  const ada = await accounts.register({ email });
  return { ...accounts, accounts, ada };
};

signIn('opens a session of the user and records it', async () => {
  const { accounts, sessions, activities, ada } = await withAda();
  const { session, token } = signedIn(await attempt(accounts, { email: '  Ada@EXAMPLE.com ' }));
  assert.is(session.userId, ada);
  assert.is((await sessions.find(token))?.id, session.id);
  const data = { sessionId: session.id, method: 'password', twoFactor: false };
  assert.equal(await activities(ada), [{ type: 'SignedIn', data }]);
});

signIn('answers the same, after the same work, whatever is wrong', async () => {
  const { accounts, register, hasher } = await withAda();
  await register({ email: 'ben@example.com', passwordHash: null, externalProvider: 'oidc' });
  await register({ email: 'cleo@example.com', passwordHash: null, invite: true });
  const given = [wrong, { email: 'nobody@example.com' }, { email: 'no address' }];
  const others = [{ email: 'ben@example.com' }, { email: 'cleo@example.com' }];
  for (const one of [...given, ...others]) {
    assert.equal(await attempt(accounts, one), { rejected: 'invalid-credentials' }, JSON.stringify(one));
  }
  assert.is(hasher.verified.length, 5, 'each time a password was compared');
  assert.equal(hasher.verified.slice(1), [null, null, null, null]);
});

signIn('looks nobody up for an attempt that has to wait: how long that took says nothing', async () => {
  const bed = createBed();
  const looked: string[] = [];
  const store: typeof bed.store = {
    ...bed.store,
    readStream: (stream, ...page) => {
      looked.push(stream);
      return bed.store.readStream(stream, ...page);
    },
  };
  const accounts = createAccounts(bed, { store });
  await accounts.register({ email });
  for (let n = 0; n < throttles.pair.free; n += 1) await attempt(accounts, wrong);
  await accounts.background.settled();
  looked.length = 0;
  assert.is(refusedWith(await attempt(accounts)), 'too-many-requests');
  assert.equal(looked, []);
});

signIn('lets nobody in who is not active', async () => {
  const { accounts, execute, commands, bed, ada } = await withAda();
  await execute(commands.deactivateUser, { userId: ada, reason: null }, bed.request());
  assert.is(refusedWith(await attempt(accounts)), 'invalid-credentials');
  await execute(commands.reactivateUser, { userId: ada }, bed.request());
  assert.is(signedIn(await attempt(accounts)).session.ownerEpoch, 1);
  await execute(commands.deleteUser, { userId: ada, reason: null }, bed.request());
  assert.is(refusedWith(await attempt(accounts)), 'invalid-credentials');
});

signIn('asks for the second factor once the password was right', async () => {
  const codes: string[] = [];
  const accounts = createAccounts(createBed(), {
    verifyCode: async (_account, code) => {
      codes.push(code);
      return code === '123456';
    },
  });
  await accounts.turnOnTwoFactor(await accounts.register({ email }));
  assert.is(refusedWith(await attempt(accounts, wrong)), 'invalid-credentials');
  assert.is(refusedWith(await attempt(accounts)), 'second-factor-required');
  assert.is(refusedWith(await attempt(accounts, { code: '000000' })), 'invalid-credentials');
  assert.is(signedIn(await attempt(accounts, { code: '123456' })).session.twoFactor, true);
  assert.equal(codes, ['000000', '123456']);
});

signIn('without anything that checks codes lets nobody in who has a second factor', async () => {
  const { accounts, turnOnTwoFactor, ada } = await withAda();
  await turnOnTwoFactor(ada);
  assert.is(refusedWith(await attempt(accounts, { code: '123456' })), 'invalid-credentials');
});

signIn('hashes a password anew that was hashed with older parameters', async () => {
  const { accounts, register, store, background } = await withAda();
  const ben = await register({ email: 'ben@example.com', passwordHash: oldHashOf(goodPassword) });
  signedIn(await attempt(accounts, { email: 'ben@example.com' }));
  await background.settled();
  const { events } = await store.readStream(userStream(ben), 0, 10);
  assert.equal(
    events.map(({ type }) => type),
    ['UserRegistered', 'PasswordRehashed'],
  );
  signedIn(await attempt(accounts, { email: 'ben@example.com' }));
});

signIn('records the first and each tenth failure in a row, of accounts that are there', async () => {
  const { accounts, bed, activities, ada } = await withAda();
  for (let n = 0; n < 20; n += 1) {
    await attempt(accounts, { ...wrong, ip: `192.0.2.${n}` });
    await attempt(accounts, { ...wrong, email: 'nobody@example.com', ip: `192.0.2.${n}` });
  }
  const failed = (failures: number) => ({ type: 'SignInFailed', data: { failures } });
  assert.equal(await activities(ada), [failed(1), failed(10), failed(20)]);
  signedIn(await attempt(accounts));
  bed.clock.advance(1000);
  await attempt(accounts, wrong);
  assert.equal((await activities(ada)).at(-1), failed(1));
});

signIn('makes one client wait on one account, longer each time, and nobody else', async () => {
  const { accounts, bed, activities, register, ada } = await withAda();
  await register({ email: 'ben@example.com' });
  const { free, firstWait, longestWait } = throttles.pair;
  for (let n = 0; n < free; n += 1) assert.is(refusedWith(await attempt(accounts, wrong)), 'invalid-credentials');
  for (let wait = firstWait; wait <= longestWait; wait *= 2) {
    const blocked = await attempt(accounts);
    assert.equal(blocked, { rejected: 'too-many-requests', params: { retryAfterSeconds: wait } });
    bed.clock.advance(wait * 1000);
    if (wait < 8) assert.is(refusedWith(await attempt(accounts, wrong)), 'invalid-credentials');
    else break;
  }
  signedIn(await attempt(accounts, { ip: '198.51.100.1' }));
  signedIn(await attempt(accounts, { email: 'ben@example.com' }));
  signedIn(await attempt(accounts));
  assert.ok((await activities(ada)).some(({ type }) => type === 'SignInBlocked'));
});

signIn('counts an address that nobody has like one that somebody has', async () => {
  const { accounts } = await withAda();
  const outcomes = async (address: string) => {
    const all: string[] = [];
    for (let n = 0; n < throttles.pair.free + 2; n += 1)
      all.push(refusedWith(await attempt(accounts, { ...wrong, email: address })));
    return all;
  };
  assert.equal(await outcomes('nobody@example.com'), await outcomes(email));
});

signIn('takes the addresses of one IPv6 network for one client', async () => {
  const { accounts } = await withAda();
  for (let n = 0; n < throttles.pair.free; n += 1) await attempt(accounts, { ...wrong, ip: `2001:db8:0:1::${n}` });
  assert.is(refusedWith(await attempt(accounts, { ip: '2001:db8:0:1:ffff::1' })), 'too-many-requests');
  signedIn(await attempt(accounts, { ip: '2001:db8:0:2::1' }));
});

signIn('lets the owner in by their device while the account waits for everybody else', async () => {
  const { accounts, bed } = await withAda();
  const { device } = signedIn(await attempt(accounts));
  for (let n = 0; n < throttles.account.free; n += 1) await attempt(accounts, { ...wrong, ip: `198.51.100.${n}` });
  assert.is(refusedWith(await attempt(accounts)), 'too-many-requests');
  const again = signedIn(await attempt(accounts, { device }));
  assert.is(again.device, device, 'and keeps it');
  bed.clock.advance(throttles.account.firstWait * 1000);
  signedIn(await attempt(accounts));
});

signIn('does not take a device for known that signed in to another account, or never', async () => {
  const { accounts, register } = await withAda();
  await register({ email: 'ben@example.com' });
  const { device } = signedIn(await attempt(accounts, { email: 'ben@example.com' }));
  for (let n = 0; n < throttles.account.free; n += 1) await attempt(accounts, { ...wrong, ip: `198.51.100.${n}` });
  for (const shown of [device, 'A'.repeat(43), 'made up'])
    assert.is(refusedWith(await attempt(accounts, { device: shown })), 'too-many-requests');
  signedIn(await attempt(accounts, { email: 'ben@example.com', device }));
});

signIn('never makes a planted device good', async () => {
  const { accounts } = await withAda();
  const planted = 'A'.repeat(43);
  const { device } = signedIn(await attempt(accounts, { device: planted }));
  assert.is.not(device, planted);
});

signIn('makes a device wait that guesses, too', async () => {
  const { accounts } = await withAda();
  const { device } = signedIn(await attempt(accounts));
  for (let n = 0; n < throttles.device.free; n += 1) await attempt(accounts, { ...wrong, device });
  assert.is(refusedWith(await attempt(accounts, { device })), 'too-many-requests');
  signedIn(await attempt(accounts, { ip: '198.51.100.1' }));
});

signIn('hashes no more of two hundred bad attempts at once than one client may make', async () => {
  const { accounts, hasher } = await withAda();
  const { device } = signedIn(await attempt(accounts));
  hasher.verified.length = 0;
  const bad = Array.from({ length: 200 }, () => attempt(accounts, wrong));
  const owner = attempt(accounts, { device });
  const outcomes = (await Promise.all(bad)).map(refusedWith);
  signedIn(await owner);
  const hashed = outcomes.filter((outcome) => outcome === 'invalid-credentials').length;
  assert.is(hashed, throttles.pair.free);
  assert.is(outcomes.filter((outcome) => outcome === 'too-many-requests').length, 200 - hashed);
  assert.is(hasher.verified.length, hashed + 1);
});

signIn('lets no client stand in front of all others with many accounts at once', async () => {
  const { accounts, hasher } = await withAda();
  hasher.shut();
  hasher.room = 4;
  const bad = Array.from({ length: 100 }, (_, n) => attempt(accounts, { ...wrong, email: `${n}@example.com` }));
  const settled = Promise.allSettled(bad);
  const other = attempt(accounts, { ip: '198.51.100.1' });
  await hasher.waiting(3);
  hasher.open();
  signedIn(await other);
  const refused = (await settled).filter(({ status }) => status === 'rejected');
  assert.ok(refused.every((one) => one.status === 'rejected' && failedWith(one.reason, 'too-busy')));
});

signIn('lets who is known here pass strangers, however many addresses they come from', async () => {
  const { accounts, hasher } = await withAda();
  const { device } = signedIn(await attempt(accounts));
  hasher.shut();
  hasher.room = 9;
  const bad = Array.from({ length: 100 }, (_, n) =>
    attempt(accounts, { ...wrong, email: `${n}@example.com`, ip: `198.51.100.${n}` }),
  );
  const settled = Promise.allSettled(bad);
  await hasher.waiting(8);
  const owner = attempt(accounts, { device });
  await hasher.waiting(9);
  hasher.open();
  signedIn(await owner);
  const outcomes = await settled;
  assert.ok(outcomes.every((one) => one.status === 'fulfilled' || failedWith(one.reason, 'too-busy')));
  assert.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 72, 'eight at once, and 64 in line');
});

signIn('does not count an attempt that was never made', async () => {
  const { accounts, hasher } = await withAda();
  hasher.room = 0;
  for (let n = 0; n < 3 * throttles.pair.free; n += 1) {
    const failed = await attempt(accounts).catch((error: unknown) => error);
    assert.ok(failedWith(failed, 'too-busy'));
  }
  hasher.room = 1;
  signedIn(await attempt(accounts));
});

signIn('opens nothing that a password of before could still use', async () => {
  const { accounts, execute, commands, bed, hasher, ada } = await withAda();
  hasher.shut();
  const racing = attempt(accounts);
  await hasher.waiting(1);
  await execute(commands.endAllSessions, { userId: ada }, bed.request());
  hasher.open();
  const { session } = signedIn(await racing);
  assert.is(session.sessionEpoch, 0, 'the epoch that the password was compared in');
});

signIn('puts the new session in place of the one that this browser had', async () => {
  const { accounts, sessions, ada } = await withAda();
  const first = signedIn(await attempt(accounts));
  const given = { email, password: goodPassword, device: first.device, replaces: first.token };
  const second = signedIn(await accounts.signIn(given, from(accounts, home)));
  const list = await sessions.list(ada, { ownerEpoch: 0, sessionEpoch: 0 });
  assert.equal(
    list.map(({ id }) => id),
    [second.session.id],
  );
});

signIn('keeps no address and no client in what it counts', async () => {
  const { accounts, bed } = await withAda();
  await attempt(accounts, { ...wrong, email: 'nobody@example.com' });
  const rows = await bed.vault.find('throttle', {}, { after: null, limit: 10 });
  assert.is(rows.length, 3);
  assert.not.match(JSON.stringify(rows), /nobody|192\.0\.2/);
  assert.ok(rows.every(({ expiresAt }) => expiresAt !== null));
  assert.ok(!JSON.stringify(rows).includes(hashOf('not the password')));
});

signIn.run();
