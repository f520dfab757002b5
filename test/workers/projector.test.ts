import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { Failure, failedWith } from '../../commands/failure.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Lists } from '../../commands/ports/lists.ts';
import { auditEventsList } from '../../projections/lists/auditEvents.ts';
import { usersList } from '../../projections/lists/users.ts';
import type { OpenedProjection, Projection } from '../../projections/projection.ts';
import { requireInLog, WrongStore } from '../../workers/checkpoints.ts';
import { createListReader } from '../../workers/listReader.ts';
import type { Projector } from '../../workers/projector.ts';
import { type Bed, hurriedScheduler } from '../support/commandBed.ts';
import { bedWith, buildOf, documentsOf, dump, everyList, fill, projectorOver } from '../support/listsBed.ts';
import { suite } from '../support/suite.ts';
import { choices, someWorld, worldOf, writeWorld } from '../support/world.ts';

const test = suite('projector');
const never = new AbortController().signal;

/** Lists that fail as told, before a batch takes effect or after: a process that died, or was not heard. */
const failing = (lists: Lists, failures: readonly ('before' | 'after' | 'none')[]): Lists => {
  let call = 0;
  return {
    ...lists,
    apply: async (...args) => {
      const failure = failures[call++ % failures.length];
      if (failure === 'before') throw new Failure('store-unavailable', 'away');
      const applied = await lists.apply(...args);
      if (failure === 'after') throw new Failure('store-unavailable', 'away');
      return applied;
    },
  };
};

const eventually = async (projector: Projector, tries = 2_000): Promise<void> => {
  for (let at = 0; at < tries; at++) {
    try {
      return await projector.catchUp();
    } catch (error) {
      if (!failedWith(error, 'store-unavailable')) throw error;
    }
  }
  throw new Error('it never caught up');
};

const readerOver = (bed: Bed, projector?: Projector, lists: Lists = bed.lists) =>
  createListReader({
    lists,
    store: bed.store,
    clock: bed.clock,
    scheduler: hurriedScheduler(bed.clock),
    moved: projector?.moved ?? (() => new Promise(() => {})),
  });

/** A list of users that cannot apply what the test says it cannot. */
const breaking = (breaks: (eventId: string) => boolean): OpenedProjection => ({
  ...usersList,
  apply: (event, read) => {
    if (breaks(event.eventId)) throw new Error('this one breaks it');
    return usersList.apply(event, read);
  },
});

test('whatever the batches and wherever it dies, the lists end as a fresh replay has them', () =>
  fc.assert(
    fc.asyncProperty(
      choices(80),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 4 }),
      fc.array(fc.constantFrom('before', 'after', 'none' as const), { minLength: 1, maxLength: 5 }),
      async (chosen, sizes, failures) => {
        const { bed, core } = await bedWith(worldOf(chosen));
        const lists = failing(bed.lists, [...failures, 'none', 'none', 'none']);
        // One process after the other, each with another batch size, each but the last dying where it fails.
        for (const batchSize of sizes) {
          await projectorOver(bed, core, { lists, batchSize })
            .catchUp()
            .catch(() => {});
        }
        await eventually(projectorOver(bed, core, { lists, batchSize: sizes[0]! }));
        const fresh = { ...bed, lists: createMemoryLists() };
        await fill(fresh, core);
        assert.equal(await dump(bed.lists), await dump(fresh.lists));
      },
    ),
    { numRuns: 40 },
  ));

test('two of them at once fill the lists as one does', () =>
  fc.assert(
    fc.asyncProperty(choices(80), async (chosen) => {
      const { bed, core } = await bedWith(worldOf(chosen));
      await projectorOver(bed, core, { batchSize: 1 }).catchUp();
      const [one, two] = [projectorOver(bed, core, { batchSize: 3 }), projectorOver(bed, core, { batchSize: 5 })];
      const rebuilding = bed.lists.createBuild(everyList[1]!.schema, false);
      await rebuilding;
      await Promise.all([one.catchUp(), two.catchUp()]);
      await Promise.all([one.catchUp(), two.catchUp()]);
      const fresh = { ...bed, lists: createMemoryLists() };
      await fill(fresh, core);
      assert.equal(await dump(bed.lists), await dump(fresh.lists));
    }),
    { numRuns: 15 },
  ));

test('a list answers once it was at the end of the log, and says how old it is', async () => {
  const { bed, core } = await bedWith(someWorld(40));
  const reader = readerOver(bed);
  const refused = await reader.current('users').catch((error: unknown) => error);
  assert.ok(failedWith(refused, 'not-caught-up'));
  const projector = projectorOver(bed, core);
  await projector.catchUp();
  const current = await reader.current('users');
  assert.is(current.lagMs, 0);
  const { events } = await bed.store.readAll(null, 1000);
  assert.is(current.position, events.at(-1)!.position);

  const [sealed] = await core.codec.seal('user-u9', [{ id: crypto.randomUUID(), type: 'AvatarRemoved', data: {} }], {
    ...events[0]!.metadata,
    at: new Date(bed.clock.now()).toISOString(),
    actor: { kind: 'worker', id: null },
    ip: null,
    userAgent: null,
    reason: null,
  });
  await bed.store.append('user-u9', 'no-stream', [sealed!.toAppend]);
  bed.clock.advance(1_234);
  assert.is((await reader.current('users')).lagMs, 1_234);
});

test('an event that a list cannot apply parks its stream there, and nowhere else', async () => {
  const events = someWorld(60);
  const { bed, core } = await bedWith(events);
  const stored = (await bed.store.readAll(null, 1000)).events;
  const poison = stored.find(({ stream, revision }) => stream.startsWith('user-') && revision === 1)!;
  let broken = true;
  const projections: readonly Projection[] = [
    breaking((id) => broken && id === poison.id),
    ...everyList.filter((projection) => projection !== usersList),
  ];
  const projector = projectorOver(bed, core, { projections, batchSize: 7 });
  await projector.catchUp();

  const [users] = (await readerOver(bed).states()).filter(({ name }) => name === 'users');
  assert.is(users!.parked.length, 1);
  assert.is(users!.parked[0]!.stream, poison.stream);
  assert.is(users!.parked[0]!.revision, 1);
  assert.is(users!.parked[0]!.error, 'this one breaks it');
  assert.is(users!.position, stored.at(-1)!.position);
  for (const { name, parked } of await readerOver(bed).states()) if (name !== 'users') assert.equal(parked, []);
  const others = (await documentsOf(bed.lists, 'users')).filter(({ id }) => `user-${id}` !== poison.stream);

  assert.is(await projector.retry('users', poison.stream), false, 'it fails again');
  assert.is((await projector.parkedAt('users', poison.stream))!.revision, 1);

  broken = false;
  assert.is(await projector.retry('users', poison.stream), true);
  assert.is(await projector.parkedAt('users', poison.stream), null);
  const fresh = { ...bed, lists: createMemoryLists() };
  await fill(fresh, core);
  assert.equal(await dump(bed.lists), await dump(fresh.lists));
  const after = (await documentsOf(bed.lists, 'users')).filter(({ id }) => `user-${id}` !== poison.stream);
  assert.equal(after, others);
});

test('an operator lets one event pass, and what follows it is applied', async () => {
  const { bed, core } = await bedWith(someWorld(60));
  const stored = (await bed.store.readAll(null, 1000)).events;
  const poison = stored.find(({ stream, revision }) => stream.startsWith('user-') && revision === 1)!;
  const projections = [breaking((id) => id === poison.id), auditEventsList];
  const projector = projectorOver(bed, core, { projections });
  await projector.catchUp();
  assert.is(await projector.skip('users', poison.stream, 0), false, 'it is not parked at that one');
  assert.is(await projector.skip('users', poison.stream, 1), true);
  assert.is(await projector.parkedAt('users', poison.stream), null);

  const without = { ...bed, lists: createMemoryLists() };
  const lenient: OpenedProjection = {
    ...usersList,
    apply: (event, read) => (event.eventId === poison.id ? [] : usersList.apply(event, read)),
  };
  await projectorOver(without, core, { projections: [lenient] }).catchUp();
  assert.equal(await documentsOf(bed.lists, 'users'), await documentsOf(without.lists, 'users'));
});

test('an operator at one process lets a stream go that another process fills, and it stays let go', async () => {
  const { bed, core } = await bedWith(someWorld(60));
  const stored = (await bed.store.readAll(null, 1000)).events;
  const broken = stored.find(({ stream, revision }) => stream.startsWith('user-') && revision === 1)!;
  const projections = [breaking((id) => id === broken.id), auditEventsList];
  const filling = projectorOver(bed, core, { projections });
  const operators = projectorOver(bed, bed.process(), { projections });
  await filling.catchUp();
  // It looks before the list moves on, and again after.
  assert.is((await operators.parkedAt('users', broken.stream))!.revision, 1);
  assert.is(await operators.retry('users', broken.stream), false, 'it fails again');
  const owner = broken.stream.replace('user-', '');
  const edit = async (group: string) => {
    const { events } = await bed.store.readStream(broken.stream, 0, 1000);
    const event = { id: crypto.randomUUID(), type: 'GroupsAssigned', data: { groups: [group] } } as const;
    const { at, correlationId, causationId, requestId, policyRevision } = events[0]!.metadata;
    const envelope = { at, correlationId, causationId, requestId, policyRevision, ip: null, userAgent: null };
    const actor = { kind: 'worker', id: null } as const;
    const [sealed] = await core.codec.seal(broken.stream, [event], { ...envelope, actor, reason: null });
    assert.ok((await bed.store.append(broken.stream, events.length - 1, [sealed!.toAppend])).appended);
  };
  await edit('one');
  await filling.catchUp();
  assert.is(await operators.skip('users', broken.stream, 1), true);
  assert.is(await operators.parkedAt('users', broken.stream), null);
  await edit('two');
  await filling.catchUp();
  assert.is(await operators.parkedAt('users', broken.stream), null, 'the next event finds it let go');
  const document = (await documentsOf(bed.lists, 'users')).find(({ id }) => id === owner);
  assert.equal(document?.groups, ['two']);
});

test('an event that cannot be read parks its stream in the lists that open it; sealed lists go on', async () => {
  const { bed, core } = await bedWith(someWorld(30));
  await bed.store.append('user-u1', (await bed.store.readStream('user-u1', 0, 500)).events.length - 1, [
    {
      id: crypto.randomUUID(),
      type: 'EmailChanged',
      data: { claim: 'c', previousClaim: null },
      sealed: { person: 'u1', box: 'not a box' },
      metadata: (await bed.store.readAll(null, 1)).events[0]!.metadata,
    },
  ]);
  await projectorOver(bed, core).catchUp();
  const parked = Object.fromEntries((await readerOver(bed).states()).map((state) => [state.name, state.parked.length]));
  assert.equal(parked, { apiKeys: 1, auditEvents: 0, users: 1 });
});

test('what the store refuses parks one stream, the rest of the batch is stored', async () => {
  const { bed, core } = await bedWith(someWorld(60));
  const stored = (await bed.store.readAll(null, 1000)).events;
  const poison = stored.find(({ stream, revision }) => stream.startsWith('user-') && revision === 1)!;
  const refused: OpenedProjection = {
    ...usersList,
    apply: (event, read) =>
      event.eventId === poison.id ? [{ op: 'set', id: 'u1', fields: { createdAt: 12 } }] : usersList.apply(event, read),
  };
  const projector = projectorOver(bed, core, { projections: [refused, auditEventsList] });
  await projector.catchUp();
  const [users] = (await readerOver(bed).states()).filter(({ name }) => name === 'users');
  assert.equal(
    users!.parked.map(({ stream }) => stream),
    [poison.stream],
  );
  assert.is(await projector.retry('users', poison.stream), false);
  assert.is((await projector.parkedAt('users', poison.stream))!.revision, 1);
  assert.is(await projector.skip('users', poison.stream, 1), true);
});

/** Appends a history bit by bit while something else goes on. */
const trickling = (store: EventStore) => {
  const waiting: (() => Promise<void>)[] = [];
  return {
    store: {
      ...store,
      append: (...args: Parameters<EventStore['append']>) => {
        waiting.push(async () => {
          await store.append(...args);
        });
        return Promise.resolve({ appended: true as const, revision: 0, position: '' });
      },
    },
    next: async () => {
      await waiting.shift()?.();
      return waiting.length > 0;
    },
  };
};

test('lists are filled from one reading, and one whose store is slow holds up the others a few batches later', async () => {
  const { bed, core } = await bedWith(someWorld(60, 5));
  const reads: (string | null)[] = [];
  const store: EventStore = {
    ...bed.store,
    readAll: (after, limit) => {
      reads.push(after);
      return bed.store.readAll(after, limit);
    },
  };
  const slow = Promise.withResolvers<void>();
  const lists: Lists = {
    ...bed.lists,
    apply: async (build, batch) => {
      if (build.startsWith('apiKeys')) await slow.promise;
      return bed.lists.apply(build, batch);
    },
  };
  const filled = projectorOver(bed, core, { store, lists, batchSize: 5 }).catchUp();
  const position = async (list: string) => (await buildOf(bed.lists, list)).checkpoint?.position;
  const fourth = (await bed.store.readAll(null, 20)).position!;
  for (const list of ['users', 'auditEvents'])
    while ((await position(list)) !== fourth) await new Promise(setImmediate);
  for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate);
  assert.is(await position('users'), fourth);
  assert.is(await position('apiKeys'), undefined);

  slow.resolve();
  await filled;
  assert.is(new Set(reads).size, reads.length, 'nothing is read twice');
  const fresh = { ...bed, lists: createMemoryLists() };
  await fill(fresh, core);
  assert.equal(await dump(bed.lists), await dump(fresh.lists));
});

test('a list rebuilt under load answers all the while, and ends as a fresh replay', async () => {
  const { bed, core } = await bedWith([]);
  const events = someWorld(150, 11);
  const load = trickling(bed.store);
  await writeWorld(core, load.store, events);
  for (let at = 0; at < events.length / 2; at++) await load.next();

  const projector = projectorOver(bed, core, { batchSize: 4 });
  const stop = new AbortController();
  const running = projector.run(stop.signal);
  const reader = readerOver(bed, projector);
  const half = (await bed.store.readAll(null, 1000)).events.at(-1)!.position;
  while (!(await reader.reached('apiKeys', half, 1_000)));
  const before = (await buildOf(bed.lists, 'apiKeys')).id;

  const progress: number[] = [];
  const rebuilt = projector.rebuild('apiKeys', ({ done }) => progress.push(done), never);
  let more = true;
  while (more) {
    more = await load.next();
    await reader.current('apiKeys');
  }
  await rebuilt;
  const last = (await bed.store.readAll(null, 1000)).events.at(-1)!.position;
  while (!(await reader.reached('apiKeys', last, 1_000)));
  stop.abort();
  await running;

  assert.is.not((await buildOf(bed.lists, 'apiKeys')).id, before);
  assert.ok(progress.every((done) => done >= 0 && done <= 1));
  const fresh = { ...bed, lists: createMemoryLists() };
  await fill(fresh, core);
  assert.equal(await documentsOf(bed.lists, 'apiKeys'), await documentsOf(fresh.lists, 'apiKeys'));
  assert.is(projector.state().status, 'stopped');
});

test('a replaced build goes after a moment', async () => {
  const { bed, core } = await bedWith(someWorld(40));
  const projector = await fill(bed, core);
  const { id } = await buildOf(bed.lists, 'users');
  await bed.lists.createBuild(usersList.schema, false);
  bed.clock.advance(10_000);
  await projector.catchUp();
  const has = async () => (await bed.lists.builds()).some((build) => build.id === id);
  assert.is(await has(), true, 'whoever reads from it may finish');
  bed.clock.advance(10_000);
  await projector.catchUp();
  assert.is(await has(), false);
});

test('verify replays the log and reports every field that differs, and nothing volatile', async () => {
  const { bed, core } = await bedWith(someWorld(80, 3));
  const projector = await fill(bed, core);
  const clean = await projector.verify('apiKeys', () => {}, never);
  assert.is(clean.count, 0);
  assert.ok(clean.compared > 5);

  const { id, checkpoint } = await buildOf(bed.lists, 'apiKeys');
  const [key, gone] = (await documentsOf(bed.lists, 'apiKeys')).filter(({ kind }) => kind === 'key');
  await bed.lists.patch(id, [{ id: key!.id, fields: { lastUsedAt: '2027-01-01T00:00:00.000Z' } }]);
  await bed.lists.apply(id, {
    after: checkpoint,
    checkpoint: checkpoint!,
    applied: [
      {
        stream: 'x',
        revision: 0,
        changes: [
          { op: 'update', id: key!.id, fields: { mask: 'tampered' } },
          { op: 'remove', id: gone!.id },
          { op: 'set', id: 'invented', fields: { kind: 'key' } },
        ],
      },
    ],
    park: [],
    unpark: [],
    waiting: [],
  });
  const { differences, count } = await projector.verify('apiKeys', () => {}, never);
  assert.is(count, 3);
  assert.equal(
    differences.map(({ id: document, field }) => [document, field]).sort(),
    [
      [key!.id, 'mask'],
      [gone!.id, 'id'],
      ['invented', 'id'],
    ].sort(),
  );
  assert.is(
    (await bed.lists.builds()).filter(({ list }) => list.startsWith('apiKeys')).length,
    1,
    'the replay is gone',
  );
});

/** The log as it is while it is being written: what stands after `shown` nobody has written yet. */
const growing = (store: EventStore, positions: readonly string[]) => {
  let shown = 0;
  const isThere = (position: string) => position <= positions[shown]!;
  return {
    /** @param count events are written */
    grow: (count: number) => {
      shown = Math.min(shown + count, positions.length - 1);
    },
    left: () => positions.length - 1 - shown,
    store: {
      ...store,
      readAll: async (after, limit) => {
        const page = await store.readAll(after, limit);
        const events = page.events.filter(({ position }) => isThere(position));
        return events.length === page.events.length
          ? { ...page, end: page.end || !positions.some((one) => one > (page.position ?? '') && isThere(one)) }
          : { events, position: events.at(-1)?.position ?? after, end: true };
      },
    } satisfies EventStore as EventStore,
  };
};

test('verify ends and finds what differs, nothing else, while others write and move the list at every look', () =>
  fc.assert(
    fc.asyncProperty(choices(120), fc.integer({ min: 1, max: 3 }), fc.boolean(), async (chosen, speed, tampered) => {
      const { bed, core } = await bedWith(worldOf(chosen));
      const positions = (await bed.store.readAll(null, 10_000)).events.map(({ position }) => position);
      const { store, grow, left } = growing(bed.store, positions);
      grow(Math.floor(positions.length / 3));
      const other = projectorOver(bed, core, { store, batchSize: 3 });
      await other.catchUp();
      const { id, checkpoint } = await buildOf(bed.lists, 'apiKeys');
      const set = { op: 'set', id: 'invented', fields: { kind: 'key', ownerId: 'nobody' } } as const;
      if (tampered)
        await bed.lists.apply(id, {
          after: checkpoint,
          checkpoint: checkpoint!,
          applied: [{ stream: 'x', revision: 0, changes: [set] }],
          park: [],
          unpark: [],
          waiting: [],
        });
      // Somebody writes more before each look, and another process brings it into the list at once.
      let looks = 0;
      const moving = async (buildId: string) => {
        if (buildId !== id || left() === 0) return;
        looks += 1;
        grow(speed);
        await other.catchUp();
      };
      const lists: Lists = {
        ...bed.lists,
        query: async (buildId, query) => {
          await moving(buildId);
          return bed.lists.query(buildId, query);
        },
        builds: async () => {
          const builds = await bed.lists.builds();
          await moving(id);
          return builds;
        },
      };
      const { differences, count } = await projectorOver(bed, core, { store, lists }).verify(
        'apiKeys',
        () => {},
        never,
      );
      assert.equal([...new Set(differences.map((found) => found.id))], tampered ? ['invented'] : []);
      assert.is(count, differences.length);
      assert.ok(looks < 40, `${looks} looks`);
    }),
    { numRuns: 60 },
  ));

test('verify ends although the log never seems to', async () => {
  const { bed, core } = await bedWith(someWorld(600));
  const positions = (await bed.store.readAll(null, 10_000)).events.map(({ position }) => position);
  const { store, grow, left } = growing(bed.store, positions);
  grow(50);
  const other = projectorOver(bed, core, { store });
  await other.catchUp();
  const lists: Lists = {
    ...bed.lists,
    builds: async () => {
      grow(1);
      await other.catchUp();
      return bed.lists.builds();
    },
  };
  const { count } = await projectorOver(bed, core, { store, lists }).verify('users', () => {}, never);
  assert.is(count, 0);
  assert.ok(left() > 100, 'it did not wait for the last of them');
});

test('a list of an older version answers until the newer one is filled, and goes', async () => {
  const { bed, core } = await bedWith(someWorld(40));
  await fill(bed, core);
  const newer: OpenedProjection = { ...usersList, schema: { ...usersList.schema, version: 2 } };
  const lists = failing(bed.lists, ['none', 'before']);
  const projector = projectorOver(bed, core, { projections: [newer], lists, batchSize: 5 });
  await projector.catchUp().catch(() => {});
  assert.is((await readerOver(bed).states()).find(({ name }) => name === 'users')!.version, 1);
  await eventually(projector);
  assert.is((await readerOver(bed).states()).find(({ name }) => name === 'users')!.version, 2);
  bed.clock.advance(10_000);
  await eventually(projector);
  bed.clock.advance(10_000);
  await eventually(projector);
  assert.equal(
    (await bed.lists.builds()).filter(({ list }) => list === 'users').map(({ version }) => version),
    [2],
  );
  // The older release, still running somewhere, does not bring its list back.
  await projectorOver(bed, core, { projections: [usersList] }).catchUp();
  assert.equal(
    (await bed.lists.builds()).filter(({ list }) => list === 'users').map(({ version }) => version),
    [2],
  );
});

test('what comes from outside the log is in a build before it answers', async () => {
  const { bed, core } = await bedWith(someWorld(40));
  const filled: string[] = [];
  const projector = projectorOver(bed, core, {
    fillVolatile: async (list, buildId) => {
      const build = (await bed.lists.builds()).find(({ id }) => id === buildId)!;
      filled.push(`${list} ${build.complete}`);
    },
  });
  await projector.catchUp();
  assert.equal(filled.sort(), ['apiKeys false', 'auditEvents false', 'users false']);
});

test('whoever waits for a position is woken when the list is there, or told that it is not', async () => {
  const { bed, core } = await bedWith(someWorld(30));
  const projector = projectorOver(bed, core, { batchSize: 3 });
  const reader = readerOver(bed, projector);
  const last = (await bed.store.readAll(null, 1000)).events.at(-1)!.position;
  assert.is(await reader.reached('users', last, 500), false);
  const late = await reader.waitFor('users', last, 100).catch((error: unknown) => error);
  assert.ok(failedWith(late, 'not-caught-up'));
  const waiting = reader.reached('users', last, 60_000);
  await projector.catchUp();
  assert.is(await waiting, true);
});

test('a checkpoint that the log does not know is a wrong store', async () => {
  const { bed } = await bedWith(someWorld(10));
  const [first] = (await bed.store.readAll(null, 10)).events;
  await requireInLog(bed.store, 'x', { position: first!.position, eventId: first!.id });
  for (const checkpoint of [
    { position: first!.position, eventId: 'another' },
    { position: 'f'.repeat(16), eventId: first!.id },
  ]) {
    const error = await requireInLog(bed.store, 'list users', checkpoint).catch((caught: unknown) => caught);
    assert.instance(error, WrongStore);
  }
});

test.run();
