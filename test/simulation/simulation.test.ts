// time limit: 30 min
import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { toHex } from '../../commands/sealing/encoding.ts';
import { isRejection } from '../../domain/decider.ts';
import type { Recorded } from '../../domain/event.ts';
import type { AnyEvent } from '../../domain/events.ts';
import type { UserId } from '../../domain/ids.ts';
import { type Keyring, keyringFold } from '../../domain/keyring.ts';
import { isGone, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { createVerificationIndex } from '../../projections/verificationIndex.ts';
import { full } from '../support/full.ts';
import { suite } from '../support/suite.ts';
import { mostKeys, type Simulation, simulate } from './simulated.ts';

const simulation = suite('the whole of the commands, however stores and processes fail');

const crypto = nodeCryptography();

type Event = Recorded<AnyEvent>;

const everything = async ({ store, last }: Simulation): Promise<readonly Event[]> =>
  (await last.codec.openAll((await store.readAll(null, 100_000)).events)) as never;

/** What runs by itself, to its end. */
const settle = async (simulated: Simulation) => {
  const { last, request } = simulated;
  const { handler, commands, registry } = last;
  assert.is((await handler.finishIntents(registry, 0)).failed, 0, last.reports.join());
  for (const event of await everything(simulated)) {
    if (event.type === 'EmailClaimed') {
      const claim = event.stream.slice('emailClaim-'.length);
      const { userId, committedEventId, committed } = event.data;
      const input = { claim, userId, committedEventId, committed };
      assert.not(isRejection(await handler.execute(commands.completeClaim, input, request())));
    }
    if (event.type === 'UserDeactivated' || event.type === 'UserDeleted') {
      const reason = event.type === 'UserDeleted' ? 'owner-deleted' : 'owner-deactivated';
      const ownerId = event.stream.slice('user-'.length);
      const { ownerEpoch } = event.data;
      const input = { ownerId, ownerEpoch, reason, endedAt: event.metadata.at } as const;
      assert.not(isRejection(await handler.execute(commands.closeKeyring, input, request())));
    }
  }
};

const keysAreAsTold = async ({ told, clock }: Simulation, events: readonly Event[]) => {
  const index = createVerificationIndex();
  for (const event of events) index.apply(event);
  const made = new Map<string, number>();
  for (const { type, data } of events)
    if (type === 'ApiKeyCreated' || type === 'ApiKeyImported') made.set(data.keyId, (made.get(data.keyId) ?? 0) + 1);
  for (const key of told.keys.values()) {
    assert.is(made.get(key.id), 1, 'whoever was told of a key has it, once');
    const question = { hash: crypto.sha256(key.text), wellFormed: () => true, scopes: [], applications: null };
    const { code } = index.verify(question, clock.now());
    if (told.ended.has(key.id)) assert.is.not(code, 'valid', 'what was said to have ended is refused');
    if (!told.maybeEnded.has(key.id) && !told.maybeEnded.has(key.ownerId)) assert.is(code, 'valid');
  }
};

const limitsHold = (events: readonly Event[]) => {
  const rings = new Map<string, Keyring>();
  for (const event of events) {
    if (!event.stream.startsWith('keyring-')) continue;
    const before = rings.get(event.stream) ?? keyringFold.initialState();
    const ring = keyringFold.evolve(before, event as never);
    rings.set(event.stream, ring);
    assert.ok(ring.counted.size <= mostKeys);
    const names = [...ring.counted].map((id) => ring.keys.get(id)!.name);
    assert.is(new Set(names).size, names.length, 'equal names');
  }
};

const addressesAreOnes = ({ told }: Simulation, events: readonly Event[]) => {
  const standing = new Map<string, string>();
  for (const { type, data, stream } of events) {
    const userId = stream.slice('user-'.length);
    if (type === 'UserRegistered') {
      assert.not([...standing.values()].includes(data.email!), 'one address, one user');
      standing.set(userId, data.email!);
    }
    if (type === 'UserDeleted') standing.delete(userId);
  }
  for (const [userId, email] of told.users)
    assert.ok(
      events.some(({ type, data }) => type === 'UserRegistered' && data.userId === userId && data.email === email),
    );
};

const somebodyAdministers = (events: readonly Event[]) => {
  const administrators = new Set<string>();
  const off = new Set<string>();
  let ever = false;
  for (const { type, data, stream } of events) {
    const userId = stream.slice('user-'.length);
    if (type === 'AdministratorGranted') administrators.add(data.userId);
    if (type === 'AdministratorRemoved') administrators.delete(data.userId);
    if (type === 'UserDeactivated' || type === 'UserDeleted') off.add(userId);
    if (type === 'UserReactivated') off.delete(userId);
    const acting = [...administrators].filter((id) => !off.has(id));
    ever ||= acting.length > 0;
    if (ever) assert.ok(acting.length > 0, `nobody administers after ${type}`);
  }
  assert.ok(ever);
};

/** What an account shows is there, and was put up by its owner. */
const picturesAreThere = async ({ told, last, clock }: Simulation) => {
  const account = (userId: UserId) =>
    last.folds.read(user, userStream(userId), ({ state }) => (state && !isGone(state) ? structuredClone(state) : null));
  for (const userId of told.pictures.keys())
    await last.avatars.tidy(userId, async (id) => (await account(id))?.avatarId ?? null);
  clock.advance(25 * 3_600_000);
  for (const [userId, pictures] of told.pictures) {
    const owner = await account(userId);
    if (owner === null) continue;
    const shown = owner.avatarId === null ? null : await last.avatars.read(owner.avatarId);
    if (owner.avatarId !== null) assert.ok(shown, `the picture of ${userId} is gone`);
    assert.ok(pictures.has(shown === null ? 'none' : toHex(shown.bytes)));
  }
};

const repeatsAreAnsweredAlike = async ({ told }: Simulation) => {
  for (const { ask, answer, what } of told.answers) {
    if (isRejection(answer)) continue;
    const again = await ask();
    if (isRejection(again)) assert.is(again.rejected, 'already-ended', `${what} ${JSON.stringify(answer)}`);
    else {
      assert.equal(again.result, answer.result);
      assert.equal(again.secret, answer.secret);
      assert.is(again.replayed, true);
    }
  }
};

const seeds = Number(process.env.KEYLEDGER_TEST_SEEDS ?? (full ? 2_000 : 40));
const first = Number(process.env.KEYLEDGER_TEST_SEED ?? 1);

for (const faulty of [0, 0.03, 0.12])
  simulation(
    `${seeds} seeds, one call of a store in ${faulty === 0 ? 'none' : Math.round(1 / faulty)} fails`,
    async () => {
      for (let seed = first; seed < first + seeds; seed += 1) {
        try {
          const simulated = await simulate(seed, faulty, 25);
          await repeatsAreAnsweredAlike(simulated);
          const before = (await everything(simulated)).length;
          await repeatsAreAnsweredAlike(simulated);
          assert.is((await everything(simulated)).length, before, 'a repeat writes nothing');
          await settle(simulated);
          const events = await everything(simulated);
          await keysAreAsTold(simulated, events);
          limitsHold(events);
          addressesAreOnes(simulated, events);
          somebodyAdministers(events);
          await picturesAreThere(simulated);
        } catch (error) {
          // To be played again: KEYLEDGER_TEST_SEED and KEYLEDGER_TEST_SEEDS=1.
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
    },
  );

simulation.run();
