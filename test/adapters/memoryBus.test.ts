import * as assert from 'uvu/assert';
import { createMemoryBus } from '../../adapters/memory/bus.ts';
import { suite } from '../support/suite.ts';
import { busBehaviours, heartbeat, message } from './busSuite.ts';

busBehaviours('memory', async () => {
  const bus = createMemoryBus();
  return { bus, dispose: bus.close };
});

const test = suite('bus: memory: slow subscribers');
const backlog = 5;

test('ends one that falls too far behind, after what it still holds and without a gap', async () => {
  const bus = createMemoryBus(backlog);
  const { signal } = new AbortController();
  const slow = bus.subscribe(signal);
  const quick = bus.subscribe(signal)[Symbol.asyncIterator]();
  for (let n = 1; n <= 8; n++) {
    await bus.publish([message(n)], n === 1 ? null : message(n - 1).position);
    assert.equal((await quick.next()).value, { kind: 'message', message: message(n) });
  }
  const seen: unknown[] = [];
  for await (const event of slow) seen.push(event.kind === 'message' && event.message.id);
  assert.equal(seen, ['event-1', 'event-2', 'event-3', 'event-4', 'event-5']);
  assert.is(signal.aborted, false);
});

test('counts only what waits, however much was given before', async () => {
  const bus = createMemoryBus(backlog);
  const events = bus.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  for (let n = 1; n <= 5_000; n++) {
    await bus.publish([message(n)], n === 1 ? null : message(n - 1).position);
    // Always three behind.
    if (n > 3) assert.is((await events.next()).value?.message.id, `event-${n - 3}`);
  }
});

test('keeps of heartbeats in a row only the newest, behind the messages before it', async () => {
  const bus = createMemoryBus(backlog);
  const events = bus.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  await bus.publish([message(1)], null);
  for (let n = 1; n <= 50; n++) await bus.heartbeat(heartbeat(n));
  await bus.publish([message(2)], message(1).position);
  await bus.heartbeat(heartbeat(51));
  const seen = [await events.next(), await events.next(), await events.next(), await events.next()];
  assert.equal(
    seen.map(({ value }) => value),
    [
      { kind: 'message', message: message(1) },
      { kind: 'heartbeat', heartbeat: heartbeat(50) },
      { kind: 'message', message: message(2) },
      { kind: 'heartbeat', heartbeat: heartbeat(51) },
    ],
  );
});

test.run();
