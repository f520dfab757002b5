import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Document } from '../../../commands/ports/lists.ts';
import type { DomainEvent, Recorded } from '../../../domain/event.ts';
import type { EventNamed } from '../../../domain/events.ts';
import { instant, millis } from '../../../domain/instant.ts';
import { keyringFold } from '../../../domain/keyring.ts';
import { keyView } from '../../../domain/keyView.ts';
import { presets } from '../../../domain/presets.ts';
import { isGone, type User } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { hasStatus, isKey, type KeyStatus } from '../../../projections/lists/keyStatus.ts';
import { listedKey } from '../../../projections/lists/listedKey.ts';
import { listedUser } from '../../../projections/lists/users.ts';
import { bedWith, buildOf, documentsOf, dump, everyList, fill, projectorOver } from '../../support/listsBed.ts';
import { suite } from '../../support/suite.ts';
import { choices, worldOf } from '../../support/world.ts';

const test = suite('lists: what the projections say');

const readFrom = (documents: ReadonlyMap<string, Document | null>) => (id: string) => {
  assert.ok(documents.has(id), `${id} is read without being asked for`);
  return documents.get(id)!;
};

const policy = { ...presets.qalyptus, textsKeptSince: null };
const sizes = fc.integer({ min: 1, max: 50 });

const readAll = async (bed: Awaited<ReturnType<typeof bedWith>>) =>
  (await bed.core.codec.openAll((await bed.bed.store.readAll(null, 1000)).events)) as readonly Recorded<DomainEvent>[];

/** Every stream folded by its aggregate: the other way to the same facts. */
const foldedFrom = (events: readonly Recorded<DomainEvent>[]) => {
  const keyrings = new Map<string, ReturnType<typeof keyringFold.initialState>>();
  const users = new Map<string, User>();
  for (const event of events) {
    const [kind, id = ''] = event.stream.split('-');
    if (kind === 'keyring') {
      const state = keyrings.get(id) ?? keyringFold.initialState();
      keyrings.set(id, keyringFold.evolve(state, event as Recorded<never>));
    }
    if (kind === 'user') users.set(id, user.evolve(users.get(id) ?? null, event as Recorded<never>) as User);
  }
  return { keyrings, users };
};

test('applying every event twice changes nothing', () =>
  fc.assert(
    fc.asyncProperty(choices(60), async (chosen) => {
      const over = await bedWith(worldOf(chosen));
      const { bed } = over;
      const stored = (await bed.store.readAll(null, 1000)).events;
      const opened = await readAll(over);
      for (const projection of everyList) {
        const build = await bed.lists.createBuild(projection.schema, true);
        for (const [index, event] of opened.entries()) {
          const applyOnce = async () => {
            const at = (await buildOf(bed.lists, projection.schema.name)).checkpoint;
            const documents = new Map<string, Document | null>();
            if (projection.input === 'opened') {
              for (const id of projection.reads(event)) documents.set(id, await bed.lists.get(build.id, id));
            }
            const changes =
              projection.input === 'sealed'
                ? projection.apply(stored[index]!)
                : projection.apply(event, readFrom(documents));
            await bed.lists.apply(build.id, {
              after: at,
              checkpoint: { position: event.position, eventId: event.eventId },
              applied: [{ stream: event.stream, revision: event.revision, changes }],
              park: [],
              unpark: [],
              waiting: [],
            });
            return documentsOf(bed.lists, projection.schema.name);
          };
          const once = await applyOnce();
          assert.equal(await applyOnce(), once, `${event.type} in ${projection.schema.name}`);
        }
      }
    }),
    { numRuns: 15 },
  ));

test('a search by status finds exactly the keys that keyView shows so, at any time', () =>
  fc.assert(
    fc.asyncProperty(
      choices(120),
      sizes,
      fc.array(fc.nat(140), { minLength: 3, maxLength: 6 }),
      async (chosen, size, hours) => {
        const over = await bedWith(worldOf(chosen));
        const { bed, core } = over;
        await fill(bed, core, size);
        const { keyrings, users } = foldedFrom(await readAll(over));
        const build = await buildOf(bed.lists, 'apiKeys');
        for (const hour of hours) {
          const at = instant(Date.UTC(2027, 0, 1, hour));
          const shown = new Map<string, KeyStatus>();
          for (const [ownerId, keyring] of keyrings) {
            const owner = { ...users.get(ownerId)!, mayUseApi: true };
            for (const key of keyring.keys.values()) {
              shown.set(key.keyId, keyView(key, owner, policy, at).status);
            }
          }
          for (const status of ['active', 'expired', 'revoked'] as const) {
            const where = [isKey, ...hasStatus(status, at)];
            const found = await bed.lists.query(build.id, { where, sort: [], after: null, limit: 10_000 });
            const expected = [...shown].filter(([, is]) => is === status).map(([id]) => id);
            assert.equal(found.map(({ id }) => id).sort(), expected.sort(), `${status} at ${at}`);
          }
        }
      },
    ),
    { numRuns: 60 },
  ));

test('a listed key says what its keyring and its owner say', () =>
  fc.assert(
    fc.asyncProperty(choices(120), sizes, fc.nat(140), async (chosen, size, hour) => {
      const over = await bedWith(worldOf(chosen));
      const { bed, core } = over;
      await fill(bed, core, size);
      const { keyrings, users } = foldedFrom(await readAll(over));
      const at = instant(Date.UTC(2027, 0, 1, hour));
      const listed = (await documentsOf(bed.lists, 'apiKeys')).filter(({ kind }) => kind === 'key').map(listedKey);
      assert.is(
        listed.length,
        [...keyrings.values()].reduce((sum, { keys }) => sum + keys.size, 0),
      );
      for (const key of listed) {
        const fact = keyrings.get(key.ownerId)!.keys.get(key.keyId)!;
        const owner = users.get(key.ownerId)!;
        for (const field of [
          'name',
          'description',
          'mask',
          'scopes',
          'createdAt',
          'createdIp',
          'replaces',
          'replacedBy',
        ] as const) {
          assert.equal(key[field], fact[field], `${field} of ${key.keyId}`);
        }
        assert.equal(key.createdBy, fact.createdBy);
        assert.is(key.owner.email, owner.email);
        assert.is(key.owner.standing.status, owner.status);
        assert.equal(key.owner.groups, owner.groups);
        const standing = { ...key.owner.standing, mayUseApi: true };
        assert.equal(
          keyView(key.standing, standing, policy, at),
          keyView(fact, { ...owner, mayUseApi: true }, policy, at),
        );
      }
    }),
    { numRuns: 60 },
  ));

test('a listed user says what their stream says', () =>
  fc.assert(
    fc.asyncProperty(choices(120), sizes, async (chosen, size) => {
      const over = await bedWith(worldOf(chosen));
      const { bed, core } = over;
      await fill(bed, core, size);
      const opened = await readAll(over);
      const { users } = foldedFrom(opened);
      const administrators = new Set<string>();
      for (const event of opened as readonly Recorded<EventNamed<'AdministratorGranted'>>[]) {
        if (event.stream !== 'roles') continue;
        if (event.type === 'AdministratorGranted') administrators.add(event.data.userId);
        else administrators.delete(event.data.userId);
      }
      const documents = await documentsOf(bed.lists, 'users');
      assert.is(documents.length, users.size);
      for (const listed of documents.map(listedUser)) {
        const fact = users.get(listed.id)!;
        assert.is(listed.status, fact.status, listed.id);
        assert.is(listed.email, fact.email);
        assert.is(listed.firstName, fact.profile.firstName);
        assert.is(listed.mustChangePassword, fact.mustChangePassword);
        assert.equal(listed.roles, [...(administrators.has(listed.id) ? ['admin'] : []), ...fact.roles]);
        assert.is(isGone(fact), ['deleted', 'erased'].includes(listed.status));
        assert.ok(millis(listed.createdAt) >= Date.UTC(2027, 0, 1));
      }
    }),
    { numRuns: 40 },
  ));

test('an erasure blanks the lists by itself, and what is filled afterwards is the same', () =>
  fc.assert(
    fc.asyncProperty(choices(80), sizes, async (chosen, size) => {
      const events = worldOf(chosen);
      const { bed, core } = await bedWith(events, { erase: false });
      await fill(bed, core, size);
      const before = await dump(bed.lists);
      for (const { type, stream, at } of events) {
        if (type === 'UserErased') await core.keys.destroy(stream.slice('user-'.length), at);
      }
      const again = projectorOver(bed, core);
      for (const { schema } of everyList) {
        const { count, differences } = await again.verify(schema.name, () => {}, new AbortController().signal);
        assert.is(count, 0, JSON.stringify(differences));
      }
      const erased = events.filter(({ type }) => type === 'UserErased').map(({ stream }) => stream.slice(5));
      for (const id of erased) {
        assert.not.match(JSON.stringify(before), `${id}@example.com`);
        assert.not.match(JSON.stringify(before), `"ownerEmail":"${id}.`);
      }
    }),
    { numRuns: 40 },
  ));

test.run();
