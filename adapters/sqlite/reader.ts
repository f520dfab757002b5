import { existsSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Failure } from '../../commands/failure.ts';
import { asFailure } from './errors.ts';
import { checkIdentity, type Schema } from './schema.ts';

/** A connection of this thread that only reads. In WAL mode it never waits for the writer, and sees what was committed. */
export type Reader = {
  /** For preparing statements, once, and keeping them. */
  readonly db: DatabaseSync;
  /** Runs `read` at once. Its errors reach callers as the ports say: `store-unavailable` where the store could not answer. */
  readonly read: <Result>(read: () => Result) => Promise<Result>;
  readonly close: () => void;
};

/** The file must be there: open its writer first. */
export const openReader = (file: string): Reader =>
  readerOf(new DatabaseSync(file, { readOnly: true, timeout: 5_000 }), () => {});

/**
 * Reads a file that no process writes, and leaves it and its write-ahead log as they are: for a look at what may turn
 * out to be the wrong file. One that is missing or has no tables reads as null.
 * @throws DataRefused for a file that is foreign, newer or damaged; Failure `store-unavailable` where it cannot be opened
 */
export const openUntouched = (file: string, schema: Schema): Reader | null => {
  if (sizeOf(file) === 0) return null;
  const url = pathToFileURL(file);
  // Without this SQLite makes a log and an index of it beside the file, only to find them empty.
  if (sizeOf(`${file}-wal`) === 0) url.searchParams.set('immutable', '1');
  const index = `${file}-shm`;
  const hadIndex = existsSync(index);
  try {
    const db = new DatabaseSync(url, { readOnly: true, timeout: 5_000 });
    const reader = readerOf(db, () => {
      if (!hadIndex) rmSync(index, { force: true });
    });
    let holds = false;
    try {
      holds = checkIdentity(db, file, schema);
    } finally {
      if (!holds) reader.close();
    }
    return holds ? reader : null;
  } catch (error) {
    throw asFailure(error);
  }
};

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

const readerOf = (db: DatabaseSync, closed: () => void): Reader => ({
  db,
  read: async (read) => {
    if (!db.isOpen) throw new Failure('store-unavailable', 'the store is closed');
    try {
      return read();
    } catch (error) {
      throw asFailure(error);
    }
  },
  close: () => {
    if (!db.isOpen) return;
    db.close();
    closed();
  },
});
