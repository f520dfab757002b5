import { fork } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { openVault } from '../../adapters/sqlite/vault.ts';
import { createManualClock } from '../support/manualClock.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { vaultModel } from './vaultModel.ts';
import { row, vaultBehaviours } from './vaultSuite.ts';

const open = async () => {
  const clock = createManualClock();
  const folder = temporaryFolder();
  const file = join(folder, 'vault.sqlite');
  const vault = await openVault({ file, clock });
  const dispose = async () => {
    await vault.close();
    rmSync(folder, { recursive: true });
  };
  return { vault, clock, folder, file, reopen: () => openVault({ file, clock }), dispose };
};

vaultBehaviours('SQLite', open);
vaultModel('SQLite', open, 15);

type Opened = Awaited<ReturnType<typeof open>>;
const test = suite<Opened>('vault: SQLite: its files');

test.before.each(async (context) => {
  Object.assign(context, await open());
});
test.after.each(({ dispose }) => dispose());

const bytesOf = (folder: string): string =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('\n');

const refusal = (reopen: () => Promise<unknown>) =>
  reopen().then(
    () => null,
    (error) => error,
  );

test('are for their owner alone', async ({ vault, folder }) => {
  await vault.put(row('a'), 'any');
  for (const name of readdirSync(folder)) assert.is(statSync(join(folder, name)).mode & 0o777, 0o600, name);
});

test('hold nothing any more of what was purged or removed, short or long', async ({ vault, folder }) => {
  const secrets = ['short-secret', `long-secret-${'x'.repeat(20_000)}`, 'removed-secret', 'kept-secret', 'old-secret'];
  const [short, long, removed, kept, expired] = secrets as [string, string, string, string, string];
  const filling = [...Array(200).keys()].map((n) => row(`f${n}`, { value: 'y'.repeat(n * 10) }));
  await vault.putAll(filling);
  await vault.put(row('p1', { person: 'p', value: short }), 'any');
  await vault.put(row('p2', { person: 'p', value: long }), 'any');
  await vault.put(row('r', { value: removed }), 'any');
  await vault.put(row('k', { person: 'q', value: kept }), 'any');
  await vault.put(row('e', { value: expired, expiresAt: 0 }), 'any');
  for (const secret of secrets) assert.ok(bytesOf(folder).includes(secret.slice(0, 12)), 'written at all');

  assert.is(await vault.purgePerson('p'), 2);
  assert.not.match(bytesOf(folder), /short-secret|long-secret/);
  assert.is(await vault.remove('thing', 'r'), true);
  assert.not.match(bytesOf(folder), /removed-secret/);
  assert.is(await vault.removeExpired(10), 1);
  assert.not.match(bytesOf(folder), /old-secret/);
  assert.match(bytesOf(folder), /kept-secret/);
});

test('damaged, foreign or of a later release are refused, and left as they are', async ({ vault, file, reopen }) => {
  await vault.putAll([row('a')]);
  await vault.close();
  const good = readFileSync(file);
  const refusedAs = async (code: string) => {
    const before = readFileSync(file);
    const error = await refusal(reopen);
    assert.is(error?.code, code);
    assert.match(error.message, file);
    assert.equal(readFileSync(file), before);
  };

  writeFileSync(file, 'no database at all, but long enough to be taken for one'.repeat(100));
  await refusedAs('damaged-file');

  writeFileSync(file, good);
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = DELETE; PRAGMA user_version = 999');
  db.close();
  await refusedAs('newer-file');

  rmSync(file);
  const other = new DatabaseSync(file);
  other.exec('CREATE TABLE t (x)');
  other.close();
  await refusedAs('foreign-file');
});

test('hold every acknowledged put after kill -9', async ({ vault, file, reopen }) => {
  await vault.close();
  for (let round = 0; round < 2; round++) {
    const child = fork(new URL('../support/vaultWriter.ts', import.meta.url), [file, `${round}`], { stdio: 'inherit' });
    const acknowledged: { id: string; version: number }[] = [];
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message) => {
        acknowledged.push(message as { id: string; version: number });
        if (acknowledged.length === 200) child.kill('SIGKILL');
      });
      child.on('exit', (_, signal) => (signal === 'SIGKILL' ? resolve() : reject(new Error('the writer ended'))));
    });
    const again = await reopen();
    for (const { id, version } of acknowledged) assert.is((await again.get('thing', id))?.version, version, id);
    await again.close();
  }
});

test.run();
