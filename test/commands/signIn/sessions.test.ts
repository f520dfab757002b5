import * as assert from 'uvu/assert';
import { absoluteMs, idleMs } from '../../../commands/signIn/sessions.ts';
import { userStream } from '../../../domain/user.ts';
import { createAccounts } from '../../support/accounts.ts';
import { suite } from '../../support/suite.ts';

const sessions = suite('sessions in the vault');

const minute = 60_000;

const opened = async () => {
  const accounts = createAccounts();
  const userId = await accounts.register({ email: 'ada@example.com' });
  const open = async () => {
    const made = await accounts.sessions.open({
      userId,
      ownerEpoch: 0,
      sessionEpoch: 0,
      ip: '192.0.2.1',
      userAgent: 'browser',
      method: 'password',
      twoFactor: false,
    });
    assert.ok(made);
    return made;
  };
  return { ...accounts, clock: accounts.bed.clock, vault: accounts.bed.vault, userId, open, ...(await open()) };
};

sessions('is found by its token and by nothing else', async () => {
  const { sessions: all, token, session } = await opened();
  assert.equal(await all.find(token), session);
  assert.is(await all.find(session.id), null);
  assert.is(await all.find(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`), null);
});

sessions('keeps neither the token nor who it is readable in the vault', async () => {
  const { vault, token } = await opened();
  const rows = await vault.find('session', {}, { after: null, limit: 10 });
  assert.is(rows.length, 1);
  assert.not.ok(JSON.stringify(rows).includes(token));
  assert.not.ok(JSON.stringify(rows).includes('192.0.2.1'));
});

sessions('ends when it was idle for twelve hours', async () => {
  const { sessions: all, clock, token } = await opened();
  clock.advance(idleMs - 1);
  assert.ok(await all.find(token));
  clock.advance(idleMs - 1);
  assert.ok(await all.find(token), 'being seen put the end off');
  clock.advance(idleMs);
  assert.is(await all.find(token), null);
});

sessions('ends after seven days, however busy', async () => {
  const { sessions: all, clock, token } = await opened();
  for (let passed = 0; passed + 6 * 3_600_000 < absoluteMs; passed += 6 * 3_600_000) {
    clock.advance(6 * 3_600_000);
    assert.ok(await all.find(token));
  }
  clock.advance(6 * 3_600_000);
  assert.is(await all.find(token), null);
});

sessions('is touched at most once a minute', async () => {
  const { sessions: all, clock, vault, token, session } = await opened();
  const version = async () => (await vault.find('session', {}, { after: null, limit: 1 }))[0]?.version;
  const before = await version();
  clock.advance(minute - 1);
  assert.is((await all.find(token))?.lastSeenAt, session.lastSeenAt);
  assert.is(await version(), before);
  clock.advance(1);
  assert.is((await all.find(token))?.lastSeenAt, new Date(clock.now()).toISOString());
  assert.is.not(await version(), before);
});

sessions('is not brought back by a touch that comes when it was ended', async () => {
  const { sessions: all, clock, userId, token, session } = await opened();
  clock.advance(minute);
  const [found] = await Promise.all([all.find(token), all.end(userId, session.id)]);
  void found;
  assert.is(await all.find(token), null);
});

sessions('lists those of the epochs that hold, newest first', async () => {
  const { sessions: all, clock, userId, open, session } = await opened();
  clock.advance(minute);
  const second = await open();
  const list = (ownerEpoch: number, sessionEpoch: number) => all.list(userId, { ownerEpoch, sessionEpoch });
  assert.equal(
    (await list(0, 0)).map(({ id }) => id),
    [second.session.id, session.id],
  );
  assert.equal(await list(0, 1), []);
  assert.equal(await list(1, 0), []);
});

sessions('ends one by its public id, of its own user only', async () => {
  const { sessions: all, userId, token, session } = await opened();
  assert.is(await all.end('00000000-0000-7000-8000-000000000000', session.id), false);
  assert.ok(await all.find(token));
  assert.is(await all.end(userId, session.id), true);
  assert.is(await all.end(userId, session.id), false);
  assert.is(await all.find(token), null);
});

sessions('goes on through the very event that it was to survive, and through no other', async () => {
  const { sessions: all, execute, commands, bed, store, userId, open, ...first } = await opened();
  const second = await open();
  const survive = (session: { readonly id: string }, eventId: string) =>
    all.surviveThrough(userId, session.id, { sessionEpoch: 1, revision: 1, eventId });
  await survive(first.session, 'another event');
  assert.is((await all.find(first.token))?.sessionEpoch, 0, 'not before it happened');

  await execute(commands.endAllSessions, { userId }, bed.request());
  const { events } = await store.readStream(userStream(userId), 1, 1);
  await survive(second.session, events[0]?.id ?? '');
  assert.is((await all.find(first.token))?.sessionEpoch, 0);
  assert.is((await all.find(second.token))?.sessionEpoch, 1);
  const list = await all.list(userId, { ownerEpoch: 0, sessionEpoch: 1 });
  assert.equal(
    list.map(({ id }) => id),
    [second.session.id],
  );
});

sessions('does not go on where an earlier event had ended it', async () => {
  const { sessions: all, execute, commands, bed, store, userId, token, session } = await opened();
  await execute(commands.endAllSessions, { userId }, bed.request());
  await execute(commands.endAllSessions, { userId }, bed.request());
  const { events } = await store.readStream(userStream(userId), 2, 1);
  await all.surviveThrough(userId, session.id, { sessionEpoch: 2, revision: 2, eventId: events[0]?.id ?? '' });
  assert.is((await all.find(token))?.sessionEpoch, 0);
});

sessions('of an erased person cannot be read or made', async () => {
  const { sessions: all, keys, bed, userId, token } = await opened();
  await keys.destroy(userId, bed.request().at);
  assert.is(await all.find(token), null);
  const given = { userId, ownerEpoch: 0, sessionEpoch: 0, ip: null, userAgent: null, twoFactor: false } as const;
  assert.is(await all.open({ ...given, method: 'password' }), null);
});

sessions.run();
