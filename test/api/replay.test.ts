import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { eventsOf, inLogOrder, replayAt } from '../../api/replay.ts';
import type { StoredEvent } from '../../commands/ports/eventStore.ts';
import type { Fold } from '../../domain/decider.ts';
import { instant } from '../../domain/instant.ts';
import { suite } from '../support/suite.ts';

const s = suite('replay');

const hour = (number: number) => instant(Date.UTC(2027, 0, 1, number));

/** Events of several streams, one after the other, each at an hour of its own choosing. */
const logOf = async (events: readonly { readonly stream: string; readonly at: string }[]) => {
  const store = createMemoryEventStore();
  const revisions = new Map<string, number>();
  for (const [i, { stream, at }] of events.entries()) {
    const before = revisions.get(stream) ?? -1;
    const metadata = {
      at,
      correlationId: 'c',
      causationId: null,
      actor: { kind: 'worker', id: null },
      requestId: null,
      policyRevision: null,
      version: 1,
    } as const;
    const id = `00000000-0000-7000-8000-${i.toString(16).padStart(12, '0')}`;
    await store.append(stream, before < 0 ? 'no-stream' : before, [{ id, type: 'Happened', data: { i }, metadata }]);
    revisions.set(stream, before + 1);
  }
  return store;
};

const codec = { openAll: async (events: readonly StoredEvent[]) => events as never };

/** All that happened, in order. */
const story: Fold<number[], { type: 'Happened'; data: { i: number } }> = {
  name: 'story',
  foldVersion: 1,
  initialState: () => [],
  evolve: (state, event) => [...state, event.data.i],
};

s('knows of a stream what was there at a time, and all of it now', async () => {
  const store = await logOf([1, 2, 2, 5].map((h) => ({ stream: 'a', at: hour(h) })));
  const at = async (time: string | null) => (await replayAt({ store, codec }, time).load(story, 'a')).state;
  assert.equal(await at(hour(0)), []);
  assert.equal(await at(hour(1)), [0]);
  assert.equal(await at(hour(2)), [0, 1, 2]);
  assert.equal(await at(hour(4)), [0, 1, 2]);
  assert.equal(await at(null), [0, 1, 2, 3]);
  assert.equal((await replayAt({ store, codec }, null).load(story, 'b')).state, []);
});

s('never tears a stream apart where a clock was set back', async () => {
  const store = await logOf([1, 5, 2, 6].map((h) => ({ stream: 'a', at: hour(h) })));
  const then = replayAt({ store, codec }, hour(3));
  // What came at 2 stands behind what a fast clock called 5, so that was there as well.
  assert.is(await then.upTo('a'), 2);
  assert.equal((await then.load(story, 'a')).state, [0, 1, 2]);
});

s('does not see what is appended while it looks', async () => {
  const store = await logOf([1, 2].map((h) => ({ stream: 'a', at: hour(h) })));
  const now = replayAt({ store, codec }, null);
  assert.is(await now.upTo('a'), 1);
  const { events } = await store.readStream('a', 1, 1);
  const { stream: _, revision: __, position: ___, ...event } = events[0]!;
  await store.append('a', 1, [{ ...event, id: '00000000-0000-7000-8000-00000000ffff' }]);
  assert.equal((await now.load(story, 'a')).state, [0, 1]);
});

s('puts several streams back in the order of the log', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 }), async (streams) => {
      const store = await logOf(streams.map((stream) => ({ stream, at: hour(1) })));
      const merged: unknown[] = [];
      const all = ['a', 'b', 'c'].map((stream) => eventsOf(store, stream, Number.POSITIVE_INFINITY));
      for await (const { data } of inLogOrder(all)) merged.push(data.i);
      assert.equal(
        merged,
        streams.map((_, i) => i),
      );
    }),
    { numRuns: 30 },
  );
});

s.run();
