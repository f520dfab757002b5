import { getEventListeners } from 'node:events';
import * as assert from 'uvu/assert';
import { systemScheduler } from '../../../adapters/node/scheduler.ts';
import { systemClock } from '../../../adapters/node/systemClock.ts';
import type { EventStoreDouble } from '../../servers/eventStoreDouble/double.ts';
import { eventually } from '../../support/eventually.ts';
import { createManualTime } from '../../support/manualTime.ts';
import { suite } from '../../support/suite.ts';
import { endOf, events, newStream } from '../events.ts';
import { createBed } from './parts.ts';

const test = suite('EventStoreDB (the double): wake-ups');

const { serve, open, end } = createBed();
test.after.each(end);

const never = () => new AbortController().signal;

/** How often somebody subscribed. */
const subscriptions = (server: EventStoreDouble) => {
  let count = 0;
  server.faults.gate = (call) => {
    if (call === 'subscribe') count += 1;
    return null;
  };
  return () => count;
};

test('come for what other processes write, over one subscription for all who wait', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const opened = subscriptions(server);
  for (let n = 0; n < 20; n += 1) {
    const after = await endOf(store);
    const waiting = Promise.all(Array.from({ length: 5 }, () => store.changed(after, never())));
    await other.append(newStream(), 'no-stream', events(1));
    await waiting;
  }
  assert.is(opened(), 1);
});

test("come for what others write also after so much of one's own that nobody listened to", async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  for (const own of [1, 40, 1_500]) {
    const first = store.changed(await endOf(store), never());
    await other.append(newStream(), 'no-stream', events(1));
    await first;
    await Promise.all(Array.from({ length: own }, () => store.append(newStream(), 'no-stream', events(1))));
    const waiting = store.changed(await endOf(store), never());
    await other.append(newStream(), 'no-stream', events(1));
    await waiting;
  }
});

test('go on after the subscription was lost, again and again', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const opened = subscriptions(server);
  for (let n = 1; n <= 10; n += 1) {
    const after = await endOf(store);
    const waiting = store.changed(after, never());
    await eventually(() => opened() >= n);
    server.cut();
    await other.append(newStream(), 'no-stream', events(1));
    await waiting;
    await eventually(() => opened() > n);
  }
});

test('tell what was written while nobody was subscribed', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const after = await endOf(store);
  const opened = subscriptions(server);
  const waiting = store.changed(after, never());
  await eventually(() => opened() === 1);
  let held = true;
  const gate = Promise.withResolvers<void>();
  server.faults.gate = (call) => (held && call === 'subscribe' ? gate.promise : null);
  server.cut();
  await other.append(newStream(), 'no-stream', events(1));
  held = false;
  gate.resolve();
  await waiting;
});

test('are asked for ever more slowly while the server is away, and at once when it is back', async () => {
  const server = await serve();
  const real = systemScheduler();
  const pauses: number[] = [];
  let asked = 0;
  // Pauses between tries take no time here; longer sleeps are deadlines.
  const scheduler = {
    sleep: (ms: number, signal?: AbortSignal) => {
      if (ms <= 1_000) pauses.push(ms);
      asked += 1;
      return real.sleep(ms <= 1_000 ? 0 : ms, signal);
    },
  };
  const store = open(server, { clock: systemClock(), scheduler });
  const other = open(server);
  const after = await endOf(store);
  await server.stop();
  const waiting = store.changed(after, never());
  await eventually(() => pauses.length >= 9);
  assert.equal(pauses.slice(0, 9), [20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
  await server.start();
  await other.append(newStream(), 'no-stream', events(1));
  await waiting;
  assert.ok(asked > 9);
});

test('that never come are waited for no longer than a while, and leave nothing behind', async () => {
  const server = await serve();
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time });
  const signal = never();
  const after = await endOf(store);
  for (let n = 0; n < 20; n += 1) {
    let ended = false;
    const waiting = store.changed(after, signal).finally(() => (ended = true));
    while (!ended) await time.advance(5_000);
    await waiting;
  }
  assert.is(getEventListeners(signal, 'abort').length, 0);
  assert.is(time.sleepers(), 0);
});

test('come over a new connection where the old one says nothing', async () => {
  const server = await serve();
  const time = createManualTime();
  const [store, other] = [open(server, { clock: time, scheduler: time }), open(server)];
  const after = await endOf(store);
  let opened = 0;
  server.faults.gate = (call) => {
    if (call !== 'subscribe') return null;
    opened += 1;
    return opened === 1 ? new Promise(() => {}) : null;
  };
  const waiting = store.changed(after, never());
  await eventually(() => opened === 1);
  await other.append(newStream(), 'no-stream', events(1));
  let ended = false;
  void waiting.finally(() => (ended = true));
  while (!ended) await time.advance(1_000);
  assert.ok(opened >= 2);
});

test.run();
