import { setImmediate as afterThis } from 'node:timers';
import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { failedWith } from '../../commands/failure.ts';
import type { AppendResult, EventStore, ExpectedRevision, Position } from '../../commands/ports/eventStore.ts';
import { suite } from '../support/suite.ts';
import { endOf, event, events, ids, newStream, readOn } from './events.ts';

/** A store to test, and how to get it again after it was closed, where it outlives that. */
export type Harness = {
  readonly store: EventStore;
  readonly reopen: (() => Promise<EventStore>) | null;
  /** Bytes that one append may hold, where the store behind it takes less than the port allows. */
  readonly maxAppendBytes?: number;
  readonly dispose: () => Promise<void>;
};

/** What every event store must do. `open` is called once: the tests share the store and never a stream. */
export const eventStoreBehaviours = (name: string, open: () => Promise<Harness>): void => {
  const test = suite(`event store: ${name}`);
  let harness: Harness;
  let store: EventStore;

  test.before(async () => {
    harness = await open();
    store = harness.store;
  });
  test.after(() => harness.dispose());

  const appended = async (stream: string, expected: ExpectedRevision, of = events(1)) => {
    const result = await store.append(stream, expected, of);
    if (!result.appended) throw new Error(`the stream stands at ${result.actual}, not at ${expected}`);
    return result;
  };

  test('gives back what was appended, whole', async () => {
    const stream = newStream();
    const written = {
      ...event({ text: 'a', number: -1.5, none: null, yes: true, list: [1, [2], {}], deep: { a: { b: [] } } }),
      sealed: { person: 'p1', box: 'AAAA' },
    };
    const { revision, position } = await appended(stream, 'no-stream', [written]);
    const { events: read, end } = await store.readStream(stream, 0, 10);
    assert.equal(read, [{ ...written, stream, revision: 0, position }]);
    assert.is(revision, 0);
    assert.is(end, true);
  });

  test('leaves out fields that are undefined, and sealed where nothing is', async () => {
    const stream = newStream();
    await appended(stream, 'no-stream', [event({ there: 1, absent: undefined })]);
    const read = (await store.readStream(stream, 0, 1)).events[0]!;
    assert.equal(Object.keys(read.data), ['there']);
    assert.not.ok('sealed' in read);
  });

  test('is not changed through what it was given or gave', async () => {
    const stream = newStream();
    const data = { list: [1] };
    await appended(stream, 'no-stream', [event(data)]);
    data.list.push(2);
    const read = (await store.readStream(stream, 0, 1)).events[0]!;
    assert.equal(read.data, { list: [1] });
    (read.data as typeof data).list.push(3);
    assert.equal((await store.readStream(stream, 0, 1)).events[0]!.data, { list: [1] });
  });

  test('numbers the events of a stream from 0 without gaps', async () => {
    const stream = newStream();
    assert.is((await appended(stream, 'no-stream', events(3))).revision, 2);
    assert.is((await appended(stream, 2, events(2))).revision, 4);
    const { events: read } = await store.readStream(stream, 0, 10);
    assert.equal(
      read.map(({ revision }) => revision),
      [0, 1, 2, 3, 4],
    );
  });

  test('refuses an append at another revision, says the actual one, and writes nothing', async () => {
    const stream = newStream();
    const conflict = (actual: ExpectedRevision): AppendResult => ({ appended: false, actual });
    assert.equal(await store.append(stream, 0, events(1)), conflict('no-stream'));
    await appended(stream, 'no-stream', events(2));
    assert.equal(await store.append(stream, 'no-stream', events(1)), conflict(1));
    assert.equal(await store.append(stream, 0, events(1)), conflict(1));
    assert.equal(await store.append(stream, 2, events(1)), conflict(1));
    assert.is((await store.readStream(stream, 0, 10)).events.length, 2);
  });

  test('answers the same append again as the first time, and writes it once', async () => {
    const stream = newStream();
    const [first, second] = [events(2), events(3)];
    const one = await appended(stream, 'no-stream', first);
    const two = await appended(stream, 1, second);
    assert.equal(await store.append(stream, 'no-stream', first), one);
    assert.equal(await store.append(stream, 1, second), two);
    assert.is((await store.readStream(stream, 0, 10)).events.length, 5);
  });

  test('answers an append that runs many times at once with one and the same answer', async () => {
    const stream = newStream();
    const same = events(2);
    const answers = await Promise.all(Array.from({ length: 20 }, () => store.append(stream, 'no-stream', same)));
    for (const answer of answers) assert.equal(answer, answers[0]);
    assert.equal(ids((await store.readStream(stream, 0, 10)).events), ids(same));
  });

  test('takes ids for a repeat only at their own revision, and all of them', async () => {
    const stream = newStream();
    const [a, b, c] = events(3) as [ReturnType<typeof event>, ReturnType<typeof event>, ReturnType<typeof event>];
    await appended(stream, 'no-stream', [a, b]);
    const conflict = { appended: false, actual: 1 };
    assert.equal(await store.append(stream, 0, [a, b]), conflict, 'one later');
    assert.equal(await store.append(stream, 'no-stream', [b, a]), conflict, 'another order');
    assert.equal(await store.append(stream, 'no-stream', [a, b, c]), conflict, 'one more');
    assert.equal(await store.append(stream, 'no-stream', [a, c]), conflict, 'one other');
    assert.equal(ids((await store.readStream(stream, 0, 10)).events), ids([a, b]));
  });

  test('knows a repeat also after others wrote to the stream', async () => {
    const stream = newStream();
    const first = events(2);
    const answer = await appended(stream, 'no-stream', first);
    await appended(stream, 1, events(3));
    assert.equal(await store.append(stream, 'no-stream', first), answer);
  });

  test('refuses what no event is, and writes nothing', async () => {
    const stream = newStream();
    const twice = event();
    const refused = [
      () => store.append(stream, 'no-stream', []),
      () => store.append(stream, 'no-stream', [{ ...event(), id: 'not-a-uuid' }]),
      () => store.append(stream, 'no-stream', [{ ...event(), id: event().id.toUpperCase().replace(/^./, 'A') }]),
      () => store.append(stream, 'no-stream', [event(), { ...event(), type: '' }]),
      () => store.append(stream, 'no-stream', [twice, twice]),
      () => store.append(stream, -1, events(1)),
      () => store.append(stream, 0.5, events(1)),
      () => store.append('', 'no-stream', events(1)),
      () => store.append(`${stream}\u0000`, 'no-stream', events(1)),
      () => store.append(`${stream}\ud800`, 'no-stream', events(1)),
      () => store.append(stream, 'no-stream', [event({ text: 'x'.repeat(17 * 1024 * 1024) })]),
    ];
    for (const call of refused) assert.instance(await errorOf(call), TypeError);
    assert.equal((await store.readStream(stream, 0, 1)).events, []);
  });

  test('refuses reads that make no sense', async () => {
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      assert.instance(await errorOf(() => store.readAll(null, limit)), TypeError);
      assert.instance(await errorOf(() => store.readStream(newStream(), 0, limit)), TypeError);
    }
    assert.instance(await errorOf(() => store.readStream(newStream(), -1, 1)), TypeError);
    assert.instance(await errorOf(() => store.readAll('elsewhere', 1)), TypeError);
  });

  test('gives a stream that has no events as empty', async () => {
    assert.equal(await store.readStream(newStream(), 0, 10), { events: [], end: true });
    assert.equal(await store.readStream(newStream(), 7, 10), { events: [], end: true });
  });

  test('reads a stream in pages from any revision, and says which is the last', async () => {
    const stream = newStream();
    const written = events(5);
    await appended(stream, 'no-stream', written);
    const page = async (from: number, limit: number) => {
      const { events: read, end } = await store.readStream(stream, from, limit);
      return { ids: ids(read), end };
    };
    assert.equal(await page(0, 2), { ids: ids(written.slice(0, 2)), end: false });
    assert.equal(await page(2, 2), { ids: ids(written.slice(2, 4)), end: false });
    assert.equal(await page(4, 2), { ids: ids(written.slice(4)), end: true });
    assert.equal(await page(0, 5), { ids: ids(written), end: true });
    assert.equal(await page(5, 5), { ids: [], end: true });
    assert.equal(await page(99, 5), { ids: [], end: true });
  });

  test('reads all after a position, exclusive, in pages, up to a proven end', async () => {
    const start = await endOf(store);
    const written = events(5);
    for (const one of written) await appended(newStream(), 'no-stream', [one]);
    const first = await store.readAll(start, 2);
    assert.equal(ids(first.events), ids(written.slice(0, 2)));
    assert.is(first.end, false);
    const second = await store.readAll(first.position, 1_000);
    assert.equal(ids(second.events), ids(written.slice(2)));
    assert.is(second.end, true);
    assert.ok(second.position! >= second.events.at(-1)!.position);
    const third = await store.readAll(second.position, 10);
    assert.equal({ ...third }, { events: [], position: second.position, end: true });
  });

  test('proves an end only after the call', async () => {
    const stream = newStream();
    const start = await endOf(store);
    const appending = store.append(stream, 'no-stream', events(1));
    await appending;
    const { events: read, end } = await store.readAll(start, 10);
    assert.is(read.length, 1, 'an append that was answered is before the end');
    assert.is(end, true);
  });

  test('gives positions of one width, lower case, that sort as the log does', async () => {
    const start = await endOf(store);
    for (let n = 0; n < 20; n += 1) await appended(newStream(), 'no-stream', events(1 + (n % 3)));
    const positions = (await readOn(store, start)).map(({ position }) => position);
    assert.equal(positions, [...positions].sort());
    assert.is(new Set(positions).size, positions.length);
    for (const position of positions) {
      assert.is(position.length, positions[0]!.length);
      assert.match(position, /^[0-9a-f]+$/);
    }
  });

  test('answers an append with the position of its last event', async () => {
    const stream = newStream();
    const { position } = await appended(stream, 'no-stream', events(3));
    assert.is((await store.readStream(stream, 2, 1)).events[0]!.position, position);
  });

  test('finds the event at a position, and nothing at others', async () => {
    const stream = newStream();
    const written = events(2);
    const { position } = await appended(stream, 'no-stream', written);
    assert.is((await store.readAt(position))!.id, written[1]!.id);
    assert.equal(await store.readAt(position), (await store.readStream(stream, 1, 1)).events[0]);
    assert.is(await store.readAt('f'.repeat(position.length)), null);
    assert.is(await store.readAt('0'.repeat(position.length)), null);
    assert.is(await store.readAt('no position'), null);
  });

  test('keeps one order of everything while 64 write at once', async () => {
    const start = await endOf(store);
    const shared = newStream('shared');
    const seen: string[] = [];
    const answered = new Map<string, Position>();
    let writing = true;

    const reading = (async () => {
      for (let after = start; ; ) {
        const last = !writing;
        const { events: read, position, end } = await store.readAll(after, 7);
        seen.push(...ids(read));
        after = position;
        if (end && last) return;
        if (end) await setImmediate();
      }
    })();

    const write = async (writer: number) => {
      const own = newStream(`writer-${writer}`);
      let expected: ExpectedRevision = 'no-stream';
      for (let n = 0; n < 10; n += 1) {
        const mine = events(1 + (n % 3));
        const result = await appended(own, expected, mine);
        expected = result.revision;
        answered.set(mine.at(-1)!.id, result.position);
        await appendSomewhere(shared, events(1));
      }
    };
    const appendSomewhere = async (stream: string, of: ReturnType<typeof events>) => {
      let expected: ExpectedRevision = 'no-stream';
      for (;;) {
        const result = await store.append(stream, expected, of);
        if (result.appended) return;
        expected = result.actual;
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, writer) => write(writer)));
    writing = false;
    await reading;

    const log = await readOn(store, start);
    assert.equal(seen, ids(log), 'who read along saw everything once, in the same order');
    assert.is(log.length, 64 * 29);
    for (const [id, position] of answered) assert.is(log.find((one) => one.id === id)!.position, position);
    const next = new Map<string, number>();
    for (const { stream, revision } of log) {
      assert.is(revision, next.get(stream) ?? 0);
      next.set(stream, revision + 1);
    }
    assert.is(next.get(shared), 640);
  });

  test('lets exactly one of many win at one revision', async () => {
    const stream = newStream();
    const results = await Promise.all(Array.from({ length: 50 }, () => store.append(stream, 'no-stream', events(2))));
    assert.is(results.filter((result) => result.appended).length, 1);
    for (const result of results) if (!result.appended) assert.is(result.actual, 1);
    assert.is((await store.readStream(stream, 0, 10)).events.length, 2);
  });

  test('never shows part of an append', async () => {
    const stream = newStream();
    const start = await endOf(store);
    const appending = store.append(stream, 'no-stream', events(500));
    const sizes = new Set<number>();
    let done = false;
    void appending.then(() => (done = true));
    while (!done) sizes.add((await store.readAll(start, 1_000)).events.length);
    await appending;
    sizes.delete(0);
    sizes.delete(500);
    assert.equal([...sizes], []);
    assert.is((await store.readAll(start, 1_000)).events.length, 500);
  });

  test('keeps text of every kind exactly', async () => {
    const texts = [
      'Zoë Ångström, 東京, ١٢٣, 👩🏽‍🚀, e\u0301',
      'quotes " \' ` and \\ back / slash',
      "'; DROP TABLE events; --",
      'null \u0000, line \u2028 and \u2029, bell \u0007, end',
      'half \ud800 of a pair',
      '{"$gt": ""}',
      '',
    ];
    const stream = newStream('東京 👩🏽‍🚀 \' " %');
    const written = texts.map((text) => event({ text, [text]: [text], __proto__x: 1 }, `Type ${text.length}`));
    await appended(stream, 'no-stream', written);
    const { events: read } = await store.readStream(stream, 0, 100);
    assert.equal(
      read.map(({ data }) => data),
      written.map(({ data }) => data),
    );
    assert.is(read[0]!.stream, stream);
  });

  test('keeps a field named __proto__ as a field', async () => {
    const stream = newStream();
    const data = JSON.parse('{"__proto__": {"admin": true}}') as Record<string, null>;
    await appended(stream, 'no-stream', [event(data)]);
    const read = (await store.readStream(stream, 0, 1)).events[0]!;
    assert.is(JSON.stringify(read.data), '{"__proto__":{"admin":true}}');
  });

  // EventStoreDB takes a mebibyte per append, and no more.
  test('keeps nearly a megabyte in one event', async () => {
    const stream = newStream();
    const text = 'ab€'.repeat(190_000);
    await appended(stream, 'no-stream', [event({ text }), event({ n: 2 })]);
    const { events: read } = await store.readStream(stream, 0, 10);
    assert.ok(read[0]!.data.text === text, 'the text came back');
    assert.equal(read[1]!.data, { n: 2 });
  });

  test('reads on to the end over pages that are cut short', async () => {
    const start = await endOf(store);
    const text = 'x'.repeat(1_000_000);
    for (let n = 0; n < 12; n += 1) await appended(newStream(), 'no-stream', [event({ n, text })]);
    const read = await readOn(store, start, 1_000);
    assert.equal(
      read.map(({ data }) => data.n),
      Array.from({ length: 12 }, (_, n) => n),
    );
  });

  test('never gives more than a thousand events at once', async () => {
    const stream = newStream();
    const start = await endOf(store);
    await appended(stream, 'no-stream', events(1_100));
    const all = await store.readAll(start, 1_000_000);
    assert.equal([all.events.length, all.end], [1_000, false]);
    const ofStream = await store.readStream(stream, 0, 1_000_000);
    assert.equal([ofStream.events.length, ofStream.end], [1_000, false]);
    assert.is((await readOn(store, start, 1_000_000)).length, 1_100);
  });

  test('lets everybody else have their turn while somebody reads page after page', async () => {
    const stream = newStream();
    await appended(stream, 'no-stream', events(10));
    const turn = Promise.withResolvers<void>();
    let reading = true;
    afterThis(() => {
      reading = false;
      turn.resolve();
    });
    let pages = 0;
    for (; reading && pages < 1_000; pages += 1) await store.readStream(stream, 0, 10);
    await turn.promise;
    assert.ok(pages < 1_000, 'nothing else ran for a thousand pages');
  });

  test('keeps many streams apart, also where names begin alike', async () => {
    const root = newStream();
    const names = Array.from({ length: 300 }, (_, n) => `${root}${'-'.repeat(n % 7)}${n % 3 === 0 ? 'A' : 'a'}${n}`);
    await Promise.all(names.map((name, n) => appended(name, 'no-stream', [event({ n })])));
    for (const [n, name] of names.entries())
      assert.equal(
        (await store.readStream(name, 0, 10)).events.map(({ data }) => data),
        [{ n }],
      );
    assert.equal((await store.readStream(root, 0, 10)).events, []);
  });

  test('says at once that something stands after a position', async () => {
    const start = await endOf(store);
    await appended(newStream(), 'no-stream');
    await store.changed(start, never());
    await store.changed(null, never());
  });

  test('wakes everybody who waits at the end when something is appended', async () => {
    const end = await endOf(store);
    const waiting = Promise.all([store.changed(end, never()), store.changed(end, never())]);
    await setImmediate();
    const { position } = await appended(newStream(), 'no-stream');
    await waiting;
    assert.ok((await store.readAll(end, 10)).position! >= position);
  });

  test('misses no append between reading and waiting', async () => {
    const end = await endOf(store);
    const reader = (async () => {
      let after = end;
      for (let left = 200; left > 0; ) {
        const { events: read, position } = await store.readAll(after, 10);
        left -= read.length;
        after = position;
        if (left > 0) await store.changed(after, never());
      }
      return 'all';
    })();
    await setImmediate();
    const stream = newStream();
    for (let n = 0; n < 200; n += 1) await appended(stream, n === 0 ? 'no-stream' : n - 1);
    assert.is(await reader, 'all');
  });

  test('stops waiting when the signal fires, or has fired', async () => {
    const end = await endOf(store);
    const stop = new AbortController();
    const waiting = store.changed(end, stop.signal);
    await setImmediate();
    stop.abort();
    await waiting;
    await store.changed(end, stop.signal);
    assert.is((await store.readAll(end, 1)).end, true);
  });

  test('finishes what it accepted before it closes, then answers nothing', async () => {
    const { store: closing, reopen, dispose } = await open();
    const stream = newStream();
    const waiting = closing.changed(await endOf(closing), never());
    const appending = closing.append(stream, 'no-stream', events(1));
    const closed = Promise.all([closing.close(), closing.close()]);
    assert.is((await appending).appended, true);
    await closed;
    await waiting;
    const calls = [
      () => closing.append(stream, 0, events(1)),
      () => closing.readStream(stream, 0, 1),
      () => closing.readAll(null, 1),
      () => closing.readAt('0'.repeat(16)),
      () => closing.changed(null, never()),
    ];
    for (const call of calls) assert.ok(failedWith(await errorOf(call), 'store-unavailable'));
    if (reopen !== null) {
      const again = await reopen();
      assert.is((await again.readStream(stream, 0, 10)).events.length, 1);
      await again.close();
    }
    await dispose();
  });

  test('is the same after it was opened again', async () => {
    const { store: first, reopen, dispose } = await open();
    if (reopen !== null) {
      const before = await endOf(first);
      const stream = newStream();
      const written = events(3);
      const answer = await first.append(stream, 'no-stream', written);
      const log = await readOn(first, before);
      await first.close();
      const second = await reopen();
      assert.equal(await readOn(second, before), log);
      assert.equal(await second.append(stream, 'no-stream', written), answer, 'a repeat is known');
      const more = await second.append(stream, 2, events(1));
      assert.ok(more.appended && answer.appended && more.position > answer.position);
      await second.close();
    }
    await dispose();
  });

  test.run();
};

/** A signal that never fires. */
const never = (): AbortSignal => new AbortController().signal;

const errorOf = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('it was not refused');
};
