import { ErrorCode, NatsError } from 'nats';
import { Failure, failedWith } from '../../commands/failure.ts';

/** NATS is there and must not be used as it is: for whoever starts the process, in one line. Trying again does not help. */
export class NatsRefused extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'NatsRefused';
  }
}

const wrongLastSequence = 10071;
const streamNotFound = 10059;
const streamNameInUse = 10058;
const messageNotFound = 10037;

const apiError = (error: unknown): number | null =>
  error instanceof NatsError ? (error.api_error?.err_code ?? null) : null;

const isOutOfStep = (error: unknown): boolean => apiError(error) === wrongLastSequence;
export const isNoStream = (error: unknown): boolean => apiError(error) === streamNotFound;
export const isStreamThere = (error: unknown): boolean => apiError(error) === streamNameInUse;
export const isNoMessage = (error: unknown): boolean => apiError(error) === messageNotFound;

/** It may yet work. */
export const isUnavailable = (error: unknown): boolean =>
  failedWith(error, 'bus-unavailable') || failedWith(error, 'store-unavailable');

export const unavailable = (why: string, cause?: unknown): Failure =>
  new Failure('bus-unavailable', `NATS: ${why}`, { cause });

/** What callers of the port get to see. */
export const asFailure = (error: unknown): unknown => {
  if (!(error instanceof NatsError)) return error;
  if (isOutOfStep(error)) return new Failure('bus-out-of-step', 'another publisher was faster', { cause: error });
  // Of what the server refuses the message is a number.
  return unavailable(error.api_error?.description ?? error.message, error);
};

/** While the process runs, a stream that is not as it must be is one that takes nothing. */
export const asUnavailable = (error: unknown): unknown =>
  error instanceof NatsRefused ? unavailable(error.message, error) : error;

// JetStream off here, or for this account; another stream with these subjects; no room; more replicas than servers.
const settled = new Set([10039, 10076, 10065, 10047, 10074]);

/** Nobody listens where the question went. */
const isUnanswered = (error: unknown): boolean =>
  error instanceof Failure && error.cause instanceof NatsError && error.cause.code === ErrorCode.NoResponders;

/**
 * At the start: what trying again does not help against.
 * @param hasJetStream whether the server says that it has it
 * @returns null for everything else
 */
export const refusalIn = (error: unknown, hasJetStream: boolean): NatsRefused | null => {
  if (error instanceof NatsRefused) return error;
  if (isUnanswered(error) && !hasJetStream) return new NatsRefused('the server has no JetStream', { cause: error });
  const cause = error instanceof Failure ? error.cause : error;
  const isRefusal = cause instanceof NatsError && (cause.isPermissionError() || settled.has(apiError(cause) ?? 0));
  return isRefusal ? new NatsRefused(cause.message, { cause }) : null;
};
