import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { createAccounts } from '../support/accounts.ts';
import { expectStatus } from '../support/client.ts';
import { createBed } from '../support/commandBed.ts';
import { suite } from '../support/suite.ts';
import { startWholeApp, type WholeApp } from '../support/wholeApp.ts';

const clockOff = suite<{ app: WholeApp; ownerId: string }>('a wall clock that is an hour off');

const hour = 3_600_000;

clockOff.before.each(async (context) => {
  context.app = await startWholeApp();
  await context.app.run(context.app.commands.changeKeyPolicy, { change: { preset: 'helmut', scoped: false } });
  context.ownerId = await context.app.register({ email: 'ada@example.com' });
});

clockOff.after.each(async ({ app }) => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const jump = ({ bed }: WholeApp, ms: number) => bed.clock.set(bed.clock.now() + ms);

const codeNow = ({ reader, bed }: WholeApp, text: string) => {
  const question = { hash: nodeCryptography().sha256(text), wellFormed: () => true, scopes: [], applications: null };
  return reader.proven()?.verify(question, bed.clock.now()).code ?? null;
};

const code = async (app: WholeApp, text: string) => {
  assert.ok(await app.reader.prove());
  return codeNow(app, text);
};

const makeKey = async ({ app, ownerId }: { app: WholeApp; ownerId: string }, ms: number | null = null) => {
  const expiresAt = ms === null ? null : new Date(app.bed.clock.now() + ms).toISOString();
  const made = await app.as(ownerId).post('/v1/api-keys', { name: 'ci', expiresAt });
  return expectStatus(made, 201).body as { id: string; key: string };
};

clockOff('set forward, it makes every proof too old, until the log is read again', async (context) => {
  const { app } = context;
  const { key } = await makeKey(context);
  assert.is(await code(app, key), 'valid');
  jump(app, hour);
  assert.is(codeNow(app, key), null, 'nothing is answered on what may be an hour old');
  assert.is(await code(app, key), 'valid');
});

clockOff('set back, it makes no old proof young', async (context) => {
  const { app } = context;
  const { key } = await makeKey(context);
  assert.is(await code(app, key), 'valid');
  app.stopStore(true);
  jump(app, -hour);
  app.bed.clock.advance(2_001);
  assert.is(codeNow(app, key), null);
  app.stopStore(false);
  assert.is(await code(app, key), 'valid');
});

clockOff('what was ended by a decision stays ended, whichever way it goes', async (context) => {
  const { app, ownerId } = context;
  const revoked = await makeKey(context);
  const other = await makeKey(context);
  expectStatus(await app.as(ownerId).delete(`/v1/api-keys/${revoked.id}`), 204);
  for (const ms of [-hour, 2 * hour, -hour]) {
    jump(app, ms);
    assert.is(await code(app, revoked.key), 'revoked');
    assert.is(await code(app, other.key), 'valid');
  }
  await app.run(app.commands.deactivateUser, { userId: ownerId, reason: null });
  await app.run(app.commands.reactivateUser, { userId: ownerId });
  for (const ms of [-hour, 2 * hour, -hour]) {
    jump(app, ms);
    assert.is(await code(app, other.key), 'owner-inactive');
  }
});

clockOff('an expiry that was recorded is final; before that the clock decides, and recovers', async (context) => {
  const { app, ownerId } = context;
  const { key } = await makeKey(context, hour / 2);
  assert.is(await code(app, key), 'valid');
  jump(app, hour);
  assert.is(await code(app, key), 'expired', 'too early rather than too late');
  jump(app, -hour);
  assert.is(await code(app, key), 'valid', 'it was the clock that was wrong');
  app.bed.clock.advance(hour / 2);
  assert.is(await code(app, key), 'expired');
  await app.run(app.commands.expireKeys, { ownerId });
  jump(app, -hour);
  assert.is(await code(app, key), 'expired');
});

clockOff('sessions: ended ones stay ended, idle ones are refused meanwhile and go on after', async () => {
  const bed = createBed();
  const accounts = createAccounts(bed);
  const { sessions } = accounts;
  const userId = await accounts.register({ email: 'ada@example.com' });
  const open = async () => {
    const epochs = { ownerEpoch: 0, sessionEpoch: 0 };
    const opened = await sessions.open({
      userId,
      ...epochs,
      ip: null,
      userAgent: null,
      method: 'password',
      twoFactor: false,
    });
    return opened!.token;
  };
  const set = (ms: number) => bed.clock.set(bed.clock.now() + ms);

  const [idle, signedOut] = [await open(), await open()];
  const { id } = (await sessions.find(signedOut))!;
  assert.ok(await sessions.end(userId, id));
  bed.clock.advance(11.5 * hour);
  set(hour);
  assert.is(await sessions.find(idle), null);
  assert.is(await sessions.find(signedOut), null);
  set(-hour);
  assert.ok(await sessions.find(idle), 'half an hour was left');
  set(-hour);
  assert.ok(await sessions.find(idle));
  assert.is(await sessions.find(signedOut), null);
});

clockOff.run();
