import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Failure } from '../../../commands/failure.ts';
import { patience, persistently, type Waiting } from '../../../commands/handling/patience.ts';
import { recent } from '../../../commands/handling/recent.ts';
import { createRepeats } from '../../../commands/handling/repeats.ts';
import { streamQueue } from '../../../commands/handling/streamQueue.ts';
import { hurriedScheduler, seededRandomness } from '../../support/commandBed.ts';
import { createManualClock } from '../../support/manualClock.ts';
import { suite } from '../../support/suite.ts';

const waits = suite('waiting, taking turns, remembering');

const bed = () => {
  const clock = createManualClock();
  const slept: number[] = [];
  const hurried = hurriedScheduler(clock);
  const scheduler = {
    sleep: (ms: number) => {
      slept.push(ms);
      return hurried.sleep(ms);
    },
  };
  const waiting: Waiting = { clock, scheduler, randomness: seededRandomness() };
  return { clock, slept, waiting };
};

waits('patience ends after 2 s, its sleeps grow and differ', async () => {
  const { waiting, slept } = bed();
  const { another } = patience(waiting);
  while (await another());
  const sum = slept.reduce((a, b) => a + b, 0);
  assert.is(Math.round(sum), 2_000);
  assert.ok(Math.max(...slept) <= 256);
  assert.ok(slept[0]! <= 8);
  assert.ok(new Set(slept).size > slept.length / 2);
});

waits('persists only while the store cannot answer', async () => {
  const { waiting } = bed();
  let tries = 0;
  const third = await persistently(waiting, async () => {
    tries += 1;
    if (tries < 3) throw new Failure('store-unavailable', 'away');
    return tries;
  });
  assert.is(third, 3);
  tries = 0;
  const broken = persistently(waiting, async () => {
    tries += 1;
    throw new Error('broken');
  });
  assert.match(await broken.then(() => '', String), 'broken');
  assert.is(tries, 1);
  const away = persistently(waiting, async () => {
    throw new Failure('store-unavailable', 'away for good');
  });
  assert.match(await away.then(() => '', String), 'away for good');
});

waits('one at a time per stream, in order, whatever came of the one before', async () => {
  const queue = streamQueue();
  const log: string[] = [];
  const work =
    (name: string, fails = false) =>
    async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const outcomes = await Promise.allSettled([
    queue('a', work('1', true)),
    queue('a', work('2')),
    queue('b', work('3')),
  ]);
  assert.equal(
    log.filter((line) => !line.startsWith('3')),
    ['1 begins', '1 ends', '2 begins', '2 ends'],
  );
  assert.ok(log.indexOf('3 begins') < log.indexOf('1 ends'), 'another stream does not wait');
  assert.equal(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
  );
  assert.is(await queue('a', work('4')), '4');
});

waits('remembers what was used last, and never more than it may', () =>
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9 }), fc.array(fc.nat(30), { maxLength: 200 }), (limit, uses) => {
      const map = recent<number>(limit);
      uses.forEach((use, n) => {
        const key = String(use);
        const before = map.get(key);
        if (before === undefined) map.set(key, use);
        else assert.is(before, use);
        const last = [...new Set(uses.slice(0, n + 1).reverse())].slice(0, Math.floor(limit / 2));
        const kept = new Map(map.entries());
        for (const recently of last) assert.is(kept.get(String(recently)), recently);
        assert.ok(kept.size <= limit, `${kept.size} of ${limit}`);
      });
      for (const [key] of map.entries()) {
        map.delete(key);
        assert.is(map.get(key), undefined);
      }
    }),
  ),
);

waits('a repeat that comes when its time is over does not wait', async () => {
  const { clock } = bed();
  // A first run that ends, of another body, only once the repeat has waited for 10 s.
  const scheduler = { sleep: async () => new Promise<void>(() => {}) };
  const repeats = createRepeats({ clock, scheduler });
  const first = Promise.withResolvers<{ result: null; position: null; replayed: boolean }>();
  const running = repeats.inTurn('id', 'one', () => first.promise);
  assert.ok(repeats.runs('id'));
  let begun = 0;
  const second = repeats.inTurn('id', 'two', async () => {
    begun += 1;
    return { result: null, position: null, replayed: false };
  });
  first.resolve({ result: null, position: null, replayed: false });
  await running;
  assert.equal(await second, { result: null, position: null, replayed: false });
  assert.is(begun, 1);

  const held = Promise.withResolvers<{ result: null; position: null; replayed: boolean }>();
  const holding = repeats.inTurn('id', 'one', () => held.promise);
  const impatient = repeats.inTurn('id', 'two', async () => ({ result: null, position: null, replayed: false }));
  clock.advance(10_000);
  // The next to run takes longer than what is left.
  const next = Promise.withResolvers<{ result: null; position: null; replayed: boolean }>();
  held.resolve({ result: null, position: null, replayed: false });
  const third = holding.then(() => repeats.inTurn('id', 'three', () => next.promise));
  assert.equal(await impatient, { rejected: 'idempotency-in-progress' });
  next.resolve({ result: null, position: null, replayed: false });
  await third;
  assert.not.ok(repeats.runs('id'));
});

waits.run();
