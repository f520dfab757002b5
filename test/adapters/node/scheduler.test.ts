import * as assert from 'uvu/assert';
import { systemRandomness } from '../../../adapters/node/randomness.ts';
import { systemScheduler, type Timers } from '../../../adapters/node/scheduler.ts';
import { systemClock } from '../../../adapters/node/systemClock.ts';
import { suite } from '../../support/suite.ts';

const scheduling = suite('scheduler');
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Timers that ring when told to. */
const handTimers = () => {
  const set: { callback: () => void; ms: number }[] = [];
  const timers: Timers = {
    set: (callback, ms) => set[set.push({ callback, ms }) - 1],
    clear: (timer) => set.splice(set.indexOf(timer), 1),
  };
  return { timers, set, ring: () => set[0]?.callback() };
};

scheduling('sleeps beyond what one timer can', async () => {
  const { timers, set, ring } = handTimers();
  let over = false;
  const slept = systemScheduler(timers)
    .sleep(2 ** 31 + 500)
    .then(() => {
      over = true;
    });
  assert.equal(
    set.map(({ ms }) => ms),
    [2 ** 31 - 1],
  );
  ring();
  await turn();
  assert.not.ok(over);
  assert.equal(
    set.map(({ ms }) => ms),
    [501],
  );
  ring();
  await slept;
  assert.equal(set, []);
});

scheduling('ends early when the signal fires, and leaves no timer', async () => {
  const { timers, set } = handTimers();
  const stop = new AbortController();
  const slept = systemScheduler(timers).sleep(2 ** 40, stop.signal);
  stop.abort();
  await slept;
  assert.equal(set, []);
});

scheduling('does not begin after the signal', async () => {
  const { timers, set } = handTimers();
  await systemScheduler(timers).sleep(1_000, AbortSignal.abort());
  assert.equal(set, []);
});

scheduling('sleeps of nothing let other work go on', async () => {
  const order: string[] = [];
  const slept = systemScheduler()
    .sleep(0)
    .then(() => order.push('slept'));
  await Promise.resolve();
  order.push('work');
  await slept;
  assert.equal(order, ['work', 'slept']);
});

scheduling('a real timer rings', async () => {
  const clock = systemClock();
  const before = clock.monotonic();
  await systemScheduler().sleep(2);
  assert.ok(clock.monotonic() > before);
  assert.ok(clock.now() > Date.parse('2024-01-01'));
});

scheduling('random bytes have the length asked for and differ', () => {
  const { bytes } = systemRandomness();
  assert.is(bytes(16).length, 16);
  assert.not.equal(bytes(16), bytes(16));
});

scheduling.run();
