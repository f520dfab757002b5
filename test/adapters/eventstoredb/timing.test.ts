import * as assert from 'uvu/assert';
import { pauseAfter, within } from '../../../adapters/eventstoredb/timing.ts';
import { failedWith } from '../../../commands/failure.ts';
import { createManualTime } from '../../support/manualTime.ts';
import { suite } from '../../support/suite.ts';
import { failureOf } from './parts.ts';

const test = suite('EventStoreDB: deadlines');

test('what comes in time is the answer, and nothing is left waiting', async () => {
  const time = createManualTime();
  let late = 0;
  const onLate = () => {
    late += 1;
  };
  assert.is(await within(time, 1_000, Promise.resolve('yes'), onLate), 'yes');
  const error = new Error('no');
  assert.is(await failureOf(() => within(time, 1_000, Promise.reject(error), onLate)), error);
  await time.advance(5_000);
  assert.is(late, 0);
  assert.is(time.sleepers(), 0);
});

test('what comes late is not looked at, also where it fails', async () => {
  const time = createManualTime();
  let late = 0;
  const never = Promise.withResolvers<string>();
  const asked = failureOf(() =>
    within(time, 1_000, never.promise, () => {
      late += 1;
    }),
  );
  await time.advance(999);
  assert.is(late, 0);
  await time.advance(1);
  assert.ok(failedWith(await asked, 'store-unavailable'));
  assert.is(late, 1);
  // An error that nobody caught would end this process.
  never.reject(new Error('too late'));
  await time.settle();
});

test('pauses grow, to a second at most', () => {
  assert.equal([1, 2, 3, 4, 5, 6, 7, 100, 1e9].map(pauseAfter), [20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
});

test.run();
