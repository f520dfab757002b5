import * as assert from 'uvu/assert';
import { Failure, failedWith } from '../../commands/failure.ts';
import { OperationError } from '../../main/operations.ts';
import { onceItAnswers, patienceMs } from '../../main/patience.ts';
import { createManualTime } from '../support/manualTime.ts';
import { suite } from '../support/suite.ts';

const patience = suite('waiting for servers at the start');

const away = () => new Failure('store-unavailable', 'MongoDB: nobody is there');

const bed = (work: (asked: number) => unknown) => {
  const time = createManualTime();
  const stop = new AbortController();
  const told: string[] = [];
  let asked = 0;
  const outcome = onceItAnswers(async () => work(++asked), {
    mayYetAnswer: (error): error is Failure => failedWith(error, 'store-unavailable') && !error.refused,
    clock: time,
    scheduler: time,
    signal: stop.signal,
    waiting: ({ message }) => told.push(message),
  }).catch((error: unknown) => error);
  return { time, stop, told, outcome, asked: () => asked };
};

const throws = (error: unknown): never => {
  throw error;
};

patience('starts as soon as it answers, and tells of each time in vain', async () => {
  const { time, told, outcome } = bed((asked) => (asked < 4 ? throws(away()) : 'running'));
  await time.advance(10_000);
  assert.is(await outcome, 'running');
  assert.equal(told, Array(3).fill('MongoDB: nobody is there'));
});

patience('gives up after a minute, with the reason', async () => {
  const { time, outcome, asked } = bed(() => throws(away()));
  await time.advance(patienceMs);
  const error = await outcome;
  assert.instance(error, OperationError);
  assert.is((error as Error).message, 'MongoDB: nobody is there');
  assert.is(asked(), 61);
});

patience('a signal ends it, also between two tries', async () => {
  const { time, stop, outcome, asked } = bed(() => throws(away()));
  await time.advance(2_500);
  stop.abort();
  assert.is(await outcome, null);
  assert.is(asked(), 3);
});

patience('what no waiting mends is told at once', async () => {
  const refused = new Failure('store-unavailable', 'MongoDB: no', { refusedBy: 'MongoDB' });
  const mistake = new TypeError('a mistake');
  assert.is(await bed(() => throws(refused)).outcome, refused);
  assert.is(await bed(() => throws(mistake)).outcome, mistake);
});

patience.run();
