import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openLists } from '../../adapters/sqlite/lists.ts';
import { hasStatus, isKey } from '../../projections/lists/keyStatus.ts';
import { bedWith, buildOf, dump, fill } from '../support/listsBed.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { someWorld } from '../support/world.ts';

const test = suite('projector over SQLite');

test('fills, rebuilds and searches as in memory', async () => {
  const { bed, core } = await bedWith(someWorld(300, 13));
  await fill(bed, core);
  const folder = temporaryFolder();
  const lists = await openLists({ file: join(folder, 'lists.sqlite') });
  try {
    const over = { ...bed, lists };
    const projector = await fill(over, core, 17);
    assert.equal(await dump(lists), await dump(bed.lists));
    const stop = new AbortController();
    const running = projector.run(stop.signal);
    await projector.rebuild('apiKeys', () => {}, stop.signal);
    stop.abort();
    await running;
    assert.equal(await dump(lists), await dump(bed.lists));
    assert.is((await projector.verify('users', () => {}, new AbortController().signal)).count, 0);
    for (const status of ['active', 'expired', 'revoked'] as const) {
      const where = [isKey, ...hasStatus(status, '2027-01-04T00:00:00.000Z')];
      const query = { where, sort: [], after: null, limit: 1_000 };
      const inMemory = await bed.lists.query((await buildOf(bed.lists, 'apiKeys')).id, query);
      assert.ok(inMemory.length > 0);
      assert.equal(await lists.query((await buildOf(lists, 'apiKeys')).id, query), inMemory);
    }
  } finally {
    await lists.close();
    rmSync(folder, { recursive: true });
  }
});

test.run();
