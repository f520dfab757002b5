import * as assert from 'uvu/assert';
import { stillHolds } from '../../../commands/mail/stillHolds.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { createAccounts, from } from '../../support/accounts.ts';
import { mailsOf } from '../../support/queuedMails.ts';
import { suite } from '../../support/suite.ts';

const s = suite('what a mail says');

const email = 'ada@example.com';

s('holds no longer where its link sets no password any more', async () => {
  const accounts = createAccounts();
  const { bed, folds, tokens } = accounts;
  const ada = await accounts.register({ email });
  const ask = async () => {
    await accounts.requestPasswordReset(email, null, from(accounts, '192.0.2.1'));
    await accounts.background.settled();
    bed.clock.advance(1);
  };
  const holding = async () => {
    const person = (await accounts.load(user, userStream(ada))).state;
    assert.ok(person);
    const mails = await mailsOf(accounts);
    return Promise.all(
      mails.map(({ template, token, userId }) => {
        const mail = { template, userId, params: { token }, address: null };
        return stillHolds(folds, mail, person, bed.clock.now(), tokens.isGood);
      }),
    );
  };
  await ask();
  assert.equal(await holding(), [true]);
  await ask();
  assert.equal(await holding(), [false, true], 'another took its place');
  bed.clock.advance(3_600_000);
  assert.equal(await holding(), [false, false], 'its time is over');
  await ask();
  const [, , { token } = { token: '' }] = await mailsOf(accounts);
  const newPassword = 'purple staple lantern';
  const set = { token, newPassword, confirmPassword: newPassword };
  assert.equal(await holding(), [false, false, true]);
  await accounts.execute(accounts.commands.resetPassword, set, bed.request());
  assert.equal(await holding(), [false, false, false], 'it was used');
});

s.run();
