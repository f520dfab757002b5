import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { EventStore, EventToAppend, ExpectedRevision, Position } from '../../commands/ports/eventStore.ts';
import { suite } from '../support/suite.ts';
import type { Harness } from './eventStoreSuite.ts';
import { endOf, events, ids, newStream } from './events.ts';

const streams = 3;

type Operation =
  | { readonly op: 'append'; readonly stream: number; readonly off: number; readonly count: number }
  | { readonly op: 'repeat'; readonly which: number; readonly off: number }
  | { readonly op: 'readStream'; readonly stream: number; readonly from: number; readonly limit: number }
  | { readonly op: 'readAll'; readonly after: number; readonly limit: number }
  | { readonly op: 'readAt'; readonly which: number };

const small = fc.nat({ max: 6 });
const off = fc.constantFrom(0, 0, 0, 0, -1, 1, -2);
const stream = fc.nat({ max: streams - 1 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('append' as const), stream, off, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('repeat' as const), which: fc.nat(), off }) },
  fc.record({ op: fc.constant('readStream' as const), stream, from: small, limit: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ op: fc.constant('readAll' as const), after: fc.nat(), limit: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ op: fc.constant('readAt' as const), which: fc.nat() }),
);

type Kept = { readonly id: string; readonly stream: string; readonly revision: number };
type Past = { readonly stream: string; readonly expected: ExpectedRevision; readonly events: readonly EventToAppend[] };

/** An array of events is all that an event store is; whatever is asked of both, they agree. */
const run = async (store: EventStore, operations: readonly Operation[]): Promise<void> => {
  const start = await endOf(store);
  const names = Array.from({ length: streams }, () => newStream());
  const log: Kept[] = [];
  /** By place in the log; learned from the store, which alone makes them. */
  const positions: Position[] = [];
  const past: Past[] = [];

  const ofStream = (name: string) => log.filter((kept) => kept.stream === name);
  const moved = (last: number, by: number): ExpectedRevision => (last + by < 0 ? 'no-stream' : last + by);

  const append = async ({ stream: name, expected, events: given }: Past) => {
    const before = ofStream(name);
    const from = expected === 'no-stream' ? 0 : expected + 1;
    const result = await store.append(name, expected, given);
    if (from === before.length) {
      log.push(...given.map(({ id }, n) => ({ id, stream: name, revision: from + n })));
      past.push({ stream: name, expected, events: given });
      const read = await store.readAll(positions.at(-1) ?? start, 100);
      positions.push(...read.events.map(({ position }) => position));
    }
    const there = ids(ofStream(name).slice(from, from + given.length)).join() === ids(given).join();
    const last = log.findIndex(({ id }) => id === given.at(-1)!.id);
    if (there) assert.equal(result, { appended: true, revision: from + given.length - 1, position: positions[last] });
    else assert.equal(result, { appended: false, actual: moved(before.length, -1) });
  };

  const step = async (operation: Operation) => {
    switch (operation.op) {
      case 'append': {
        const name = names[operation.stream]!;
        const expected = moved(ofStream(name).length - 1, operation.off);
        return append({ stream: name, expected, events: events(operation.count) });
      }
      case 'repeat': {
        const again = past[operation.which % past.length];
        if (again === undefined) return;
        const expected = moved(again.expected === 'no-stream' ? -1 : again.expected, operation.off);
        // At the stream's end the same ids would be a new append: no caller does that.
        const end = moved(ofStream(again.stream).length, -1);
        if (expected !== end) await append({ ...again, expected });
        return;
      }
      case 'readStream': {
        const { from, limit } = operation;
        const kept = ofStream(names[operation.stream]!);
        const read = await store.readStream(names[operation.stream]!, from, limit);
        assert.equal(ids(read.events), ids(kept.slice(from, from + limit)));
        assert.is(read.end, from + limit >= kept.length);
        const last = kept.length - 1;
        if (store.endsAt !== undefined && read.end && from <= kept.length)
          assert.ok(store.endsAt(names[operation.stream]!, last));
        assert.not(store.endsAt?.(names[operation.stream]!, last - 1));
        return;
      }
      case 'readAll': {
        const from = operation.after % (log.length + 1);
        const read = await store.readAll(from === 0 ? start : positions[from - 1]!, operation.limit);
        const expected = log.slice(from, from + operation.limit);
        assert.equal(
          read.events.map(({ id, stream: name, revision }) => ({ id, stream: name, revision })),
          expected,
        );
        if (from + operation.limit < log.length) assert.is(read.end, false);
        return;
      }
      case 'readAt': {
        const which = operation.which % Math.max(log.length, 1);
        if (log.length > 0) assert.is((await store.readAt(positions[which]!))!.id, log[which]!.id);
      }
    }
  };

  for (const operation of operations) await step(operation);
};

/** Random calls against the model. */
export const eventStoreModel = (name: string, open: () => Promise<Harness>): void => {
  const test = suite(`event store against its model: ${name}`);
  let harness: Harness;

  test.before(async () => {
    harness = await open();
  });
  test.after(() => harness.dispose());

  test('agrees with an array, whatever is asked', async () => {
    const sequences = fc.array(operation, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(sequences, (operations) => run(harness.store, operations)),
      { numRuns: 150 },
    );
  });

  test.run();
};
