import { DatabaseSync } from 'node:sqlite';
import { Failure } from '../../commands/failure.ts';
import { asFailure } from './errors.ts';

/** A connection of this thread that only reads. In WAL mode it never waits for the writer, and sees what was committed. */
export type Reader = {
  /** For preparing statements, once, and keeping them. */
  readonly db: DatabaseSync;
  /** Runs `read` at once. Its errors reach callers as the ports say: `store-unavailable` where the store could not answer. */
  readonly read: <Result>(read: () => Result) => Promise<Result>;
  readonly close: () => void;
};

/** The file must be there: open its writer first. */
export const openReader = (file: string): Reader => {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  return {
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
      if (db.isOpen) db.close();
    },
  };
};
