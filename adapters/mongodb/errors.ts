import {
  MongoBulkWriteError,
  MongoError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb';
import { Failure } from '../../commands/failure.ts';

const duplicateKey = 11000;
// What the server says to a document that it will not take, today or tomorrow: its size, its depth, its names.
const unstorable = new Set([2, 15, 52, 57, 10334, 17280, 17419, 17420]);

// Unauthorized, AuthenticationFailed, and what Atlas says for both.
const refusals = new Set([13, 18, 8000]);

export const isDuplicate = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === duplicateKey;

/**
 * What callers of a port get to see: a `Failure` where MongoDB could not answer. A mistake in what it was asked, or a
 * document that it refuses, stays the error that it is. The driver's own messages may quote documents: none is passed on.
 */
export const asFailure = (error: unknown): unknown => {
  if (isOfSocket(error)) return new Failure('store-unavailable', `MongoDB: ${error.code}`);
  if (!(error instanceof MongoError)) return error;
  const what = describe(error);
  if (error instanceof MongoInvalidArgumentError) return error;
  if (error instanceof MongoServerError && unstorable.has(Number(error.code))) return new Error(`MongoDB: ${what}`);
  const refused = error instanceof MongoServerError && refusals.has(Number(error.code));
  return new Failure('store-unavailable', `MongoDB: ${what}`, refused ? { refusedBy: 'MongoDB' } : {});
};

/** Where it writes to a connection that the server has just ended, the driver lets Node's own error through. */
const isOfSocket = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^(?:E[A-Z]+|ERR_(?:STREAM|SOCKET)_\w+)$/.test(error.code);

const describe = (error: MongoError): string => {
  if (error instanceof MongoServerError) return `${error.name} ${error.code ?? ''} ${error.codeName ?? ''}`.trim();
  // Why nobody could be reached: what Node said of the connection, which holds neither a document nor credentials.
  const isOfNetwork = error instanceof MongoServerSelectionError || error instanceof MongoNetworkError;
  return isOfNetwork ? `${error.name}: ${error.message}` : error.name;
};

/** Runs what asks the driver. @throws as `asFailure` says */
export const asked = async <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
  try {
    return await work();
  } catch (error) {
    throw asFailure(error);
  }
};

/** Of many insertions at once, none failed but those of what was there already. */
export const isOnlyDuplicates = (error: unknown): boolean =>
  error instanceof MongoBulkWriteError &&
  isDuplicate(error) &&
  [error.writeErrors].flat().every(({ code }) => code === duplicateKey) &&
  error.result.getWriteConcernError() === undefined;
