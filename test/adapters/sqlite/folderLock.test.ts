import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { DataRefused } from '../../../adapters/sqlite/errors.ts';
import { lockFolder } from '../../../adapters/sqlite/folderLock.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import type { Told } from './fixtures/lockHolder.ts';

const locks = suite('lock of the data folder');

let parent: string;
let folder: string;
const children = new Set<ChildProcess>();

locks.before.each(() => {
  parent = temporaryFolder();
  folder = join(parent, 'data');
});
locks.after.each(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  children.clear();
  rmSync(parent, { recursive: true });
});

/** Another process that tries to take the lock. */
const another = async (): Promise<{ child: ChildProcess; told: Told }> => {
  const child = fork(fileURLToPath(new URL('./fixtures/lockHolder.ts', import.meta.url)), [folder], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  children.add(child);
  const [told] = (await once(child, 'message')) as [Told];
  return { child, told };
};

const refusal = (): DataRefused => {
  try {
    lockFolder(folder, 1).release();
  } catch (error) {
    if (error instanceof DataRefused) return error;
    throw error;
  }
  throw new Error('it was not refused');
};

// Not read: closing any handle of the locked file would drop this process's lock.
const contents = () =>
  readdirSync(folder)
    .sort()
    .map((name) => ({ name, stat: statSync(join(folder, name)) }))
    .map(({ name, stat }) => [name, stat.size, stat.mtimeMs, stat.ino]);

locks('makes the folder for nobody else to read', () => {
  const lock = lockFolder(folder, 42);
  assert.is(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder)) assert.is(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  lock.release();
});

locks('refuses a second process at once, names the first, and lets it write nothing', async () => {
  const lock = lockFolder(folder, process.pid);
  const before = contents();
  const { told } = await another();
  assert.equal(told, { code: 'folder-in-use', message: `${folder} is in use by process ${process.pid}` });
  assert.equal(contents(), before);
  lock.release();
});

locks('is still held after this very process failed to take it again', async () => {
  const lock = lockFolder(folder, process.pid);
  assert.is(refusal().code, 'folder-in-use');
  assert.is('code' in (await another()).told, true);
  lock.release();
});

locks('is free once released, and again and again', async () => {
  const lock = lockFolder(folder, process.pid);
  lock.release();
  lock.release();
  const { child, told } = await another();
  assert.equal(told, { locked: true });
  child.send('go');
  await once(child, 'exit');
  lockFolder(folder, process.pid).release();
});

locks('ends with a process that is killed', async () => {
  for (let round = 0; round < 3; round += 1) {
    const { child, told } = await another();
    assert.equal(told, { locked: true });
    assert.is(refusal().message, `${folder} is in use by process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockFolder(folder, process.pid).release();
  }
});

locks('lets exactly one of many processes in', async () => {
  const all = await Promise.all(Array.from({ length: 5 }, another));
  assert.is(all.filter(({ told }) => 'locked' in told).length, 1);
});

locks('keeps what is in a folder that is there, and its mode', () => {
  mkdirSync(folder);
  chmodSync(folder, 0o750);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  lockFolder(folder, 42).release();
  assert.is(readFileSync(join(folder, 'notes.txt'), 'utf8'), 'mine');
  assert.is(statSync(folder).mode & 0o777, 0o750);
});

locks('refuses what cannot be its folder', () => {
  writeFileSync(folder, 'a file');
  assert.is(refusal().code, 'folder-unusable');
  assert.match(refusal().message, folder);
  rmSync(folder);
  mkdirSync(folder);
  writeFileSync(join(folder, 'lock.sqlite'), 'no database '.repeat(100));
  assert.is(refusal().code, 'folder-unusable');
});

locks.run();
