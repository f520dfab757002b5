import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { openLists } from '../../adapters/mongodb/lists.ts';
import { Failure, failedWith } from '../../commands/failure.ts';
import type { Lists } from '../../commands/ports/lists.ts';
import type { Projector } from '../../workers/projector.ts';
import { noMongo, sharedMongo } from '../servers/mongodb.ts';
import { bedWith, dump, everyList, fill, projectorOver } from '../support/listsBed.ts';
import { suite } from '../support/suite.ts';
import { choices, worldOf } from '../support/world.ts';

const mongo = sharedMongo();
const test = suite('projectors over MongoDB');
test.skipUnless(noMongo);
test.after(mongo.stop);

/** Every batch is put down twice, and of every third the answer is lost: whoever sent it does not know that it is there. */
const twice = (lists: Lists): Lists => {
  let batches = 0;
  return {
    ...lists,
    apply: async (id, batch) => {
      const applied = await lists.apply(id, batch);
      assert.is(await lists.apply(id, batch), false, 'a build stands where a batch begins only once');
      batches += 1;
      if (batches % 3 === 0) throw new Failure('store-unavailable', 'the answer was lost');
      return applied;
    },
  };
};

/** One call of all projectors at a time, in an order of the scheduler's choice. */
const inTurn = (lists: Lists, order: fc.Scheduler): Lists => ({
  ...lists,
  builds: order.scheduleFunction(lists.builds),
  apply: order.scheduleFunction(lists.apply),
  parked: order.scheduleFunction(lists.parked),
  get: order.scheduleFunction(lists.get),
  query: order.scheduleFunction(lists.query),
  markComplete: order.scheduleFunction(lists.markComplete),
});

const toTheEnd = async (projector: Projector): Promise<void> => {
  for (let tries = 0; tries < 1_000; tries++) {
    try {
      return await projector.catchUp();
    } catch (error) {
      if (!failedWith(error, 'store-unavailable')) throw error;
    }
  }
  throw new Error('it never came to the end');
};

test('two at once, in any order of their calls and each batch applied twice, equal a single replay', async () => {
  await fc.assert(
    fc.asyncProperty(choices(50), fc.scheduler(), async (chosen, order) => {
      const { bed, core } = await bedWith(worldOf(chosen));
      const database = mongo.database();
      const own = await Promise.all(
        [3, 5].map(async (batchSize) => ({
          batchSize,
          lists: await openLists({ url: await mongo.url(), database }),
        })),
      );
      // The builds are made by one: who makes them is another question.
      for (const { schema } of everyList) await own[0]!.lists.createBuild(schema, true);
      const projectors = own.map(({ lists, batchSize }) =>
        projectorOver(bed, core, { lists: twice(inTurn(lists, order)), batchSize }),
      );
      await order.waitFor(Promise.all(projectors.map(toTheEnd)));

      const replayed = { ...bed, lists: createMemoryLists() };
      await fill(replayed, core);
      const lists = own[0]!.lists;
      assert.equal(await dump(lists), await dump(replayed.lists));
      const verifying = projectorOver(bed, core, { lists });
      for (const { schema } of everyList) {
        const found = await verifying.verify(schema.name, () => {}, new AbortController().signal);
        assert.equal(found.differences, []);
      }
      for (const { lists } of own) await lists.close();
      await mongo.drop(database);
    }),
    { numRuns: 5 },
  );
});

test.run();
