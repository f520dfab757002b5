import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DataRefused, isBusy } from './errors.ts';

export type FolderLock = { readonly release: () => void };

/**
 * Makes the data folder (0700, where it is missing) this process's alone until released or the process is gone, however
 * it went: the lock is the operating system's, on a small database of its own, so nothing stale is ever left behind.
 * Such a lock falls when its process closes any other handle of `lock.sqlite`: whatever copies a folder leaves that file out.
 * @param pid told to whoever finds the folder taken
 * @throws DataRefused, at once and with nothing written: `folder-in-use` where another process holds it,
 *   `folder-unusable` where it cannot be made or locked
 */
export const lockFolder = (folder: string, pid: number): FolderLock => {
  const holderFile = join(folder, 'lock.pid');
  const db = open(folder);
  try {
    db.exec('BEGIN EXCLUSIVE');
    writeFileSync(holderFile, `${pid}\n`, { mode: 0o600 });
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw unusable(folder, error);
    throw new DataRefused('folder-in-use', `${folder} is in use by ${holder(holderFile)}`, { cause: error });
  }
  return {
    release: () => {
      if (!db.isOpen) return;
      rmSync(holderFile, { force: true });
      db.close();
    },
  };
};

const open = (folder: string): DatabaseSync => {
  const file = join(folder, 'lock.sqlite');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    createFile(file);
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw unusable(folder, error);
  }
};

const createFile = (file: string): void => {
  try {
    // Never opened where it exists: closing any handle of it would drop a lock that this process already has.
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
};

const holder = (file: string): string => {
  try {
    return `process ${readFileSync(file, 'utf8').trim()}`;
  } catch {
    // It took the lock a moment ago and has not written its name yet.
    return 'another process';
  }
};

const unusable = (folder: string, cause: unknown) =>
  new DataRefused('folder-unusable', `${folder} cannot be used: ${(cause as Error).message}`, { cause });
