import { Failure } from '../../commands/failure.ts';

/** The client's errors are told apart by `type`; on some ways they have neither message nor code. */
const typeOf = (error: unknown): string | null =>
  error instanceof Error && 'type' in error && typeof error.type === 'string' ? error.type : null;

const codeOf = (error: unknown): number | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;

const unavailableCode = 14;
const unknownCode = 2;

export const isNotFound = (error: unknown): boolean => typeOf(error) === 'stream-not-found';
const isDeleted = (error: unknown): boolean => typeOf(error) === 'stream-deleted';
export const isAccessDenied = (error: unknown): boolean => typeOf(error) === 'access-denied';

/** What the server says to a position at which no record begins, and to other things. */
export const isUnknown = (error: unknown): boolean => typeOf(error) === 'unknown' && codeOf(error) === unknownCode;

/** The connection is gone, or never was: the next call needs another. */
export const isDisconnected = (error: unknown): boolean => {
  const type = typeOf(error);
  if (type !== null) return type === 'unavailable' || type === 'cancelled';
  return (
    codeOf(error) === unavailableCode || (error instanceof Error && error.message.startsWith('Failed to discover'))
  );
};

/** Trying again may help: all but what the server has decided. */
export const isPassing = (error: unknown): boolean =>
  !(error instanceof Failure) && !isDeleted(error) && !isNotFound(error) && !isAccessDenied(error);

export const unavailable = (why: string, cause?: unknown): Failure =>
  new Failure('store-unavailable', `EventStoreDB: ${why}`, { ...(cause !== undefined && { cause }) });

export const accessDenied = (cause?: unknown): Failure =>
  new Failure('store-unavailable', 'EventStoreDB: access denied', {
    refusedBy: 'EventStoreDB',
    ...(cause !== undefined && { cause }),
  });

/** What callers of the port get to see. */
export const asFailure = (error: unknown): Failure => {
  if (error instanceof Failure) return error;
  if (isDeleted(error)) return unavailable('a stream of ours was deleted for ever by somebody else', error);
  if (isAccessDenied(error)) return accessDenied(error);
  const message = error instanceof Error ? error.message : '';
  return unavailable(message === '' ? (typeOf(error) ?? 'it did not answer') : message, error);
};
