import * as assert from 'uvu/assert';
import { createExpiryNotice } from '../../commands/mail/expiryNotice.ts';
import type { OutboxRow } from '../../commands/mail/outbox.ts';
import { stillHolds } from '../../commands/mail/stillHolds.ts';
import type { UserId } from '../../domain/ids.ts';
import { instant } from '../../domain/instant.ts';
import { keyringFold, keyringStream } from '../../domain/keyring.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { expiryNotices } from '../../workers/expiryNotices.ts';
import { createListReader } from '../../workers/listReader.ts';
import { ownerNotices } from '../../workers/ownerNotices.ts';
import { eager, memoryServer } from '../support/mailBed.ts';
import { suite } from '../support/suite.ts';
import { startWholeApp, type WholeApp } from '../support/wholeApp.ts';
import { lastPosition, runUntil, workerParts } from '../support/workerBed.ts';

const dayMs = 24 * 3600 * 1000;

const s = suite<{ app: WholeApp; ada: UserId }>('notices to owners of keys');

s.before.each(async (context) => {
  context.app = await startWholeApp({ mailServer: memoryServer });
  context.ada = await context.app.register({ email: 'ada@example.com' });
  await context.app.run(context.app.commands.changeKeyPolicy, { change: { preset: 'helmut', scoped: false } });
});
s.after.each(async ({ app }) => {
  await app.close();
});

const make = async (app: WholeApp, ownerId: UserId, days: number | null): Promise<string> => {
  const expiresAt = days === null ? null : instant(app.bed.clock.now() + days * dayMs);
  const input = { ownerId, name: 'ci', description: null, expiresAt, scopes: null };
  return (await app.run(app.commands.createApiKey, input as never)).keyId;
};

type Canned = { readonly canMail?: boolean; readonly noticeDays?: readonly number[]; readonly since?: string | null };

/** The worker looks once, in a process of its own. */
const look = async (app: WholeApp, { canMail = true, noticeDays = [30, 7, 1], since = null }: Canned = {}) => {
  await app.projector.catchUp();
  const { bed, mails } = app;
  const worker = expiryNotices({
    ...workerParts(bed, app, { scheduler: eager }),
    lists: bed.lists,
    reader: createListReader({ ...bed, scheduler: eager, moved: app.projector.moved }),
    noticeDays: async () => ({ days: noticeDays, since }),
    canMail: async () => canMail,
    notice: createExpiryNotice({
      folds: app.folds,
      clock: bed.clock,
      outbox: mails.outbox,
      record: async (notice) => {
        await app.run(mails.commands.recordExpiryNotice, notice);
      },
    }),
  });
  await runUntil([worker], () => worker.state().lastSuccessAt !== null);
  assert.is(worker.state().lastError, null);
};

const queued = async (app: WholeApp): Promise<readonly OutboxRow[]> =>
  (await app.mails.table.find({ ref: 'waiting' }, { after: null, limit: 200 })).rows.map(({ value }) => value);

const daysOf = async (app: WholeApp) =>
  (await queued(app)).map(({ params }) => (params as { days: number }).days).sort((a, b) => b - a);

const noticed = async (app: WholeApp, of: UserId) =>
  (await app.activities(of)).filter(({ type }) => type === 'ApiKeyExpiryNoticed').map(({ data }) => data.days);

/** Day by day, as the worker sees it, with several of it. */
const passDays = async (app: WholeApp, days: number, each?: Canned) => {
  for (let day = 0; day < days; day += 1) {
    app.bed.clock.advance(dayMs);
    await Promise.all([look(app, each), look(app, each)]);
  }
};

s('30, 7 and 1 days ahead, once each', async ({ app, ada }) => {
  const keyId = await make(app, ada, 40);
  await look(app);
  await passDays(app, 45);
  assert.equal(await daysOf(app), [30, 7, 1]);
  assert.equal(await noticed(app, ada), [30, 7, 1]);
  const [first] = await queued(app);
  assert.is((first!.params as { keyId: string }).keyId, keyId);
  assert.match((first!.params as { mask: string }).mask, /…/);
});

s('the policy says how many days', async ({ app, ada }) => {
  await make(app, ada, 40);
  const each = { noticeDays: [14, 3] };
  await look(app, each);
  await passDays(app, 42, each);
  assert.equal(await noticed(app, ada), [14, 3]);
});

s('none where the policy wants none', async ({ app, ada }) => {
  await make(app, ada, 10);
  await look(app, { noticeDays: [] });
  await passDays(app, 12, { noticeDays: [] });
  assert.equal(await queued(app), []);
});

s('not of a day that had passed when the key was made, and none of a key without an end', async ({ app, ada }) => {
  await look(app);
  await make(app, ada, 5);
  await make(app, ada, null);
  await passDays(app, 6);
  assert.equal(await noticed(app, ada), [1]);
});

const ended: { readonly [what: string]: (app: WholeApp, ada: UserId, keyId: string) => Promise<unknown> } = {
  deleted: (app, ownerId, keyId) =>
    app.run(app.commands.revokeKey, { ownerId, keyId, reason: 'owner', note: null }, ownerId),
  'revoked by an administrator': (app, ownerId, keyId) =>
    app.run(app.commands.revokeKey, { ownerId, keyId, reason: 'administrator', note: null }),
  'rotated, in grace': (app, ownerId, keyId) =>
    app.run(app.commands.rotateKey, { ownerId, keyId, graceSeconds: 86_400 } as never),
  'of an owner who was turned off': (app, userId) => app.run(app.commands.deactivateUser, { userId, reason: null }),
  'of an owner who was erased': (app, userId) => app.run(app.commands.eraseUser, { userId, reason: null }),
};

for (const [what, end] of Object.entries(ended)) {
  s(`never for a key that was ${what}`, async ({ app, ada }) => {
    await look(app);
    const keyId = await make(app, ada, 8);
    await end(app, ada, keyId);
    await passDays(app, 1);
    const mine = (await queued(app)).filter(({ params }) => (params as { keyId: string }).keyId === keyId);
    assert.equal(mine, []);
  });

  s(`what waits for a mail server is not sent of a key that was meanwhile ${what}`, async ({ app, ada }) => {
    await look(app);
    const keyId = await make(app, ada, 8);
    await passDays(app, 1);
    const [row] = await queued(app);
    assert.ok(row);
    const holds = async () => {
      const person = await app.folds.read(user, userStream(ada), ({ state }) => structuredClone(state!));
      return stillHolds(app.folds, { ...row, userId: ada }, person, app.bed.clock.now(), async () => true);
    };
    assert.is(await holds(), true);
    await end(app, ada, keyId);
    assert.is(await holds(), false);
  });
}

s('a key whose end moved is told of again, by its new end', async ({ app, ada }) => {
  await look(app);
  const keyId = await make(app, ada, 8);
  await passDays(app, 2);
  const expiresAt = instant(app.bed.clock.now() + 20 * dayMs);
  await app.run(app.commands.editKey, { ownerId: ada, keyId, expiresAt } as never);
  await passDays(app, 15);
  assert.equal(await noticed(app, ada), [7, 7]);
});

s('after a pause only the nearest number of days is told, with the days that are left', async ({ app, ada }) => {
  await look(app);
  await make(app, ada, 40);
  app.bed.clock.advance(35 * dayMs);
  await look(app);
  assert.equal(await noticed(app, ada), [7]);
  assert.equal(await daysOf(app), [5]);
});

s('without a mail server nobody counts as told, and it is made up for', async ({ app, ada }) => {
  await look(app, { canMail: false });
  await make(app, ada, 40);
  await passDays(app, 12, { canMail: false });
  assert.equal(await noticed(app, ada), []);
  await look(app);
  assert.equal(await noticed(app, ada), [30]);
  assert.equal(await daysOf(app), [28]);
});

s('where the policy says so for longer than anybody looked, what was missed is made up for', async ({ app, ada }) => {
  const since = instant(app.bed.clock.now());
  await make(app, ada, 40);
  app.bed.clock.advance(12 * dayMs);
  await look(app, { since });
  assert.equal(await noticed(app, ada), [30]);
});

s('nobody is told who wants no notices', async ({ app, ada }) => {
  await app.run(app.mails.commands.changeNotifications, { userId: ada, email: 'ada@example.com', enabled: false });
  await look(app);
  await make(app, ada, 8);
  await passDays(app, 3);
  assert.equal(await noticed(app, ada), []);
  assert.equal(await queued(app), []);
});

s('a crash between the mail and its record: one mail, one record', async ({ app, ada }) => {
  const keyId = await make(app, ada, 7);
  app.bed.clock.advance(1000);
  const expiresAt = await app.folds.read(
    keyringFold,
    keyringStream(ada),
    ({ state }) => state.keys.get(keyId)!.expiresAt!,
  );
  const { bed, mails, folds } = app;
  const notice = (record: (of: { userId: UserId; keyId: string; days: number; expiresAt: string }) => Promise<void>) =>
    createExpiryNotice({ folds, clock: bed.clock, outbox: mails.outbox, record })({
      userId: ada,
      keyId,
      days: 7,
      expiresAt,
    });
  const crashed = () => Promise.reject(new Error('crashed'));
  await notice(crashed).then(
    () => assert.unreachable(),
    () => {},
  );
  for (let i = 0; i < 3; i += 1)
    await notice(async (of) => {
      await app.run(mails.commands.recordExpiryNotice, of);
    });
  assert.is((await queued(app)).length, 1);
  assert.equal(await noticed(app, ada), [7]);
});

/** The worker follows the log to its end, as if for the first time. */
const follow = async (app: WholeApp) => {
  const worker = ownerNotices({
    ...workerParts(app.bed, app, { scheduler: eager }),
    outbox: app.mails.outbox,
    keyOf: (ownerId, keyId) =>
      app.folds.read(keyringFold, keyringStream(ownerId), ({ state }) => state.keys.get(keyId) ?? null),
    isErased: async (userId) => (await app.keys.find(userId)) === null,
  });
  const end = await lastPosition(app.bed.store);
  await runUntil([worker], () => worker.state().position === end);
};

const revoke = (app: WholeApp, ownerId: UserId, keyId: string, reason: string, note: string | null, by?: UserId) =>
  app.run(app.commands.revokeKey, { ownerId, keyId, reason, note } as never, by);

s('an owner is told of a key that an administrator revoked, with the reason given', async ({ app, ada }) => {
  const keyId = await make(app, ada, 8);
  await revoke(app, ada, keyId, 'administrator', 'left in a script');
  await follow(app);
  await follow(app);
  const mails = await queued(app);
  assert.equal(
    mails.map(({ template }) => template),
    ['key-revoked'],
  );
  const { name, note, reason } = mails[0]!.params as { name: string; note: string; reason: string };
  assert.equal([name, note, reason], ['ci', 'left in a script', 'administrator']);
});

s('an owner is told of a key that leaked', async ({ app, ada }) => {
  const keyId = await make(app, ada, 8);
  await revoke(app, ada, keyId, 'leak', 'a public repository');
  await follow(app);
  const [mail] = await queued(app);
  assert.is(mail?.template, 'key-leaked');
  assert.is((mail!.params as { source: string }).source, 'a public repository');
});

s('an owner is told of a key that ended because nobody used it', async ({ app, ada }) => {
  const keyId = await make(app, ada, 8);
  await revoke(app, ada, keyId, 'unused', null);
  await follow(app);
  const [mail] = await queued(app);
  assert.is(mail?.template, 'key-revoked');
  assert.is((mail!.params as { reason: string }).reason, 'unused');
});

s('nobody is told what they did themselves, nor what is old', async ({ app, ada }) => {
  await revoke(app, ada, await make(app, ada, 8), 'owner', null, ada);
  await revoke(app, ada, await make(app, ada, 8), 'administrator', null, ada);
  await revoke(app, ada, await make(app, ada, 8), 'administrator', null);
  app.bed.clock.advance(8 * dayMs);
  await follow(app);
  assert.equal(await queued(app), []);
});

s('nothing is kept of an owner who was erased', async ({ app, ada }) => {
  const keyId = await make(app, ada, 8);
  await revoke(app, ada, keyId, 'leak', null);
  await app.run(app.commands.eraseUser, { userId: ada, reason: null });
  await app.keys.destroy(ada, instant(app.bed.clock.now()));
  await follow(app);
  assert.equal(await app.bed.vault.find('mail', {}, { after: null, limit: 10 }), []);
});

s.run();
