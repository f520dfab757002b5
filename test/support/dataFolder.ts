import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { temporaryFolder } from './temporaryFolder.ts';

// The lock falls when its process closes any other handle of the file, so nothing here ever opens it.
const isLock = (path: string) => basename(path).startsWith('lock.');

/** A copy of a data folder without its lock, in a folder of its own. */
export const copyOf = (data: string): string => {
  const copy = join(temporaryFolder(), 'data');
  cpSync(data, copy, { recursive: true, filter: (path) => !isLock(path) });
  return copy;
};

/** Puts these files of another data folder in the place of this one's; what SQLite keeps beside them goes along. */
export const putFrom = (other: string, data: string, ...names: readonly string[]): void => {
  for (const name of names) cpSync(join(other, name), join(data, name));
};

// SQLite's index of the log beside it holds nothing that is not there; whoever reads it first after a crash makes it anew.
const isIndex = (name: string) => name.endsWith('-shm');

/** Every file of a folder but the lock, with a hash of what is in it. */
export const fingerprint = (data: string): { readonly [file: string]: string } =>
  Object.fromEntries(
    (existsSync(data) ? readdirSync(data) : [])
      .filter((name) => !isLock(name))
      .sort()
      .map((name) => [name, isIndex(name) ? 'index' : hashOf(join(data, name))]),
  );

const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
