import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createFolds, type Folds } from '../../../commands/handling/folds.ts';
import type { Fold } from '../../../domain/decider.ts';
import type { Recorded } from '../../../domain/event.ts';
import { createBed } from '../../support/commandBed.ts';
import { createGate, withFaults } from '../../support/faultyEventStore.ts';
import { suite } from '../../support/suite.ts';
import { addNote, type NoteEvent, type Notes, notes, tally, toyCatalogue } from './toys.ts';

const folding = suite('fold cache and snapshots');
const stream = 'user-p1';
const bed = () => createBed({ catalogue: toyCatalogue, folds: { snapshotEvery: 5, pageSize: 3 } });
type Core = ReturnType<ReturnType<typeof bed>['process']>;
type Store = ReturnType<typeof bed>['store'];

const append = async (core: Core, store: Store, event: NoteEvent, more: { ip?: string; actor?: string } = {}) => {
  const { events } = await store.readStream(stream, 0, 1_000);
  const [sealed] = await core.codec.seal(
    stream,
    [{ ...event, id: `00000000-0000-7000-8000-${String(events.length).padStart(12, '0')}` }],
    {
      at: '2027-01-01T00:00:00.000Z',
      correlationId: 'c',
      causationId: null,
      actor: more.actor ? { kind: 'admin', id: more.actor } : { kind: 'worker', id: null },
      ip: more.ip ?? null,
      userAgent: null,
      requestId: null,
      policyRevision: null,
      reason: null,
    },
  );
  await store.append(stream, events.length === 0 ? 'no-stream' : events.length - 1, [sealed!.toAppend]);
};

const inFull = async <S>(core: Core, store: Store, fold: Fold<S, NoteEvent>): Promise<S> => {
  const { events } = await store.readStream(stream, 0, 1_000);
  return (await core.codec.openAll(events)).reduce(
    (state, event) => fold.evolve(state, event as unknown as Recorded<NoteEvent>),
    fold.initialState(),
  );
};

const seen = (folds: Folds, fold: Fold<Notes, NoteEvent> = notes) =>
  folds.read(fold, stream, (loaded) => structuredClone(loaded));

const added = (n: number): NoteEvent => ({ type: 'NoteAdded', data: { id: `n${n}`, text: `text ${n}` } });

folding('is always the whole stream folded, however it was cached, dropped or kept on disk', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('add', 'remove', 'read here', 'read there', 'restart', 'drop', 'clear', 'settle'), {
        minLength: 5,
        maxLength: 60,
      }),
      async (acts) => {
        const { process, store } = bed();
        const here = process();
        let there = process();
        await here.keys.ensure('p1');
        for (const [n, act] of acts.entries()) {
          if (act === 'add') await append(here, store, added(n));
          if (act === 'remove')
            await append(here, store, { type: 'NoteRemoved', data: { id: `n${Math.floor(n / 2)}` } });
          if (act === 'read here') assert.equal((await seen(here.folds)).state, await inFull(here, store, notes));
          if (act === 'read there') assert.equal((await seen(there.folds)).state, await inFull(here, store, notes));
          if (act === 'restart') there = process();
          if (act === 'drop') here.folds.drop('p1');
          if (act === 'clear') there.folds.clear();
          if (act === 'settle') await there.folds.settled();
        }
        const { events } = await store.readStream(stream, 0, 1_000);
        for (const core of [here, there, process()]) {
          const loaded = await seen(core.folds);
          assert.equal(loaded.state, await inFull(here, store, notes));
          assert.is(loaded.revision, events.length - 1);
          assert.is(loaded.position, events.at(-1)?.position ?? null);
          await core.folds.settled();
          assert.equal(core.reports, []);
        }
      },
    ),
    { numRuns: 60 },
  ),
);

/** Nine events and a snapshot of them, and a process that counts what it reads of the stream. */
const snapshotted = async () => {
  const { process, store, lists } = bed();
  const first = process();
  await first.keys.ensure('p1');
  for (let n = 0; n < 9; n += 1) await append(first, store, added(n), n === 3 ? { ip: '192.0.2.1', actor: 'a1' } : {});
  await seen(first.folds);
  await first.folds.settled();
  const name = `fold/notes/${stream}`;
  const next = () => {
    const reads: number[] = [];
    const counted = {
      ...store,
      readStream: async (...of: Parameters<Store['readStream']>) => {
        reads.push(of[1]);
        return store.readStream(...of);
      },
    };
    return { core: process({ store: counted }), reads };
  };
  return { first, store, lists, name, next };
};

folding('reads on from a snapshot', async () => {
  const { first, store, next } = await snapshotted();
  const { core, reads } = next();
  assert.equal((await seen(core.folds)).state, await inFull(first, store, notes));
  assert.equal(reads, [0, 8, 9]);
});

folding('keeps nothing readable of anybody in a snapshot', async () => {
  const { lists, name } = await snapshotted();
  const text = Buffer.from((await lists.getBlob(name))!).toString('latin1');
  for (const word of ['text 1', '"n1"', '192.0.2.1']) assert.not.ok(text.includes(word), word);
});

const withOther = (bytes: Uint8Array, at: number): Uint8Array => {
  const other = Uint8Array.from(bytes);
  other[at] = other[at] === 65 ? 66 : 65;
  return other;
};

folding('throws away a damaged, moved, foreign or older snapshot', async () => {
  const { first, store, lists, name, next } = await snapshotted();
  const good = (await lists.getBlob(name))!;
  const whole = await inFull(first, store, notes);
  const damages: [string, () => Promise<void>, reported: boolean][] = [
    ['cut', () => lists.putBlob(name, good.subarray(0, good.length - 9)), true],
    ['no snapshot at all', () => lists.putBlob(name, Buffer.from('<html>')), true],
    ['empty', () => lists.putBlob(name, new Uint8Array(0)), true],
    ['one letter', () => lists.putBlob(name, withOther(good, good.length - 40)), true],
  ];
  for (const [what, damage, reported] of damages) {
    await damage();
    const { core } = next();
    assert.equal((await seen(core.folds)).state, whole, what);
    await core.folds.settled();
    assert.is(core.reports.length, reported ? 1 : 0, what);
  }
  await lists.putBlob(name, good);
  const newer = next();
  const shape = { ...notes, foldVersion: 2 };
  assert.equal((await seen(newer.core.folds, shape)).state, whole);
  assert.ok(newer.reads.includes(3), 'read from the beginning');
  await newer.core.folds.settled();
  await lists.putBlob('fold/other/user-p1', good);
  const moved = next();
  assert.equal((await seen(moved.core.folds, { ...notes, name: 'other' })).state, whole);
  assert.is(moved.core.reports.length, 1);
});

folding('throws away a snapshot of a log that has another event there', async () => {
  const { lists, name } = await snapshotted();
  const good = (await lists.getBlob(name))!;
  const other = bed();
  const core = other.process();
  await core.keys.ensure('p1');
  await other.lists.putBlob(name, good);
  for (let n = 0; n < 5; n += 1) await append(core, other.store, added(100 + n));
  assert.is((await seen(core.folds)).state.notes.length, 5);
});

folding('a snapshot is gone with the key of anybody it speaks of', async () => {
  for (const erased of ['p1', 'a1']) {
    const { first, store, next } = await snapshotted();
    await first.keys.destroy(erased, '2027-01-01T00:00:00.000Z');
    const { core, reads } = next();
    const { state } = await seen(core.folds);
    assert.ok(reads.includes(3), 'read from the beginning');
    assert.equal(state, await inFull(core, store, notes));
    assert.is(state.notes[0]!.text, erased === 'p1' ? null : 'text 0');
    assert.is(
      state.seen.some((line) => line.includes('192.0.2.1')),
      erased === 'p1',
    );
  }
});

folding('forgets what it held of an erased person, also in others’ streams', async () => {
  for (const erased of ['p1', 'a1']) {
    const { first, store } = await snapshotted();
    await seen(first.folds);
    await first.keys.destroy(erased, '2027-01-01T00:00:00.000Z');
    first.folds.drop(erased);
    assert.is(first.folds.peek(notes, stream), null);
    assert.equal((await seen(first.folds)).state, await inFull(first, store, notes));
  }
});

folding('does not bring back what it was reading when the person was erased', async () => {
  const { process, store } = bed();
  const gate = createGate();
  const first = process();
  await first.keys.ensure('p1');
  await append(first, store, added(1));
  const slow = process({
    store: withFaults(store, { read: (_name, call) => (call === 1 ? { after: gate.pass } : undefined) }),
  });
  const reading = seen(slow.folds);
  await gate.reached;
  await slow.keys.destroy('p1', '2027-01-01T00:00:00.000Z');
  slow.folds.drop('p1');
  gate.open();
  assert.is((await reading).state.notes[0]!.text, null);
});

folding('whoever asks while a read is under way gets what was appended before they asked', async () => {
  const { process, store } = bed();
  const gate = createGate();
  const other = process();
  await other.keys.ensure('p1');
  await append(other, store, added(1));
  let reads = 0;
  const slow = process({
    store: withFaults(store, {
      read: (_name, call) => {
        reads = call;
        return call === 1 ? { after: gate.pass } : undefined;
      },
    }),
  });
  const first = seen(slow.folds);
  await gate.reached;
  await append(other, store, added(2));
  const later = [seen(slow.folds), seen(slow.folds), seen(slow.folds)];
  gate.open();
  assert.is((await first).state.notes.length, 1);
  for (const loaded of await Promise.all(later)) assert.is(loaded.state.notes.length, 2);
  assert.is(reads, 2, 'they shared one read');
});

folding('what is lent does not change; what is given back is not copied', async () => {
  const { process, store } = bed();
  const core = process();
  await core.keys.ensure('p1');
  await append(core, store, added(1));
  const first = await core.folds.load(notes, stream);
  await append(core, store, added(2));
  const second = await core.folds.load(notes, stream);
  assert.is(first.state.notes.length, 1);
  assert.is(second.state.notes.length, 2);
  first.release();
  second.release();
  second.release();
  await append(core, store, added(3));
  const third = await core.folds.load(notes, stream);
  assert.is(third.state, second.state, 'evolved in place');
  assert.is(third.state.notes.length, 3);
});

folding('copies a state by freeze and thaw where a fold has them', async () => {
  const { process, store } = bed();
  const core = process();
  await core.keys.ensure('p1');
  const counting: Fold<{ readonly ids: Set<string> }, NoteEvent> = {
    name: 'counting',
    foldVersion: 1,
    initialState: () => ({ ids: new Set() }),
    evolve: (state, event) => {
      state.ids.add(event.data.id);
      return state;
    },
    freeze: ({ ids }) => [...ids],
    thaw: (frozen) => ({ ids: new Set(frozen as string[]) }),
  };
  for (let n = 0; n < 6; n += 1) await append(core, store, added(n));
  const lent = await core.folds.load(counting, stream);
  await core.folds.settled();
  await append(core, store, added(6));
  const whole = (folds: Folds) => folds.read(counting, stream, ({ state }) => [...state.ids]);
  assert.equal(await whole(core.folds), ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6']);
  assert.is(lent.state.ids.size, 6);
  assert.equal(await whole(process().folds), ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6']);
});

folding('a fold that fails leaves nothing behind', async () => {
  const { process, store } = bed();
  const core = process();
  await core.keys.ensure('p1');
  await append(core, store, added(1));
  await append(core, store, { type: 'NoteRemoved', data: { id: 'n1' } });
  let broken = true;
  const fragile: Fold<string[], NoteEvent> = {
    name: 'fragile',
    foldVersion: 1,
    initialState: () => [],
    evolve: (state, event) => {
      state.push(event.type);
      if (broken && event.type === 'NoteRemoved') throw new Error('cannot fold this');
      return state;
    },
  };
  const read = () => core.folds.read(fragile, stream, (loaded) => [...loaded.state]);
  assert.match(String(await read().catch((error) => error)), 'cannot fold this');
  assert.is(core.folds.peek(fragile, stream), null);
  broken = false;
  assert.equal(await read(), ['NoteAdded', 'NoteRemoved']);
});

folding('keeps the states used last', async () => {
  const { process, request, store } = createBed({ catalogue: toyCatalogue, folds: { limit: 2 } });
  const core = process();
  for (const person of ['p1', 'p2', 'p3', 'p4']) {
    await core.handler.execute(addNote, { person, text: 'x' }, request());
  }
  assert.is(core.folds.peek(notes, 'user-p1'), null);
  assert.ok(core.folds.peek(notes, 'user-p4'));
  assert.is(core.folds.peek(tally, 'tally'), null);
  const again = await core.handler.execute(addNote, { person: 'p1', text: 'y' }, request());
  assert.is('result' in again && again.result.count, 2);
  assert.is((await store.readStream('user-p1', 0, 10)).events.length, 2);
});

folding('own events are not taken where one is missing before them', async () => {
  const { process, store } = bed();
  const core = process();
  await core.keys.ensure('p1');
  for (let n = 0; n < 2; n += 1) await append(core, store, added(n));
  await seen(core.folds);
  for (let n = 2; n < 4; n += 1) await append(core, store, added(n));
  const { events } = await store.readStream(stream, 3, 1);
  const [last] = await core.codec.openAll(events);
  core.folds.advance(notes, stream, [{ opened: last!, persons: [] }]);
  assert.is(core.folds.peek(notes, stream)?.revision, 1);
  assert.is((await seen(core.folds)).revision, 3);
});

folding('a store that leaves out an event is not believed', async () => {
  const { process, store } = bed();
  const core = process();
  await core.keys.ensure('p1');
  for (let n = 0; n < 3; n += 1) await append(core, store, added(n));
  const gapped = {
    ...store,
    readStream: async (...of: Parameters<Store['readStream']>) => {
      const page = await store.readStream(...of);
      return { ...page, events: page.events.filter(({ revision }) => revision !== 1) };
    },
  };
  const folds = createFolds({
    store: gapped,
    codec: core.codec,
    snapshots: { read: async () => null, write: async () => {} },
    scheduler: { sleep: async () => {} },
    report: () => {},
  });
  assert.match(String(await seen(folds).catch((error) => error)), 'goes on at 2');
});

folding('a snapshot that cannot be written is reported and costs nothing', async () => {
  const { process, store, lists } = bed();
  const core = process({ lists: { ...lists, putBlob: async () => Promise.reject(new Error('disk full')) } });
  await core.keys.ensure('p1');
  for (let n = 0; n < 6; n += 1) await append(core, store, added(n));
  assert.is((await seen(core.folds)).revision, 5);
  await core.folds.settled();
  assert.equal(core.reports, [`writing the snapshot of ${stream}: disk full`]);
});

folding.run();
