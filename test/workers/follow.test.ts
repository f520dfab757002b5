import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { follow } from '../../workers/follow.ts';
import { bedWith } from '../support/listsBed.ts';
import { suite } from '../support/suite.ts';
import { lastPosition, runUntil, workerParts } from '../support/workerBed.ts';
import { choices, someWorld, worldOf } from '../support/world.ts';

const test = suite('workers that follow the log');

const types = ['ApiKeyCreated', 'ApiKeyRevoked', 'UserDeactivated'] as const;
const history = someWorld(120);
const wanted = history.filter(({ type }) => (types as readonly string[]).includes(type)).length;

test('hands over its types in the order of the log, and nothing twice while nothing fails', async () => {
  const { bed, core } = await bedWith(history);
  const seen: string[] = [];
  const effect = {
    name: 'test',
    types,
    handle: async ({ position }: { position: string }) => void seen.push(position),
  };
  await runUntil([follow(workerParts(bed, core), effect)], () => seen.length === wanted);
  assert.equal(seen, [...seen].sort());
  assert.is(new Set(seen).size, wanted);
  const end = await lastPosition(bed.store);
  const again = follow(workerParts(bed, core), effect);
  await runUntil([again], () => again.state().position === end);
  assert.is(seen.length, wanted, 'the next process goes on where this one stopped');
});

test('an effect that fails, and processes that die, leave nothing undone', () =>
  fc.assert(
    fc.asyncProperty(
      choices(60),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
      async (chosen, failures, lives) => {
        const { bed, core } = await bedWith(worldOf(chosen));
        const log = (await bed.store.readAll(null, 1_000)).events;
        const due = log.filter(({ type }) => (types as readonly string[]).includes(type)).map(({ id }) => id);
        const done: string[] = [];
        let calls = 0;
        const made = () =>
          follow(workerParts(bed, core), {
            name: 'test',
            types,
            handle: async ({ eventId }) => {
              const failure = failures[calls++ % failures.length];
              if (failure === 1) throw new Error('not this time');
              done.push(eventId);
              if (failure === 2) throw new Error('done, and not heard');
            },
          });
        for (const life of lives) {
          const before = calls;
          await runUntil([made()], () => calls >= before + life || due.every((id) => done.includes(id)));
        }
        failures.push(0, 0, 0);
        await runUntil([made()], () => due.every((id) => done.includes(id)));
        // In order: the first time an event was done, all before it had been.
        const firsts = done.filter((id, at) => done.indexOf(id) === at);
        assert.equal(firsts, due);
      },
    ),
    { numRuns: 40 },
  ));

test('a worker says how it is, tries again ever more slowly, and works again', async () => {
  const { bed, core } = await bedWith(history);
  const sleeps: number[] = [];
  let fails = true;
  const parts = workerParts(bed, core);
  const worker = follow(
    {
      ...parts,
      scheduler: {
        sleep: (ms, signal) => {
          sleeps.push(ms);
          return parts.scheduler.sleep(ms, signal);
        },
      },
    },
    {
      name: 'test',
      types,
      handle: async () => {
        if (fails) throw new Error('away');
      },
    },
  );
  assert.is(worker.state().status, 'starting');
  const end = await lastPosition(bed.store);
  await runUntil([worker], () => {
    if (worker.state().failures === 12) {
      assert.is(worker.state().status, 'failing');
      assert.is(worker.state().lastError, 'away');
      fails = false;
    }
    return worker.state().status === 'running' && worker.state().position === end;
  });
  assert.equal(sleeps.slice(0, 10), [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
  assert.is(worker.state().failures, 0);
  assert.is(worker.state().status, 'stopped');
});

test('a call that hangs does not keep a worker from stopping', async () => {
  const { bed, core } = await bedWith(history);
  let called = false;
  const worker = follow(workerParts(bed, core), {
    name: 'test',
    types,
    handle: () => {
      called = true;
      return new Promise(() => {});
    },
  });
  await runUntil([worker], () => called);
  assert.is(worker.state().status, 'stopped');
});

test('its place moves after the effect, and never back', async () => {
  const { bed, core } = await bedWith(history);
  const log = (await bed.store.readAll(null, 1_000)).events;
  const due = log.filter(({ type }) => (types as readonly string[]).includes(type)).map(({ position }) => position);
  const places: string[] = [];
  const seen: string[][] = [[], []];
  const vault = {
    ...bed.vault,
    put: async (...args: Parameters<typeof bed.vault.put>) => {
      const { kind, value } = args[0];
      const place = kind === 'checkpoint' ? JSON.parse(value).position : '';
      const undone = due.filter((position) => position <= place && !seen.flat().includes(position));
      const result = await bed.vault.put(...args);
      if (result.put && kind === 'checkpoint') {
        assert.equal(undone, []);
        places.push(place);
      }
      return result;
    },
  };
  const workers = seen.map((mine) =>
    follow(workerParts(bed, core, { vault }), {
      name: 'test',
      types,
      handle: async ({ position }) => void mine.push(position),
    }),
  );
  await runUntil(workers, () => seen.every((mine) => mine.length === wanted));
  assert.ok(places.length > 0);
  assert.equal(places, [...places].sort());
});

test.run();
