import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openEventStore } from '../../../adapters/sqlite/eventStore.ts';
import { failedWith } from '../../../commands/failure.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { event, ids, readOn } from '../events.ts';

const full = suite('a log whose disk takes no more');

/** Files of this process cannot grow beyond so many bytes: writing fails as it does on a full disk. */
const limitFiles = (bytes: number | 'unlimited') =>
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`], { stdio: 'pipe' });

const missing = () => {
  try {
    limitFiles('unlimited');
    return null;
  } catch (error) {
    return `prlimit does not work here: ${(error as Error).message.split('\n')[0]}`;
  }
};

full.skipUnless(missing());

full('says so, goes on reading, and recovers by itself when there is room', async () => {
  const folder = temporaryFolder();
  const store = await openEventStore({ file: join(folder, 'events.sqlite') });
  const append = (stream: string, size: number) => {
    const one = event({ text: 'x'.repeat(size) });
    return { one, done: store.append(stream, 'no-stream', [one]) };
  };
  const before = append('before', 3_000);
  await before.done;

  limitFiles(200_000);
  try {
    for (let round = 0; round < 3; round += 1) {
      const together = [append(`big-${round}`, 300_000), append(`small-${round}`, 10)];
      for (const { done } of together) {
        const error = await done.catch((caught: unknown) => caught);
        assert.ok(failedWith(error, 'store-unavailable'));
      }
      assert.equal(ids(await readOn(store, null)), [before.one.id]);
    }
  } finally {
    limitFiles('unlimited');
  }

  const after = [append('big-0', 300_000), append('small-0', 10)];
  for (const { done } of after) assert.is((await done).appended, true);
  assert.equal(ids(await readOn(store, null)), ids([before, ...after].map(({ one }) => one)));
  await store.close();

  const again = await openEventStore({ file: join(folder, 'events.sqlite') });
  assert.is((await readOn(again, null)).length, 3);
  await again.close();
  rmSync(folder, { recursive: true });
});

full.run();
