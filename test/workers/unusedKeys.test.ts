import * as assert from 'uvu/assert';
import { Failure } from '../../commands/failure.ts';
import { endKeysCommands } from '../../commands/keys/endKeys.ts';
import { sealedTable } from '../../commands/sealing/vaultTable.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { instant } from '../../domain/instant.ts';
import { unusedBefore } from '../../domain/keyEnds.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { keyringStream } from '../../domain/keyring.ts';
import type { PolicyChange } from '../../domain/presets.ts';
import { settings } from '../../domain/settings.ts';
import { createLastUse, type UseRow } from '../../workers/lastUse.ts';
import { showLastUse } from '../../workers/lastUseFlusher.ts';
import { createListReader } from '../../workers/listReader.ts';
import { slackSeconds, type UnusedKeysParts, unusedKeys } from '../../workers/unusedKeys.ts';
import { hurriedScheduler } from '../support/commandBed.ts';
import { suite } from '../support/suite.ts';
import { startWholeApp, type WholeApp } from '../support/wholeApp.ts';
import { runUntil, workerParts } from '../support/workerBed.ts';

type Context = { app: WholeApp; ada: UserId };
const s = suite<Context>('unused keys');

const dayMs = 86_400_000;

s.before.each(async (context) => {
  context.app = await startWholeApp();
  context.ada = await context.app.register({ email: 'ada@example.com' });
});
s.after.each(({ app }) => app.close());

const policy = (app: WholeApp, change: PolicyChange) => app.run(app.commands.changeKeyPolicy, { change });
const after30 = { preset: 'helmut', scoped: false, endUnusedAfterDays: 30 } as const;

const make = async (app: WholeApp, ownerId: UserId, own: { readonly expiresAt?: string } = {}) =>
  (await app.run(app.commands.createApiKey, { ownerId, name: 'ci', ...own })).keyId;

const usesOf = (app: WholeApp) => sealedTable<UseRow>(app.bed.vault, 'last-use', app.boxes);

/** Another process that has seen a use, and writes it down. */
const used = async (app: WholeApp, ownerId: UserId, keyId: string, { listed = true } = {}) => {
  const lastUse = createLastUse({
    table: usesOf(app),
    clock: app.bed.clock,
    scheduler: hurriedScheduler(app.bed.clock),
    ...(listed && { onWritten: showLastUse(app.bed.lists) }),
  });
  lastUse.mark(keyId, ownerId, app.bed.clock.now(), null);
  assert.is(await lastUse.flush(true), 1);
};

/** One pass of the worker, over a list that holds everything. */
const pass = async (app: WholeApp, own: Partial<UnusedKeysParts> = {}) => {
  await app.projector.catchUp();
  const scheduler = hurriedScheduler(app.bed.clock);
  const { endUnusedKeys } = endKeysCommands({
    lastUseOf: async (keyId) => (await usesOf(app).get(keyId))?.value.at ?? null,
  });
  const worker = unusedKeys({
    ...workerParts(app.bed, app),
    // Pauses pass at once, the clock stands still: what is due is due by the tests' own steps.
    scheduler: { sleep: () => new Promise((resolve) => setImmediate(resolve)) },
    lists: app.bed.lists,
    reader: createListReader({ ...app.bed, scheduler, moved: app.projector.moved }),
    unusedBefore: (at) => app.folds.read(settings, policyStream, ({ state }) => unusedBefore(state, at, slackSeconds)),
    endUnused: async (ownerId, keyIds) => {
      const outcome = await app.execute(endUnusedKeys, { ownerId, keyIds, slackSeconds }, app.bed.request());
      if (isRejection(outcome)) throw new Error(outcome.rejected);
      return outcome.result.ended;
    },
    ...own,
  });
  let status = worker.state().status;
  await runUntil([worker], () => {
    status = worker.state().status;
    return status !== 'starting';
  });
  return status;
};

const revocations = async (app: WholeApp, ownerId: UserId) => {
  const { events } = await app.store.readStream(keyringStream(ownerId), 0, 1_000);
  const opened = await app.codec.openAll(events);
  return opened.flatMap(({ type, data, metadata }) =>
    type === 'ApiKeyRevoked'
      ? [{ ...(data as { keyId: string; reason: string }), at: metadata.at, policyRevision: metadata.policyRevision }]
      : [],
  );
};

const ended = async (app: WholeApp, ownerId: UserId) => (await revocations(app, ownerId)).map(({ keyId }) => keyId);

s(
  'qalyptus · administrators: inactive keys are removed, once nobody has used them for the days of the policy',
  async ({ app, ada }) => {
    await policy(app, after30);
    const keyId = await make(app, ada);
    app.bed.clock.advance(30 * dayMs);
    await pass(app);
    assert.equal(await ended(app, ada), [], 'a use may still become known');
    app.bed.clock.advance(slackSeconds * 1000 + 1);
    await pass(app);
    const [only, ...more] = await revocations(app, ada);
    assert.equal([only?.keyId, only?.reason, only?.policyRevision, more], [keyId, 'unused', 0, []]);
    await pass(app);
    assert.is((await ended(app, ada)).length, 1);
  },
);

s('never a key younger than the span, nor one that was used within it', async ({ app, ada }) => {
  await policy(app, after30);
  const old = await make(app, ada);
  const busy = await make(app, ada);
  app.bed.clock.advance(29 * dayMs);
  const young = await make(app, ada);
  await used(app, ada, busy);
  app.bed.clock.advance(2 * dayMs);
  await pass(app);
  assert.equal(await ended(app, ada), [old]);
  app.bed.clock.advance(29.5 * dayMs);
  await pass(app);
  assert.equal(await ended(app, ada), [old, busy, young]);
});

s('a use that only the vault knows of saves a key that the list shows as unused', async ({ app, ada }) => {
  await policy(app, after30);
  const keyId = await make(app, ada);
  app.bed.clock.advance(31 * dayMs);
  await app.projector.catchUp();
  await used(app, ada, keyId, { listed: false });
  let asked = 0;
  await pass(app, {
    endUnused: async (ownerId, keyIds) => {
      asked += keyIds.length;
      const { endUnusedKeys } = endKeysCommands({
        lastUseOf: async (id) => (await usesOf(app).get(id))?.value.at ?? null,
      });
      const outcome = await app.execute(endUnusedKeys, { ownerId, keyIds, slackSeconds }, app.bed.request());
      return isRejection(outcome) ? -1 : outcome.result.ended;
    },
  });
  assert.is(asked, 1);
  assert.equal(await ended(app, ada), []);
});

s('all · administrators: days after which unused keys end count from the change on', async ({ app, ada }) => {
  await policy(app, { preset: 'helmut', scoped: false });
  await make(app, ada);
  app.bed.clock.advance(300 * dayMs);
  await policy(app, { endUnusedAfterDays: 30 });
  await pass(app);
  assert.equal(await ended(app, ada), []);
  app.bed.clock.advance(31 * dayMs);
  await pass(app);
  assert.is((await ended(app, ada)).length, 1);
});

s('without a span in the policy, or while keys are off, nothing ends', async ({ app, ada }) => {
  await policy(app, after30);
  await make(app, ada);
  app.bed.clock.advance(400 * dayMs);
  for (const change of [{ endUnusedAfterDays: null }, { endUnusedAfterDays: 30, enabled: false }]) {
    await policy(app, change);
    await pass(app);
  }
  assert.equal(await ended(app, ada), []);
});

s('what has ended otherwise is left alone', async ({ app, ada }) => {
  await policy(app, after30);
  const until = (days: number) => instant(app.bed.clock.now() + days * dayMs);
  await make(app, ada, { expiresAt: until(5) });
  const revoked = await make(app, ada);
  await app.run(app.commands.revokeKey, { ownerId: ada, keyId: revoked, reason: 'owner', note: null });
  const grace = await app.register({ email: 'grace@example.com' });
  await make(app, grace);
  await app.run(app.commands.deactivateUser, { userId: grace, reason: null });
  app.bed.clock.advance(60 * dayMs);
  await pass(app);
  assert.equal(await ended(app, ada), [revoked]);
  assert.equal(await ended(app, grace), []);
});

s(
  'all of one owner in one append, of the others too, also where one of them cannot be ended now',
  async ({ app, ada }) => {
    await policy(app, after30);
    const owners = [ada];
    for (const name of ['grace', 'alan']) owners.push(await app.register({ email: `${name}@example.com` }));
    for (const owner of owners) for (let n = 0; n < 3; n += 1) await make(app, owner);
    app.bed.clock.advance(60 * dayMs);
    const { endUnusedKeys } = endKeysCommands({ lastUseOf: async () => null });
    const portions: number[] = [];
    let failing = true;
    const status = await pass(app, {
      endUnused: async (ownerId, keyIds) => {
        portions.push(keyIds.length);
        if (ownerId === owners[1] && failing) throw new Failure('store-unavailable', 'away');
        const outcome = await app.execute(endUnusedKeys, { ownerId, keyIds, slackSeconds }, app.bed.request());
        if (isRejection(outcome)) throw new Error(outcome.rejected);
        return outcome.result.ended;
      },
    });
    assert.equal(portions.slice(0, 3), [3, 3, 3]);
    assert.is(status, 'failing');
    const counts = async () => Promise.all(owners.map(async (owner) => (await ended(app, owner)).length));
    assert.equal(await counts(), [3, 0, 3]);
    const first = await revocations(app, ada);
    assert.is(new Set(first.map(({ at }) => at)).size, 1);
    failing = false;
    await pass(app);
    assert.equal(await counts(), [3, 3, 3]);
  },
);

s.run();
