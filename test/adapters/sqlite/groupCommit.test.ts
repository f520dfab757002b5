import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { turns } from '../../../adapters/node/turns.ts';
import { DataRefused, type RefusalCode } from '../../../adapters/sqlite/errors.ts';
import { openWriter, type Writer } from '../../../adapters/sqlite/groupCommit.ts';
import { failedWith } from '../../../commands/failure.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import type { RowCommand } from './fixtures/rowStore.ts';

const writers = suite('group commit');

let folder: string;
let file: string;
let writer: Writer<RowCommand, number> | null;

writers.before.each(() => {
  folder = temporaryFolder();
  file = join(folder, 'rows.sqlite');
  writer = null;
});
writers.after.each(async () => {
  await writer?.close();
  rmSync(folder, { recursive: true });
});

const open = async (release = '1') => {
  const module = new URL(`./fixtures/rowStore.ts?version=${release}`, import.meta.url);
  writer = await openWriter<RowCommand, number>({ file, module });
  return writer;
};
const put = (value: string): RowCommand => ({ do: 'put', value });

const rows = (): string[] => {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db
      .prepare('SELECT value FROM rows ORDER BY rowid')
      .all()
      .map(({ value }) => String(value));
  } finally {
    db.close();
  }
};

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

const unavailable = async (promise: Promise<unknown>) =>
  assert.ok(failedWith(await errorOf(promise), 'store-unavailable'));

const refused = async (promise: Promise<unknown>, code: RefusalCode) => {
  const error = await errorOf(promise);
  assert.instance(error, DataRefused);
  assert.is((error as DataRefused).code, code);
  assert.match((error as DataRefused).message, 'rows.sqlite');
};

writers('runs what is asked at once in order and in one transaction', async () => {
  const { run } = await open();
  const asked = Array.from({ length: 100 }, (_, n) => `row ${n}`);
  const answers = await Promise.all(asked.map((value) => run(put(value))));
  assert.equal(
    answers,
    Array.from({ length: 100 }, (_, n) => n + 1),
  );
  assert.equal(rows(), asked);
  assert.is(await run({ do: 'commits' }), 1);
});

writers('has committed what it answers', async () => {
  const { run } = await open();
  for (let n = 1; n <= 5; n += 1) {
    await run(put(`row ${n}`));
    assert.is(rows().length, n);
  }
});

/** How often threads are handed something, as long as `during` lasts. */
const handedOver = async (during: () => Promise<void>): Promise<number> => {
  const { postMessage } = Worker.prototype;
  let count = 0;
  Worker.prototype.postMessage = function (...what) {
    count += 1;
    postMessage.apply(this, what);
  };
  try {
    await during();
  } finally {
    Worker.prototype.postMessage = postMessage;
  }
  return count;
};

/** Commands that come one after the other during a transaction, each when something else may have come. */
const duringAnother = async (visit: () => void) => {
  const { run } = await open();
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const answers: Promise<number>[] = [run({ do: 'wait', gate })];
  while (Atomics.load(gate, 0) === 0) await setImmediate();
  for (const value of ['a', 'b', 'c']) {
    visit();
    answers.push(run(put(value)));
    await setImmediate();
    await setImmediate();
  }
  Atomics.store(gate, 1, 1);
  Atomics.notify(gate, 1);
  assert.equal(await Promise.all(answers), [1, 2, 3, 4]);
  assert.equal(rows(), ['waited', 'a', 'b', 'c']);
};

writers('hands over at once what comes during a transaction', async () => {
  assert.is(await handedOver(() => duringAnother(() => {})), 4);
});

writers('hands it over together, after the transaction, while others ask something of this thread', async () => {
  assert.is(await handedOver(() => duringAnother(turns.visited)), 2);
});

writers('splits more than it holds at once, and keeps their order', async () => {
  const { run } = await open();
  const asked = Array.from({ length: 2_000 }, (_, n) => `row ${n}`);
  await Promise.all(asked.map((value) => run(put(value))));
  assert.equal(rows(), asked);
  const commits = await run({ do: 'commits' });
  assert.ok(commits >= 4 && commits < 200, `${commits} transactions`);
});

writers('undoes a command that throws, and no other of its transaction', async () => {
  const { run } = await open();
  const [, failing] = await Promise.allSettled([
    run(put('before')),
    run({ do: 'fail', value: 'never' }),
    run(put('after')),
  ]);
  assert.is(failing.status, 'rejected');
  const { reason } = failing as PromiseRejectedResult;
  assert.instance(reason, RangeError);
  assert.is((reason as Error).message, 'no never');
  assert.equal(rows(), ['before', 'after']);
});

writers('fails all of a transaction whose COMMIT fails, and goes on', async () => {
  const { run } = await open();
  const all = await Promise.allSettled([run(put('a')), run({ do: 'spoil' }), run(put('b'))]);
  assert.equal(
    all.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  assert.equal(rows(), []);
  await run(put('c'));
  assert.equal(rows(), ['c']);
});

writers(
  'says that a full disk is unavailable, writes nothing of that transaction, and goes on when there is room',
  async () => {
    const { run } = await open();
    await run(put('first'));
    await run({ do: 'limit', pages: 1 });
    const together = [run(put('small')), run(put('x'.repeat(100_000)))];
    for (const command of together) await unavailable(command);
    assert.equal(rows(), ['first']);
    await run(put('fits'));
    await run({ do: 'limit', pages: 1_000_000 });
    await run(put('y'.repeat(100_000)));
    assert.is(rows().length, 3);
  },
);

writers('fails what waited for a thread that died, keeps what it answered, and starts another', async () => {
  const { run } = await open();
  await run(put('answered'));
  const dying = [run(put('with it')), run({ do: 'die' }), run(put('behind it'))];
  for (const command of dying) await unavailable(command);
  assert.equal(rows(), ['answered']);
  assert.equal(await Promise.all([run(put('a')), run(put('b'))]), [2, 3]);
  assert.equal(rows(), ['answered', 'a', 'b']);
});

writers('is unavailable while no thread can start, and tries again at the next command', async () => {
  const { run } = await open();
  await run(put('answered'));
  await unavailable(run({ do: 'die' }));
  const bytes = readFileSync(file);
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
  writeFileSync(
    file,
    'no database at all, but long enough to have a header of a hundred bytes and some more of them'.repeat(3),
  );
  await unavailable(run(put('lost')));
  writeFileSync(file, bytes);
  await run(put('again'));
  assert.is(rows().at(-1), 'again');
});

writers('takes bytes over without copying them', async () => {
  const { run } = await open();
  const bytes = new Uint8Array(1_000);
  assert.is(await run({ do: 'length', bytes }, [bytes.buffer]), 1_000);
  assert.is(bytes.length, 0);
});

writers('finishes what it accepted before it closes, then takes no more', async () => {
  const { run, close } = await open();
  const accepted = Array.from({ length: 1_000 }, (_, n) => run(put(`row ${n}`)));
  await Promise.all([close(), close()]);
  assert.is((await Promise.all(accepted)).length, 1_000);
  await unavailable(run(put('late')));
  assert.is(rows().length, 1_000);
});

writers('makes its file for nobody else to read', async () => {
  const { run } = await open();
  await run(put('a'));
  for (const suffix of ['', '-wal', '-shm']) assert.is(statSync(file + suffix).mode & 0o777, 0o600, suffix);
});

writers('syncs every transaction unless told otherwise', async () => {
  const module = new URL('./fixtures/pragmas.ts', import.meta.url);
  for (const [synchronous, level] of [
    ['FULL', 2],
    ['NORMAL', 1],
  ] as const) {
    const pragmas = await openWriter<string, unknown>({ file, module, synchronous });
    assert.is(await pragmas.run('synchronous'), level);
    assert.is(await pragmas.run('journal_mode'), 'wal');
    await pragmas.close();
  }
});

writers('brings an older file up, with what is in it', async () => {
  const { run, close } = await open('1');
  await run(put('old'));
  await close();
  await (await open('2')).run(put('new'));
  const db = new DatabaseSync(file, { readOnly: true });
  assert.equal(
    db
      .prepare('SELECT value, note FROM rows')
      .all()
      .map((row) => ({ ...row })),
    [
      { value: 'old', note: 'none' },
      { value: 'new', note: 'none' },
    ],
  );
  db.close();
});

writers('leaves a file as it was when a step fails', async () => {
  const { run, close } = await open('1');
  await run(put('old'));
  await close();
  assert.match(String(await errorOf(open('broken'))), 'rows already exists');
  await (await open('1')).run(put('new'));
  assert.equal(rows(), ['old', 'new']);
});

writers('refuses a file of a later release', async () => {
  await (await open('2')).close();
  const before = readFileSync(file);
  await refused(open('1'), 'newer-file');
  assert.equal(readFileSync(file), before);
});

writers("refuses somebody else's database, and leaves it alone", async () => {
  const foreign = new DatabaseSync(file);
  foreign.exec('CREATE TABLE recipes (name TEXT)');
  foreign.close();
  const before = readFileSync(file);
  await refused(open(), 'foreign-file');
  assert.equal(readFileSync(file), before);
});

writers('refuses what is no database, and one that is damaged', async () => {
  writeFileSync(file, 'Dear diary, '.repeat(100));
  await refused(open(), 'damaged-file');
  assert.match(readFileSync(file, 'utf8'), /^Dear diary, /);
  rmSync(file);
  await (await open()).close();
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 100, 2_000);
  writeFileSync(file, bytes);
  await refused(open(), 'damaged-file');
});

writers('says when there is no place for its file', async () => {
  file = join(folder, 'missing', 'rows.sqlite');
  await unavailable(open());
});

writers.run();
