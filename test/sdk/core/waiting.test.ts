import * as assert from 'uvu/assert';
import { createWaiting } from '../../../sdk/src/core/waiting.ts';
import { VerifierUnavailable } from '../../../sdk/src/errors.ts';
import { suite } from '../../support/suite.ts';
import { createTime } from '../simulation/time.ts';

const waiting = suite('waiting for the verifier');

const outcome = (promise: Promise<void>) =>
  promise.then(
    () => 'there',
    (error: VerifierUnavailable) => error.code,
  );
const late = () => new VerifierUnavailable('stale');

waiting('all of them get it at once, and none is given up later', async () => {
  const time = createTime();
  const { wait, resolve, reject } = createWaiting(time.after, 1_000);
  const outcomes = [outcome(wait(late)), outcome(wait(late))];
  resolve();
  reject(new VerifierUnavailable('closed'));
  await time.runUntil(2_000);
  assert.equal(await Promise.all(outcomes), ['there', 'there']);
});

waiting('all of them are refused at once', async () => {
  const time = createTime();
  const { wait, resolve, reject } = createWaiting(time.after, 1_000);
  const outcomes = [outcome(wait(late)), outcome(wait(late))];
  reject(new VerifierUnavailable('forbidden'));
  resolve();
  assert.equal(await Promise.all(outcomes), ['forbidden', 'forbidden']);
});

waiting('each is given up after its own time, and says then why', async () => {
  const time = createTime();
  const { wait, resolve } = createWaiting(time.after, 1_000);
  let why: 'stale' | 'timeout' = 'timeout';
  const first = outcome(wait(() => new VerifierUnavailable(why)));
  await time.runUntil(500);
  const second = outcome(wait(late));
  why = 'stale';
  await time.runUntil(1_000);
  assert.is(await first, 'stale');
  resolve();
  assert.is(await second, 'there');
});

waiting.run();
