import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createTails, type LogPage } from '../../../adapters/eventstoredb/tails.ts';
import { failedWith } from '../../../commands/failure.ts';
import type { Position, StoredEvent } from '../../../commands/ports/eventStore.ts';
import { suite } from '../../support/suite.ts';
import { endOf, event, events, ids, newStream } from '../events.ts';
import { createBed, failureOf } from './parts.ts';

const test = suite('EventStoreDB: ends of streams');

const { serve, open, end } = createBed();
test.after.each(end);

type Line = { readonly stream: string; readonly event: StoredEvent | null };

/** A log in memory, read a while after it is asked and answering a while after that. */
const delayedLog = (pause: () => Promise<unknown>) => {
  const lines: Line[] = [];
  /** How long the log was when a stream was read last. */
  const readAt = new Map<string, number>();
  let reads = 0;
  const positionAt = (index: number): Position => String(index).padStart(8, '0');
  const ofStream = (stream: string) =>
    lines.flatMap((line) => (line.stream === stream && line.event ? [line.event] : []));
  return {
    readAt,
    ofStream,
    /** Ids of what stands after one position, up to another. */
    between: (after: Position | null, to: Position | null) =>
      lines
        .filter((_, index) => (after === null || positionAt(index) > after) && to !== null && positionAt(index) <= to)
        .flatMap((line) => (line.event ? [line.event.id] : [])),
    /** Times the log was read. */
    reads: () => reads,
    positionBack: (back: number) => (lines.length > back ? positionAt(lines.length - 1 - back) : null),
    lastTouch: (stream: string) => lines.findLastIndex((line) => line.stream === stream && line.event === null),
    write: (stream: string) => {
      const position = positionAt(lines.length);
      lines.push({ stream, event: { ...event(), stream, revision: ofStream(stream).length, position } });
    },
    /** Somebody else's doing. */
    touch: (stream: string) => lines.push({ stream, event: null }),
    readStream: async (stream: string, from: number, limit: number) => {
      await pause();
      readAt.set(stream, lines.length);
      const rest = ofStream(stream).slice(from);
      await pause();
      return { events: rest.slice(0, limit), end: rest.length <= limit, fromStream: true };
    },
    readAll: async (after: Position | null, limit: number): Promise<LogPage> => {
      reads += 1;
      await pause();
      const begin = after === null ? 0 : Number(after) + 1;
      const some = lines.slice(begin, begin + limit);
      const page = {
        events: some.flatMap((line) => (line.event ? [line.event] : [])),
        touched: some.flatMap((line) => (line.event ? [] : [line.stream])),
        position: some.length > 0 ? positionAt(begin + some.length - 1) : after,
        end: begin + limit >= lines.length,
        weight: 0,
      };
      await pause();
      return page;
    },
  };
};

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const of = <T extends string>(op: T) => fc.record({ op: fc.constant(op), stream: name });
const step = fc.oneof(
  { weight: 6, arbitrary: of('write') },
  { weight: 1, arbitrary: of('touch') },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('tail' as const),
      stream: name,
      back: fc.nat({ max: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('follow' as const), limit: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('jump' as const), back: fc.nat({ max: 3 }) }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant('wait' as const), turns: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: of('settle') },
);

test('never hide what stood there when they were asked, whatever overtakes what', async () => {
  let shortcuts = 0;
  let pages = 0;
  let reads = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.boolean(),
      fc.array(step, { minLength: 10, maxLength: 80, size: 'max' }),
      async (scheduler, followedBefore, steps) => {
        const log = delayedLog(() => scheduler.schedule(Promise.resolve()));
        // Little is kept, so that much is forgotten.
        const tails = createTails(log, { events: 4, weight: 100 });
        const asked: Promise<void>[] = [];
        let followed: Position | null = null;
        const tail = async (stream: string, back: number) => {
          const there = log.ofStream(stream);
          const touched = log.lastTouch(stream);
          const from = Math.max(there.length - back, 0);
          const page = await tails.readStream(stream, from, 100);
          assert.ok(page.end);
          assert.equal(ids(page.events).slice(0, there.length - from), ids(there.slice(from)));
          if ('fromStream' in page) return;
          shortcuts += 1;
          assert.ok(log.readAt.get(stream)! > touched, 'what somebody else did to a stream was looked at there');
        };
        const follow = async (limit: number) => {
          const after = followed;
          const there = log.positionBack(0);
          const { events, position, end } = await tails.readAll(after, limit);
          pages += 1;
          assert.equal(ids(events), log.between(after, position), 'nothing is left out');
          assert.ok(events.length <= limit);
          if (end) assert.ok(position! >= there!, 'what stood there was read before the end was told');
          else assert.ok(position !== null && (after === null || position > after));
          if (position !== null && (followed === null || position > followed)) followed = position;
        };
        log.write('a');
        if (followedBefore) await Promise.all([follow(100), scheduler.waitIdle()]);
        for (const one of steps) {
          if (one.op === 'write') log.write(one.stream);
          if (one.op === 'touch') log.touch(one.stream);
          if (one.op === 'tail') asked.push(tail(one.stream, one.back));
          if (one.op === 'follow') asked.push(follow(one.limit));
          if (one.op === 'jump') followed = log.positionBack(one.back);
          if (one.op === 'settle') await scheduler.waitIdle();
          if (one.op === 'wait')
            for (let turn = 0; turn < one.turns && scheduler.count() > 0; turn += 1) await scheduler.waitNext(1);
        }
        await scheduler.waitIdle();
        await Promise.all(asked);
        reads += log.reads();
      },
    ),
    { numRuns: 1_000 },
  );
  assert.ok(shortcuts > 500, `only ${shortcuts} were answered without reading the stream`);
  assert.ok(reads < pages, `${reads} reads of the log for ${pages} pages of it`);
});

const counted = (server: Awaited<ReturnType<typeof serve>>) => {
  const counts = { reads: 0 };
  server.faults.gate = (call) => {
    if (call === 'read') counts.reads += 1;
    return null;
  };
  return counts;
};

test('of a hundred streams are one read, and what another process wrote is seen', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const streams = Array.from({ length: 100 }, () => newStream());
  for (const stream of streams) await store.append(stream, 'no-stream', events(2));
  await endOf(store);
  const tailsOf = () => Promise.all(streams.map((stream) => store.readStream(stream, 2, 100)));
  const counts = counted(server);
  await tailsOf();
  assert.is(counts.reads, 100);
  await tailsOf();
  assert.is(counts.reads, 101);
  const [one] = events(1);
  await other.append(streams[7]!, 1, [one!]);
  const found = await tailsOf();
  assert.equal(
    found.map((page) => ids(page.events)),
    streams.map((_, n) => (n === 7 ? [one!.id] : [])),
  );
  assert.is(counts.reads, 103);
});

test('of a stream that somebody else deleted are not taken from memory', async () => {
  const server = await serve();
  const store = open(server);
  for (const forEver of [false, true]) {
    const stream = newStream();
    await store.append(stream, 'no-stream', events(2));
    await endOf(store);
    assert.equal((await store.readStream(stream, 2, 10)).events, []);
    server.log.remove(`tests-${stream}`, forEver);
    assert.ok(failedWith(await failureOf(() => store.readStream(stream, 2, 10)), 'store-unavailable'));
  }
});

test('are read one by one where the log has gone on too far, and where nobody follows it', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const stream = newStream();
  await store.append(stream, 'no-stream', events(1));
  const counts = counted(server);
  for (let n = 0; n < 3; n += 1) assert.ok((await store.readStream(stream, 1, 10)).end);
  assert.is(counts.reads, 3);
  await endOf(store);
  await store.readStream(stream, 1, 10);
  for (let n = 0; n < 3; n += 1) await other.append(newStream(), 'no-stream', events(700));
  counts.reads = 0;
  assert.ok((await store.readStream(stream, 1, 10)).end);
  assert.is(counts.reads, 2);
  assert.ok((await store.readStream(stream, 1, 10)).end);
  assert.is(counts.reads, 3);
});

test('away, they fail as the reads would', async () => {
  const server = await serve();
  const store = open(server, { patience: { call: 1_000, append: 0, read: 0 } });
  const stream = newStream();
  await store.append(stream, 'no-stream', events(1));
  await endOf(store);
  await store.readStream(stream, 1, 10);
  await server.stop();
  const failures = await Promise.all([1, 2, 3].map(() => failureOf(() => store.readStream(stream, 1, 10))));
  for (const failure of failures) assert.ok(failedWith(failure, 'store-unavailable'));
  await server.start();
  const back = open(server);
  assert.is((await back.readStream(stream, 0, 10)).events.length, 1);
});

test.run();
