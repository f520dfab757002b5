import * as assert from 'uvu/assert';
import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { failedWith } from '../../commands/failure.ts';
import { event, ids } from '../adapters/events.ts';
import { createGate, dyingAt, withFaults } from './faultyEventStore.ts';
import { suite } from './suite.ts';

const faults = suite('an event store with faults');

const unavailable = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => false,
    (error: unknown) => failedWith(error, 'store-unavailable'),
  );

faults('fails a call without effect, and loses the answer of one that had its effect', async () => {
  const inner = createMemoryEventStore();
  const store = withFaults(inner, { append: (_, __, call) => (['fail', 'lost'] as const)[call - 1] });
  const one = event();
  assert.ok(await unavailable(store.append('a', 'no-stream', [one])));
  assert.is((await inner.readAll(null, 10)).events.length, 0);
  assert.ok(await unavailable(store.append('a', 'no-stream', [one])));
  assert.equal(ids((await inner.readAll(null, 10)).events), [one.id]);
  assert.is((await store.append('a', 'no-stream', [one])).appended, true);
  assert.equal(ids((await inner.readAll(null, 10)).events), [one.id]);
});

faults('holds a call before or after its effect until the gate opens', async () => {
  const inner = createMemoryEventStore();
  const [first, second] = [createGate(), createGate()];
  const store = withFaults(inner, {
    append: (stream) => (stream === 'a' ? { before: first.pass } : { after: second.pass }),
  });
  const a = store.append('a', 'no-stream', [event()]);
  const b = store.append('b', 'no-stream', [event()]);
  await Promise.all([first.reached, second.reached]);
  assert.equal(
    (await inner.readAll(null, 10)).events.map(({ stream }) => stream),
    ['b'],
  );
  first.open();
  await a;
  second.open();
  await b;
  assert.is((await inner.readAll(null, 10)).events.length, 2);
});

faults('fails reads by name and count', async () => {
  const store = withFaults(createMemoryEventStore(), {
    read: (name, call) => (name === 'readStream' && call === 2 ? 'fail' : undefined),
  });
  assert.not.ok(await unavailable(store.readStream('a', 0, 1)));
  assert.not.ok(await unavailable(store.readAll(null, 1)));
  assert.ok(await unavailable(store.readStream('a', 0, 1)));
  assert.not.ok(await unavailable(store.readStream('a', 0, 1)));
});

faults('dies at an append, before or after it took effect, and answers nothing more', async () => {
  for (const when of ['before', 'after'] as const) {
    const inner = createMemoryEventStore();
    const store = dyingAt(inner, 2, when);
    await store.append('a', 'no-stream', [event()]);
    assert.ok(await unavailable(store.append('a', 0, [event()])));
    assert.ok(await unavailable(store.append('b', 'no-stream', [event()])));
    assert.ok(await unavailable(store.readAll(null, 1)));
    assert.is((await inner.readAll(null, 10)).events.length, when === 'before' ? 1 : 2);
  }
});

faults.run();
