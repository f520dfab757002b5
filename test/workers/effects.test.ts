import * as assert from 'uvu/assert';
import type { Core } from '../../commands/core.ts';
import { apiKeyCommands } from '../../commands/keys/apiKeys.ts';
import { keySecretKind } from '../../commands/keys/keySecrets.ts';
import { isRejection } from '../../domain/decider.ts';
import { keyringFold } from '../../domain/keyring.ts';
import { presets } from '../../domain/presets.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { emailClaims } from '../../workers/emailClaims.ts';
import { eraser, erasureWatcher } from '../../workers/eraser.ts';
import { intentsFinisher } from '../../workers/intentsFinisher.ts';
import { type CloseKeyring, keyringCloser } from '../../workers/keyringCloser.ts';
import { secretShredder, shredLaterKind } from '../../workers/secretShredder.ts';
import { vaultTidier } from '../../workers/vaultTidier.ts';
import type { Bed } from '../support/commandBed.ts';
import { bedWith } from '../support/listsBed.ts';
import { suite } from '../support/suite.ts';
import { lastPosition, runUntil, until, wholeLog, workerParts } from '../support/workerBed.ts';
import { someWorld, type WorldEvent, writeWorld } from '../support/world.ts';

const test = suite('effects');

const keyring = apiKeyCommands({ crypto: {} as never, secrets: {} as never, claims: {} as never });

const closing =
  (bed: Bed, core: Core): CloseKeyring =>
  async (input, cause) => {
    const outcome = await core.handler.execute(keyring.closeKeyring, input, bed.request(cause));
    if (isRejection(outcome)) throw new Error(outcome.rejected);
  };

test('every ended epoch is closed in its keyring once, with two closers running', async () => {
  const { bed, core } = await bedWith(someWorld(150).filter(({ type }) => type !== 'KeyringClosed'));
  const other = bed.process();
  const closers = [core, other].map((mine) =>
    keyringCloser({ ...workerParts(bed, mine), closeKeyring: closing(bed, mine) }),
  );
  const events = await wholeLog(bed.store, core.codec);
  const ends = events.filter(({ type }) => ['UserDeactivated', 'UserDeleted', 'UserErased'].includes(type));
  assert.ok(ends.length > 3);
  await runUntil(closers, async () => {
    const end = await lastPosition(bed.store);
    return closers.every((closer) => closer.state().position === end);
  });
  const closed = (await wholeLog(bed.store, core.codec)).filter(({ type }) => type === 'KeyringClosed');
  assert.equal(
    closed.map(({ stream, data, metadata }) => [stream, data.ownerEpoch, data.endedAt, metadata.causationId]).sort(),
    ends
      .map(({ stream, data, metadata, eventId }) => [
        stream.replace('user-', 'keyring-'),
        data.ownerEpoch,
        metadata.at,
        eventId,
      ])
      .sort(),
  );
  for (const { stream, data } of closed) {
    const state = await core.folds.read(keyringFold, stream, ({ state: { epoch } }) => epoch);
    assert.ok(state > (data.ownerEpoch as number));
  }
});

const at = '2027-01-01T00:00:00.000Z';
const byWorker = { actor: { kind: 'worker', id: null }, at } as const;

test('claims are completed, addresses that were left or whose user is gone are released', async () => {
  const committed = { type: 'EmailChanged', data: { email: 'new@example.com', claim: 'c2', previousClaim: 'c1' } };
  const history: WorldEvent[] = [
    {
      ...byWorker,
      stream: 'emailClaim-c2',
      type: 'EmailClaimed',
      data: { userId: 'u1', committedEventId: 'e2', committed },
    },
    {
      ...byWorker,
      stream: 'user-u1',
      type: 'EmailChanged',
      data: { email: 'new@example.com', claim: 'c2', previousClaim: 'c1' },
    },
    {
      ...byWorker,
      stream: 'user-u1',
      type: 'EmailChanged',
      data: { email: 'new@example.com', claim: 'c2', previousClaim: null },
    },
    { ...byWorker, stream: 'user-u1', type: 'UserDeleted', data: { ownerEpoch: 0 } },
    { ...byWorker, stream: 'user-u2', type: 'UserErased', data: { ownerEpoch: 0 } },
    {
      ...byWorker,
      stream: 'emailClaim-c3',
      type: 'EmailClaimed',
      data: { userId: 'u2', committedEventId: 'e3', committed: null },
    },
  ];
  const { bed, core } = await bedWith([]);
  await core.keys.ensure('u1');
  await core.keys.ensure('u2');
  await writeWorld(core, bed.store, history);
  const calls: unknown[] = [];
  const worker = emailClaims({
    ...workerParts(bed, core),
    completeClaim: async (claim) => void calls.push(['complete', claim]),
    releaseEmail: async (release) => void calls.push(['release', release]),
    releaseEmailOf: async (userId) => void calls.push(['release all', userId]),
  });
  await runUntil([worker], () => calls.length === 5);
  assert.equal(calls, [
    ['complete', { claim: 'c2', userId: 'u1', committedEventId: 'e2', committed }],
    ['release', { claim: 'c1', userId: 'u1' }],
    ['release all', 'u1'],
    ['release all', 'u2'],
    ['complete', { claim: 'c3', userId: 'u2', committedEventId: 'e3', committed: null }],
  ]);
});

const keyMadeAt = (ms: number, n: number) => {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
};

test('the text of a key goes when the key ends, after its grace, and with the policy', async () => {
  const { bed, core } = await bedWith([]);
  const now = bed.clock.now();
  const time = (ms: number) => new Date(ms).toISOString();
  const keyring1 = { ...byWorker, stream: 'keyring-u1' };
  const destroyed: string[] = [];
  const parts = {
    ...workerParts(bed, core),
    destroySecrets: async (keyId: string) => {
      destroyed.push(keyId);
      await bed.vault.remove(keySecretKind, keyId);
    },
    keysOf: async (ownerId: string, epoch: number) => [`${ownerId} ${epoch}`],
    // By a clock that goes wrong, `early` was made long after the policy turned, and `late` before.
    isTextKept: async (keyId: string) => (keyId === early ? false : keyId === late ? true : null),
  };
  const [old, young] = [keyMadeAt(now - 5, 1), keyMadeAt(now + 60_000, 2)];
  const [early, late] = [keyMadeAt(now + 60_000, 3), keyMadeAt(now - 5, 4)];
  for (const id of [old, young, early, late]) {
    await bed.vault.put({ kind: keySecretKind, id, value: '', person: 'u1', ref: id, expiresAt: null }, 'absent');
  }
  await core.keys.ensure('u1');
  await writeWorld(core, bed.store, [
    { ...keyring1, type: 'ApiKeyRevoked', data: { keyId: 'k1', reason: 'owner', note: null } },
    { ...keyring1, type: 'ApiKeyExpired', data: { keyId: 'k2', expiresAt: at } },
    { ...keyring1, type: 'ApiKeyRotated', data: { keyId: 'k3', newKeyId: 'k4', graceUntil: time(now) } },
    { ...keyring1, type: 'ApiKeyRotated', data: { keyId: 'k5', newKeyId: 'k6', graceUntil: time(now + 900_000) } },
    { ...keyring1, type: 'KeyringClosed', data: { ownerEpoch: 2, reason: 'owner-deactivated', endedAt: at } },
    { ...byWorker, stream: 'policy', type: 'KeyPolicyChanged', data: { policy: presets.idmp } },
    { ...byWorker, at: time(now), stream: 'policy', type: 'KeyPolicyChanged', data: { policy: presets.qalyptus } },
  ]);
  // The process dies before the grace is over; the next one keeps the appointment.
  await runUntil([secretShredder(parts)], () => destroyed.length === 6);
  assert.equal(destroyed, ['k1', 'k2', 'k3', 'u1 2', old, early]);
  assert.is.not(await bed.vault.get(shredLaterKind, 'k5'), null);
  bed.clock.advance(900_000);
  await runUntil([secretShredder(parts)], async () => (await bed.vault.get(shredLaterKind, 'k5')) === null);
  assert.ok(destroyed.includes('k5'));
  for (const id of [young, late])
    assert.is.not(await bed.vault.get(keySecretKind, id), null, 'made after the policy had turned');
});

test('an erased person has no key, no rows and no place in memory, also after the vault was restored', async () => {
  const { bed, core } = await bedWith(someWorld(40), { erase: false });
  const elsewhere = bed.process();
  const row = { kind: 'session', id: 's1', value: '', person: 'u3', ref: null, expiresAt: null };
  await bed.vault.put(row, 'absent');
  const { revision } = await core.folds.read(user, userStream('u3'), (loaded) => loaded);
  const dropped: string[] = [];
  const watcher = erasureWatcher({
    ...workerParts(bed, elsewhere),
    dropCaches: (id) => {
      dropped.push(`elsewhere ${id}`);
      elsewhere.keys.drop(id);
    },
    isKeyDestroyed: async (id) => {
      elsewhere.keys.drop(id);
      return (await elsewhere.keys.find(id)) === null;
    },
  });
  const own = eraser({
    ...workerParts(bed, core),
    destroyPersonKey: core.keys.destroy,
    dropCaches: (id) => void dropped.push(id),
  });
  const stop = new AbortController();
  const watching = watcher.run(stop.signal);
  assert.is.not(await elsewhere.keys.find('u3'), null);

  const { metadata } = (await wholeLog(bed.store, core.codec))[0]!;
  const [erased] = await core.codec.seal(
    'user-u3',
    [{ id: crypto.randomUUID(), type: 'UserErased', data: { ownerEpoch: 9 } }],
    metadata,
  );
  await bed.store.append('user-u3', revision, [erased!.toAppend]);
  await until(() => dropped.includes('elsewhere u3'));
  // The watcher may come first: what it forgot is read again while the key is still there.
  assert.is.not(await elsewhere.keys.find('u3'), null);
  await runUntil([own], () => dropped.includes('u3'));
  await until(async () => (await elsewhere.keys.find('u3')) === null);
  assert.is(await core.keys.find('u3'), null);
  assert.is(await bed.vault.get('session', 's1'), null);
  stop.abort();
  await watching;

  // An older copy of the vault: its checkpoint is older too, so everything is erased again.
  const before = dropped.length;
  await bed.vault.remove('checkpoint', 'eraser');
  await bed.vault.put(row, 'any');
  await runUntil(
    [
      eraser({
        ...workerParts(bed, core),
        destroyPersonKey: core.keys.destroy,
        dropCaches: (id) => void dropped.push(id),
      }),
    ],
    () => dropped.slice(before).includes('u3'),
  );
  assert.is(await bed.vault.get('session', 's1'), null);
});

test('what a crash left between two streams is finished, again and again', async () => {
  const { bed, core } = await bedWith([]);
  let rounds = 0;
  const worker = intentsFinisher({
    ...workerParts(bed, core),
    finishIntents: async () => {
      rounds += 1;
      if (rounds === 2) throw new Error('away');
    },
  });
  await runUntil([worker], () => rounds === 5);
  assert.ok(bed.clock.monotonic() >= 3 * 5_000);
});

test('expired rows leave the vault, page after page', async () => {
  const { bed, core } = await bedWith([]);
  for (let n = 0; n < 1_200; n++) {
    const row = {
      kind: 'token',
      id: `${n}`,
      value: '',
      person: null,
      ref: null,
      expiresAt: bed.clock.now() + (n < 1_100 ? 1 : 1e9),
    };
    await bed.vault.put(row, 'absent');
  }
  bed.clock.advance(10);
  let removed = 0;
  const vault = {
    ...bed.vault,
    removeExpired: async (limit: number) => {
      const gone = await bed.vault.removeExpired(limit);
      removed += gone;
      return gone;
    },
  };
  await runUntil([vaultTidier({ ...workerParts(bed, core), vault })], () => removed === 1_100);
  assert.is((await bed.vault.find('token', {}, { after: null, limit: 2_000 })).length, 100);
});

test.run();
