import * as assert from 'uvu/assert';
import type { Core } from '../../commands/core.ts';
import { apiKeyCommands } from '../../commands/keys/apiKeys.ts';
import { isRejection } from '../../domain/decider.ts';
import { type ExpiryParts, expiryWorker } from '../../workers/expiry.ts';
import { createListReader } from '../../workers/listReader.ts';
import { type Bed, hurriedScheduler } from '../support/commandBed.ts';
import { bedWith, projectorOver } from '../support/listsBed.ts';
import { suite } from '../support/suite.ts';
import { runUntil, wholeLog, workerParts } from '../support/workerBed.ts';
import type { WorldEvent } from '../support/world.ts';

const test = suite('expiry');

const { expireKeys } = apiKeyCommands({ crypto: {} as never, secrets: {} as never, claims: {} as never });
const start = Date.UTC(2027, 0, 1);
const time = (ms: number) => new Date(start + ms).toISOString();

const register = (owner: string): WorldEvent => ({
  stream: `user-${owner}`,
  type: 'UserRegistered',
  at: time(0),
  actor: { kind: 'worker', id: null },
  data: {
    userId: owner,
    kind: 'service',
    email: null,
    claim: null,
    externalProvider: null,
    passwordHash: null,
    mustChangePassword: false,
    profile: null,
    roles: [],
    groups: [],
    organizations: [],
  },
});

const create = (owner: string, n: number, expiresAt: string | null): WorldEvent => ({
  stream: `keyring-${owner}`,
  type: 'ApiKeyCreated',
  at: time(0),
  actor: { kind: 'worker', id: null },
  data: {
    keyId: `${owner}-${n}`,
    ownerEpoch: 0,
    name: null,
    description: null,
    secretHash: `${owner}${n}`,
    mask: 'm',
    scopes: null,
    expiresAt,
    recoverable: false,
    replaces: null,
  },
});

const keys = (owners: number, each: number, expiresAt: (n: number) => string | null): WorldEvent[] =>
  Array.from({ length: owners }, (_, at) => `o${at}`).flatMap((owner) => [
    register(owner),
    ...Array.from({ length: each }, (_, n) => create(owner, n, expiresAt(n))),
  ]);

/** A process of its own, with an expiry worker and the projector it reads the list of. */
const processOver = (bed: Bed, core: Core, own: Partial<ExpiryParts> = {}) => {
  const projector = projectorOver(bed, core);
  const scheduler = own.scheduler ?? hurriedScheduler(bed.clock);
  const reader = createListReader({ ...bed, scheduler, moved: projector.moved });
  const worker = expiryWorker({
    ...workerParts(bed, core),
    lists: bed.lists,
    reader,
    expireKeys: async (ownerId) => {
      const outcome = await core.handler.execute(expireKeys, { ownerId }, bed.request());
      if (isRejection(outcome)) throw new Error(outcome.rejected);
      return outcome.result.expired > 0 ? outcome.position : null;
    },
    ...own,
  });
  return { projector, worker, reader };
};

const expired = async (bed: Bed, core: Core) =>
  (await wholeLog(bed.store, core.codec)).filter(({ type }) => type === 'ApiKeyExpired');

test('a storm of expiries is recorded once each, one append per keyring, within its budget', async () => {
  const { bed, core } = await bedWith(keys(60, 5, (n) => (n === 4 ? null : time(1_000))));
  const appends: string[] = [];
  const store = {
    ...bed.store,
    append: (...args: Parameters<typeof bed.store.append>) => {
      if (args[2][0]!.type === 'ApiKeyExpired') appends.push(args[0]);
      return bed.store.append(...args);
    },
  };
  const writing = bed.process({ store });
  const { projector, worker } = processOver(bed, writing, { rate: 200 });
  bed.clock.advance(1_000);
  const before = bed.clock.monotonic();
  await runUntil([projector, worker], async () => (await expired(bed, core)).length === 240);
  assert.is(appends.length, 60);
  assert.is(new Set(appends).size, 60);
  // 200 owners a second, ten at a time, and a pause between two such pieces.
  assert.ok(bed.clock.monotonic() - before >= 5 * 50);
});

test('two of them at once record nothing twice', async () => {
  const { bed, core } = await bedWith(keys(40, 3, () => time(1_000)));
  bed.clock.advance(5_000);
  const processes = [bed.process(), bed.process()].map((own) => processOver(bed, own));
  await runUntil(
    processes.flatMap(({ projector, worker }) => [projector, worker]),
    async () =>
      (await expired(bed, core)).length >= 120 && processes.every(({ worker }) => worker.state().status === 'running'),
  );
  const ids = (await expired(bed, core)).map(({ data }) => data.keyId);
  assert.is(ids.length, 120);
  assert.is(new Set(ids).size, 120);
});

test('wakes when the next key ends, and never sets a timer far ahead', async () => {
  const far = '9999-12-31T23:59:59.999Z';
  const { bed, core } = await bedWith(keys(1, 3, (n) => [time(3_000), far, null][n]!));
  const sleeps: number[] = [];
  const hurried = hurriedScheduler(bed.clock);
  const scheduler = {
    sleep: (ms: number, signal?: AbortSignal) => {
      sleeps.push(ms);
      return hurried.sleep(ms, signal);
    },
  };
  // The list is filled before, so that the worker alone moves the clock.
  const { projector, worker } = processOver(bed, core, { scheduler });
  await projector.catchUp();
  await runUntil([worker], async () => (await expired(bed, core)).length === 1);
  assert.is(sleeps[0], 3_000);
  const [event] = await expired(bed, core);
  assert.is(event!.data.expiresAt, time(3_000));
  await projector.catchUp();
  await runUntil([worker], () => sleeps.length > 20);
  assert.ok(sleeps.every((ms) => ms <= 60_000));
});

test('keys that ended otherwise are left alone: revoked, rotated, or with their owner', async () => {
  const actor = { kind: 'worker', id: null } as const;
  const { bed, core } = await bedWith([
    ...keys(2, 4, () => time(1_000)),
    {
      stream: 'keyring-o0',
      type: 'ApiKeyRevoked',
      at: time(1),
      actor,
      data: { keyId: 'o0-0', reason: 'owner', note: null },
    },
    {
      stream: 'keyring-o0',
      type: 'ApiKeyRotated',
      at: time(1),
      actor,
      data: { keyId: 'o0-1', newKeyId: 'o0-2', graceUntil: time(900) },
    },
    { stream: 'user-o1', type: 'UserDeactivated', at: time(1), actor, data: { ownerEpoch: 0 } },
  ]);
  bed.clock.advance(10_000);
  const asked: string[] = [];
  const { projector, worker } = processOver(bed, core, {
    expireKeys: async (ownerId) => {
      asked.push(ownerId);
      const outcome = await core.handler.execute(expireKeys, { ownerId }, bed.request());
      return isRejection(outcome) ? null : outcome.position;
    },
  });
  await runUntil([projector, worker], async () => (await expired(bed, core)).length === 2);
  assert.equal(
    (await expired(bed, core)).map(({ data }) => data.keyId),
    ['o0-2', 'o0-3'],
  );
  assert.equal([...new Set(asked)], ['o0']);
});

test('an owner whose keys cannot be recorded keeps nobody else waiting', async () => {
  const { bed, core } = await bedWith(keys(10, 1, () => time(1_000)));
  bed.clock.advance(10_000);
  let broken = true;
  const { projector, worker } = processOver(bed, core, {
    expireKeys: async (ownerId) => {
      if (broken && ownerId === 'o0') throw new Error('away');
      const outcome = await core.handler.execute(expireKeys, { ownerId }, bed.request());
      return isRejection(outcome) ? null : outcome.position;
    },
  });
  await runUntil(
    [projector, worker],
    async () => (await expired(bed, core)).length === 9 && worker.state().lastError === 'away',
  );
  broken = false;
  await runUntil([projector, worker], async () => (await expired(bed, core)).length === 10);
});

test.run();
