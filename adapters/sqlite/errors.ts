import { Failure } from '../../commands/failure.ts';

export type RefusalCode = 'folder-in-use' | 'folder-unusable' | 'foreign-file' | 'newer-file' | 'damaged-file';

/** A data folder or file that must not be opened: for whoever starts the process, in one line. Trying again does not help. */
export class DataRefused extends Error {
  readonly code: RefusalCode;
  constructor(code: RefusalCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DataRefused';
    this.code = code;
  }
}

/** SQLite's primary result code, or null for an error that is not SQLite's. */
const resultCode = (error: unknown): number | null =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : null;

const busy = 5;
const corrupt = 11;
const full = 13;
const notADatabase = 26;

// perm, busy, locked, nomem, readonly, interrupt, ioerr, corrupt, full, cantopen, protocol, notadb
const unavailable = new Set([3, busy, 6, 7, 8, 9, 10, corrupt, full, 14, 15, notADatabase]);

/** The file, the disk or the memory did not do its part; every other error of SQLite is a mistake in the statement. */
export const isUnavailable = (error: unknown): boolean => unavailable.has(resultCode(error) ?? -1);

export const isDamage = (error: unknown): boolean => {
  const code = resultCode(error);
  return code === corrupt || code === notADatabase;
};

export const isBusy = (error: unknown): boolean => resultCode(error) === busy;

/** What callers of a port get to see: a `Failure` where the store could not answer, else the error itself. */
export const asFailure = (error: unknown): unknown =>
  isUnavailable(error)
    ? new Failure('store-unavailable', `SQLite: ${(error as Error).message}`, { cause: error })
    : error;
