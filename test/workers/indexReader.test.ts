import * as assert from 'uvu/assert';
import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { Failure } from '../../commands/failure.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import {
  createIndexReader,
  type IndexReaderDeps,
  type IndexReaderOptions,
  WrongLog,
} from '../../workers/indexReader.ts';
import {
  created,
  hashBytes,
  installed,
  keyId,
  onKey,
  policy,
  registered,
  type Told,
  uuid,
} from '../projections/logs.ts';
import { createGate, type Fault, withFaults } from '../support/faultyEventStore.ts';
import { createManualTime } from '../support/manualTime.ts';
import { suite } from '../support/suite.ts';
import { createLogWriter, view } from './storedLog.ts';

const reader = suite('index reader');

const beginning: readonly Told[] = [installed, policy({}), registered(1), created(1, 1)];
const revoked = (n: number) => onKey(1, 'ApiKeyRevoked', { keyId: keyId(n), reason: 'owner', note: null });

const { sha256 } = nodeCryptography();

type Setting = {
  readonly store?: (plain: EventStore) => EventStore;
  readonly options?: Partial<IndexReaderOptions>;
  readonly deps?: Partial<IndexReaderDeps>;
  readonly log?: readonly Told[];
};

/** A reader over a log in memory, in a time of its own. */
const arrange = async ({ store: wrap = (plain) => plain, options, deps, log = beginning }: Setting = {}) => {
  const plain = createMemoryEventStore();
  const append = createLogWriter(plain);
  await append(...log);
  const time = createManualTime();
  const lists = createMemoryLists();
  const troubles: string[] = [];
  const all: IndexReaderDeps = {
    store: wrap(plain),
    view,
    blobs: lists,
    sha256,
    clock: time,
    scheduler: time,
    onTrouble: (what) => troubles.push(what),
    ...deps,
  };
  const make = () => createIndexReader(all, options);
  const made = make();
  const stop = new AbortController();
  const start = () => made.run(stop.signal);
  return {
    append,
    all,
    time,
    lists,
    troubles,
    made,
    make,
    start,
    stop: () => stop.abort(),
    plain,
    signal: stop.signal,
  };
};

const counting = (store: EventStore, count: () => void): EventStore => ({
  ...store,
  readAll: (after, limit) => {
    count();
    return store.readAll(after, limit);
  },
});

const code = (made: ReturnType<typeof createIndexReader>, n: number) =>
  made.proven()?.verify({ hash: hashBytes(n), wellFormed: () => true, scopes: [], applications: null }, 0).code ??
  'unavailable';

reader('answers nothing before the log was read to its end, then everything', async () => {
  const { made, start, stop, time } = await arrange();
  assert.is(code(made, 1), 'unavailable');
  const running = start();
  assert.is(code(made, 1), 'unavailable');
  assert.ok(await made.prove());
  assert.is(code(made, 1), 'valid');
  stop();
  await running;
  assert.is(code(made, 1), 'unavailable');
  assert.is(time.sleepers(), 0);
});

reader('reads a long log in batches, telling how far it is', async () => {
  const told: number[] = [];
  const log = [...beginning, ...Array.from({ length: 500 }, (_, n) => created(n + 2, 1))];
  const { made, start, stop } = await arrange({
    log,
    options: { batch: 50 },
    deps: { onProgress: ({ events }) => told.push(events) },
  });
  const running = start();
  assert.ok(await made.prove());
  assert.is(code(made, 501), 'valid');
  assert.equal(
    told,
    Array.from({ length: 10 }, (_, n) => (n + 1) * 50),
  );
  stop();
  await running;
});

reader('sees what is written without waiting for its round', async () => {
  const { made, start, stop, append, time } = await arrange();
  const running = start();
  await made.prove();
  await append(revoked(1));
  await time.settle();
  assert.is(code(made, 1), 'revoked');
  stop();
  await running;
});

reader('proves the end anew every half second, and is believed for two', async () => {
  let reads = 0;
  const { made, start, stop, time } = await arrange({
    store: (plain) => counting(plain, () => reads++),
  });
  const running = start();
  await time.advance(0);
  const before = reads;
  for (let round = 0; round < 20; round++) {
    await time.advance(500);
    assert.is(code(made, 1), 'valid');
  }
  assert.is(reads - before, 20);
  stop();
  await running;
});

reader(
  'says nothing as soon as the store has been silent for two seconds, and everything again when it answers',
  async () => {
    let fault: Fault | undefined;
    const { made, start, stop, time, append, troubles } = await arrange({
      store: (plain) => withFaults(plain, { read: () => fault }),
    });
    const running = start();
    await time.advance(0);
    fault = 'fail';
    await append(revoked(1));
    await time.advance(1999);
    // Old knowledge, within its bound: what it says was true when it was proven.
    assert.is(code(made, 1), 'valid');
    await time.advance(2);
    assert.is(code(made, 1), 'unavailable');
    await time.advance(60_000);
    assert.is(code(made, 1), 'unavailable');
    assert.ok(troubles.length > 0);
    fault = undefined;
    await time.advance(500);
    assert.is(code(made, 1), 'revoked');
    stop();
    await running;
  },
);

reader('a proof is as old as its read was sent, however late it came', async () => {
  const gate = createGate();
  let slow = false;
  const { made, start, stop, time } = await arrange({
    store: (plain) => withFaults(plain, { read: () => (slow ? { after: gate.pass } : undefined) }),
  });
  const running = start();
  await time.advance(0);
  slow = true;
  await time.advance(500);
  await gate.reached;
  await time.advance(1900);
  slow = false;
  const sent = made.proof()!.monotonic;
  gate.open();
  await time.settle();
  // The slow answer counts from when it was asked for; the next read, sent now, is as good as new.
  assert.ok(made.proof()!.monotonic > sent);
  assert.is(code(made, 1), 'valid');
  stop();
  await running;
});

reader('believes neither a monotonic nor a wall clock that says it is late', async () => {
  const { made, start, stop, time } = await arrange();
  const running = start();
  await time.advance(0);
  time.setWall(time.now() + 3_600_000);
  assert.is(code(made, 1), 'unavailable');
  await time.advance(500);
  assert.is(code(made, 1), 'valid');
  time.setWall(time.now() - 7_200_000);
  assert.is(code(made, 1), 'valid');
  stop();
  await running;
});

reader('gives up a read that never answers', async () => {
  const gate = createGate();
  let hang = false;
  const { made, start, stop, time } = await arrange({
    store: (plain) => withFaults(plain, { read: () => (hang ? { before: gate.pass } : undefined) }),
  });
  const running = start();
  await time.advance(0);
  hang = true;
  await time.advance(3000);
  assert.is(code(made, 1), 'unavailable');
  hang = false;
  await time.advance(30_000);
  assert.is(code(made, 1), 'valid');
  gate.open();
  await time.settle();
  assert.is(code(made, 1), 'valid');
  stop();
  await running;
});

const halts = async (strange: Told, why: RegExp) => {
  const { made, start, stop, append, troubles, time } = await arrange();
  const running = start();
  await made.prove();
  await append(strange, revoked(1));
  await time.settle();
  assert.is(code(made, 1), 'unavailable');
  assert.match(made.halted()!.reason, why);
  assert.is(made.halted()!.eventId, uuid('d', 5));
  assert.ok(troubles.some((trouble) => trouble.includes('halts')));
  assert.not.ok(await made.waitFor('z', 5000));
  assert.not.ok(await made.prove());
  stop();
  await running;
};

reader('halts at an event of an unknown type', () =>
  halts({ stream: 'x', type: 'SomethingNew', data: {} } as unknown as Told, /unknown event type SomethingNew/),
);

reader('halts at an event that contradicts the log', () => halts(revoked(9), /never created/));

reader('waits for a position, no longer than asked', async () => {
  const gate = createGate();
  let slow = false;
  const { made, start, stop, time, append } = await arrange({
    store: (plain) => withFaults(plain, { read: () => (slow ? { before: gate.pass } : undefined) }),
  });
  const running = start();
  await made.prove();
  const near = await append(created(2, 1));
  assert.ok(await made.waitFor(near, 2000));
  slow = true;
  const far = await append(created(3, 1));
  const waited = made.waitFor(far, 2000);
  await time.advance(2000);
  assert.not.ok(await waited);
  slow = false;
  gate.open();
  assert.ok(await made.waitFor(far, 2000));
  stop();
  await running;
  assert.is(time.sleepers(), 0);
});

reader('counts as unproven while it owes a command its events', async () => {
  const gate = createGate();
  let slow = false;
  const { made, start, stop, time, append } = await arrange({
    // Answers from before the append: a read replica that lags.
    store: (plain) => ({
      ...plain,
      readAll: async (after, limit) =>
        slow ? { events: [], position: after, end: true } : plain.readAll(after, limit),
    }),
  });
  const running = start();
  await made.prove();
  slow = true;
  const position = await append(revoked(1));
  const answered = made.afterAppend(position);
  await time.advance(1500);
  assert.is(code(made, 1), 'valid');
  await time.advance(500);
  assert.not.ok(await answered);
  assert.is(code(made, 1), 'unavailable');
  slow = false;
  await time.advance(500);
  assert.is(code(made, 1), 'revoked');
  gate.open();
  stop();
  await running;
});

reader('a proof that was asked for is of a read sent after', async () => {
  const gate = createGate();
  let slow = false;
  const { made, start, stop, time, append } = await arrange({
    store: (plain) => withFaults(plain, { read: () => (slow ? { after: gate.pass } : undefined) }),
  });
  const running = start();
  await time.advance(0);
  slow = true;
  await time.advance(500);
  await gate.reached;
  // The read under way looked before this was written.
  await append(revoked(1));
  const proven = made.prove();
  slow = false;
  gate.open();
  assert.ok(await proven);
  assert.is(code(made, 1), 'revoked');
  stop();
  await running;
});

reader('goes on from its snapshot, reading only what came after', async () => {
  const setting = await arrange();
  const running = setting.start();
  await setting.made.prove();
  setting.stop();
  await running;
  await setting.append(revoked(1));
  const second = setting.make();
  await second.open();
  assert.is(second.position(), setting.made.position());
  const stop = new AbortController();
  const again = second.run(stop.signal);
  assert.ok(await second.prove());
  assert.is(code(second, 1), 'revoked');
  assert.is((await second.feedPage(null, 10)).length, 2);
  stop.abort();
  await again;
});

reader('takes a snapshot on the way when enough was folded', async () => {
  const { made, start, stop, time, lists, append } = await arrange({ options: { snapshotEvery: 3 } });
  const running = start();
  await made.prove();
  await time.settle();
  const first = await lists.getBlob('index/head');
  assert.ok(first);
  await append(created(2, 1));
  await time.settle();
  assert.equal(await lists.getBlob('index/head'), first);
  await append(created(3, 1), created(4, 1));
  // A part of it each turn.
  for (let turns = 0; turns < 10; turns++) await time.settle();
  assert.not.equal(await lists.getBlob('index/head'), first);
  stop();
  await running;
});

reader('starts from nothing where the snapshot is damaged, of another format, or cannot be read', async () => {
  const setting = await arrange();
  const running = setting.start();
  await setting.made.prove();
  setting.stop();
  await running;
  const head = (await setting.lists.getBlob('index/head'))!;
  const text = new TextDecoder().decode(head);
  const parts = (JSON.parse(text) as { parts: string }).parts;
  const hashes = (await setting.lists.getBlob(`${parts}3/0`))!;

  const positionAfter = async () => {
    const made = setting.make();
    await made.open();
    return made.position();
  };
  assert.is(await positionAfter(), setting.made.position());

  await setting.lists.putBlob(
    `${parts}3/0`,
    hashes.map((byte, i) => (i === 7 ? byte ^ 1 : byte)),
  );
  assert.is(await positionAfter(), null);
  await setting.lists.putBlob(`${parts}3/0`, hashes);
  assert.is(await positionAfter(), setting.made.position());

  for (const wrong of [
    text.slice(1),
    text.replace('"foldVersion":', '"foldVersion":9'),
    text.replace('"format":', '"format":9'),
  ]) {
    await setting.lists.putBlob('index/head', new TextEncoder().encode(wrong));
    assert.is(await positionAfter(), null);
  }
  await setting.lists.putBlob('index/head', head);
  await setting.lists.removeBlobs(`${parts}0`);
  assert.is(await positionAfter(), null);
});

reader('takes the newer snapshot where another process has put it in the place of the one being read', async () => {
  const setting = await arrange();
  const running = setting.start();
  await setting.made.prove();
  setting.stop();
  await running;
  await setting.append(created(2, 1));
  let replaced = false;
  const blobs = {
    ...setting.lists,
    getBlob: async (name: string) => {
      if (!replaced && name.endsWith('/0')) {
        replaced = true;
        const stop = new AbortController();
        const other = setting.make();
        await other.open();
        const writing = other.run(stop.signal);
        await other.prove();
        stop.abort();
        await writing;
      }
      return setting.lists.getBlob(name);
    },
  };
  const made = createIndexReader({ ...setting.all, blobs });
  await made.open();
  assert.ok(replaced);
  const { events } = await setting.plain.readAll(null, 100);
  assert.is(made.position(), events.at(-1)!.position);
});

reader('of several processes one at a time writes a snapshot', async () => {
  const setting = await arrange();
  let holder: string | null = null;
  const turnOf = (name: string) => ({
    take: async () => {
      if (holder !== null && holder !== name) return false;
      holder = name;
      return true;
    },
    giveBack: async () => {
      holder = null;
    },
  });
  const leave = async (name: string) => {
    const made = createIndexReader({ ...setting.all, snapshotTurn: turnOf(name) });
    const stop = new AbortController();
    const running = made.run(stop.signal);
    await made.prove();
    stop.abort();
    await running;
  };
  holder = 'another';
  await leave('one');
  assert.is(await setting.lists.getBlob('index/head'), null, 'not while another one writes');
  holder = null;
  await leave('one');
  assert.ok(await setting.lists.getBlob('index/head'));
  assert.is(holder, null, 'it gives the turn back');
  assert.equal(setting.troubles, []);
});

reader('refuses a snapshot of another log', async () => {
  const setting = await arrange();
  const running = setting.start();
  await setting.made.prove();
  setting.stop();
  await running;
  const shorter = createIndexReader({
    store: createMemoryEventStore(),
    view,
    blobs: setting.lists,
    sha256,
    clock: setting.time,
    scheduler: setting.time,
  });
  const refused = await shorter.open().then(
    () => null,
    (error: unknown) => error,
  );
  assert.instance(refused, WrongLog);
  const silent = createIndexReader({
    store: withFaults(setting.plain, { read: () => 'fail' }),
    view,
    blobs: setting.lists,
    sha256,
    clock: setting.time,
    scheduler: setting.time,
  });
  const failed = await silent.open().then(
    () => null,
    (error: unknown) => error,
  );
  assert.instance(failed, Failure);
});

reader('keeps going when a snapshot cannot be written', async () => {
  const { made, start, stop, troubles, time } = await arrange({
    options: { snapshotEvery: 1 },
    deps: {
      blobs: {
        getBlob: async () => null,
        putBlob: async () => {
          throw new Failure('store-unavailable', 'full');
        },
        removeBlobs: async () => {},
      },
    },
  });
  const running = start();
  await made.prove();
  await time.settle();
  assert.ok(troubles.some((trouble) => trouble.includes('snapshot')));
  assert.is(code(made, 1), 'valid');
  stop();
  await running;
});

reader('does not let a store that cries wolf take the process', async () => {
  let reads = 0;
  const { made, start, stop, time } = await arrange({
    store: (plain) => ({ ...counting(plain, () => reads++), changed: async () => {} }),
  });
  const running = start();
  await made.prove();
  const before = reads;
  await time.advance(100);
  assert.ok(reads - before <= 15, `${reads - before} reads in a tenth of a second`);
  stop();
  await running;
});

reader.run();
