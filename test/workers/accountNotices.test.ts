import * as assert from 'uvu/assert';
import { storedEvents } from '../../api/replay.ts';
import type { Command } from '../../commands/command.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { instant } from '../../domain/instant.ts';
import { type User, userStream } from '../../domain/user.ts';
import { type UserCommand, user } from '../../domain/userDecider.ts';
import { accountNotices } from '../../workers/accountNotices.ts';
import { createMailBed, eager, memoryServer } from '../support/mailBed.ts';
import { suite } from '../support/suite.ts';
import { startWholeApp, type WholeApp } from '../support/wholeApp.ts';
import { lastPosition, runUntil, workerParts } from '../support/workerBed.ts';

const s = suite<{ app: WholeApp; ada: UserId }>('notices of changes to an account');

s.before.each(async (context) => {
  context.app = await startWholeApp({ mailServer: memoryServer });
  context.ada = await context.app.register({ email: 'ada@example.com' });
});
s.after.each(({ app }) => app.close());

/** What a decision of the user's own stream leads to, whoever may ask for it. */
const decide = (app: WholeApp, userId: UserId, decided: UserCommand) => {
  const command: Command<null, null> = {
    name: 'Decide',
    several: false,
    run: async (_, run) => {
      const step = await run.step(user, userStream(userId), (state) => user.decide(decided, state));
      return isRejection(step) ? step : { result: null };
    },
  };
  return app.run(command, null);
};

/** The worker follows the log to its end, as if for the first time. */
const follow = async (app: WholeApp, canMail = true) => {
  const worker = accountNotices({
    ...workerParts(app.bed, app, { scheduler: eager }),
    outbox: app.mails.outbox,
    canMail: async () => canMail,
    userBefore: async (userId, revision) => {
      let state: User | null = null;
      for await (const stored of storedEvents(app.store, userStream(userId), revision - 1))
        for (const event of await app.codec.openAll(stored)) state = user.evolve(state, event as never);
      return state;
    },
  });
  const end = await lastPosition(app.bed.store);
  await runUntil([worker], () => worker.state().position === end);
  assert.is(worker.state().lastError, null);
};

const queued = async (app: WholeApp) => {
  const { rows } = await app.mails.table.find({ ref: 'waiting' }, { after: null, limit: 200 });
  return rows.map(({ person, value: { template, address, params } }) => ({ person, template, address, params }));
};

const changes = async (app: WholeApp) =>
  (await queued(app)).map(({ params }) => (params as { what?: string } | null)?.what).sort();

const password = (passwordHash: string) => ({ type: 'ChangePassword', passwordHash, endOtherSessions: true }) as const;
const on = { type: 'EnableTwoFactor', secret: 's', recoveryCodeHashes: ['r'] } as const;

s('of the password, changed or set anew, and of the second factor', async ({ app, ada }) => {
  await decide(app, ada, password('other'));
  await decide(app, ada, { type: 'ResetPassword', passwordHash: 'third' });
  await decide(app, ada, on);
  await decide(app, ada, { type: 'RenewRecoveryCodes', recoveryCodeHashes: ['q'] });
  await decide(app, ada, { type: 'DisableTwoFactor', by: 'user' });
  await decide(app, ada, on);
  await decide(app, ada, { type: 'DisableTwoFactor', by: 'administrator' });
  await follow(app);
  await follow(app);
  assert.equal(await changes(app), [
    'password-changed',
    'password-reset',
    'recovery-codes',
    'two-factor-off',
    'two-factor-on',
    'two-factor-on',
    'two-factor-reset',
  ]);
  const [mail] = await queued(app);
  assert.equal([mail?.person, mail?.template, mail?.address], [ada, 'account-changed', null]);
});

s('of another address to the one from before, without a word of the new one', async ({ app, ada }) => {
  const other = { userId: ada, email: 'eve@example.net' };
  await app.run(app.commands.editUser, { ...other, profile: {} } as never);
  await follow(app);
  const mails = await queued(app);
  assert.equal(
    mails.map(({ person, template, address }) => [person, template, address]),
    [[ada, 'address-changed', 'ada@example.com']],
  );
  assert.not.match(JSON.stringify(mails), /eve/);
});

s('not of what is no change of theirs: an invitation taken up, a password under newer parameters', async ({ app }) => {
  const ben = await app.register({ email: 'ben@example.com', invite: true, passwordHash: null } as never);
  await decide(app, ben, { type: 'ResetPassword', passwordHash: 'first' });
  await decide(app, ben, { type: 'RehashPassword', from: 'first', passwordHash: 'newer' });
  await decide(app, ben, { type: 'EndAllSessions' });
  await follow(app);
  assert.equal(
    (await queued(app)).map(({ template }) => template),
    ['invitation'],
  );
});

s('not of what is old, without a mail server, to no mailbox, or of somebody erased', async ({ app, ada }) => {
  await decide(app, ada, password('other'));
  await follow(app, false);
  assert.equal(await queued(app), []);
  const root = await app.register({ email: 'admin@localhost' });
  await decide(app, root, password('other'));
  await decide(app, ada, password('third'));
  await app.run(app.commands.eraseUser, { userId: ada, reason: null });
  await app.keys.destroy(ada, instant(app.bed.clock.now()));
  app.keys.drop(ada);
  await follow(app);
  assert.equal(await queued(app), []);
  const ben = await app.register({ email: 'ben@example.com' });
  await decide(app, ben, password('other'));
  app.bed.clock.advance(8 * 24 * 3_600_000);
  await follow(app);
  assert.equal(await queued(app), []);
});

s(
  'go to the address one signs in with whatever the switch says; to an address from before, greeting nobody',
  async () => {
    const bed = createMailBed();
    const ada = await bed.register({ email: 'ada@example.com', profile: { fullName: 'Ada Example' } });
    const off = { userId: ada, email: 'other@example.com', enabled: false };
    await bed.execute(bed.mails.commands.changeNotifications, off, bed.bed.request());
    const at = instant(bed.bed.clock.now());
    const { outbox } = bed.mails;
    const params = { what: 'two-factor-off', at } as const;
    await outbox.put({ id: 'account-changed:1', userId: ada, template: 'account-changed', params });
    const address = 'before@example.com';
    await outbox.put({ id: 'address-changed:1', userId: ada, template: 'address-changed', address, params: { at } });
    await runUntil([bed.sender(bed.mailer).worker], () => bed.mailer.sent.length === 3);
    const sent = new Map(bed.mailer.sent.map(({ message }) => [message.to, message]));
    assert.match(sent.get('ada@example.com')?.text ?? '', /^Hello Ada Example,[\s\S]*no longer asks for a code/);
    assert.match(sent.get('before@example.com')?.text ?? '', /^Hello,\n[\s\S]*An administrator set another address/);
    assert.not.match(sent.get('before@example.com')?.text ?? '', /Ada|ada@/);
    assert.not.ok(sent.get('ada@example.com')?.headers['List-Unsubscribe'], 'nobody switches these off');
  },
);

s.run();
