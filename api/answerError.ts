import type { ServerResponse } from 'node:http';
import { Failure } from '../commands/failure.ts';
import type { Rejection } from '../domain/decider.ts';
import { UnreadableEvent } from '../domain/upcast.ts';
import { type ProblemDetails, problem, sendProblem } from './problem.ts';
import { Refusal } from './refusal.ts';
import type { ProblemCode } from './statusOfCode.ts';

type Explained = {
  readonly code: ProblemCode;
  readonly details: ProblemDetails;
  readonly headers?: { readonly [name: string]: string };
};

const unavailable: Explained = {
  code: 'unavailable',
  details: { detail: 'This cannot be answered for certain at the moment. Try again.' },
};

const explainFailure = (failure: Failure): Explained =>
  failure.code === 'not-caught-up' ? { code: 'not-caught-up', details: {} } : unavailable;

/** The status that Express gives what it refuses by itself: a path that cannot be decoded, say. */
const statusOf = (error: unknown): number => {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' ? status : 500;
};

const explain = (error: unknown): Explained => {
  if (error instanceof Refusal)
    return { code: error.code, details: error.details, headers: error.details.headers ?? {} };
  if (error instanceof Failure) return explainFailure(error);
  // A newer release wrote it: what it says of whom is not known here, and may be known again after an update.
  if (error instanceof UnreadableEvent) return unavailable;
  return statusOf(error) < 500
    ? { code: 'malformed-request', details: {} }
    : { code: 'internal-error', details: { detail: 'Something went wrong here. Nothing you sent is to blame.' } };
};

/** Whether an error is a fault of this program, to be logged with its stack. */
export const isInternal = (error: unknown): boolean =>
  !(error instanceof Refusal) && !(error instanceof Failure) && statusOf(error) >= 500;

/**
 * Answers what was thrown on the way. A stack, a secret or a driver's words never get out.
 * @returns the code that it answered
 */
export const answerError = (response: ServerResponse, error: unknown, requestId: string): ProblemCode => {
  const { code, details, headers } = explain(error);
  sendProblem(response, problem(code, requestId, details), headers);
  return code;
};

/** @param rejection what a command said; its fields are those of the body */
export const answerRejection = (response: ServerResponse, rejection: Rejection, requestId: string): void => {
  const { rejected, params, errors } = rejection;
  // Commands decide again on a newer state instead of letting this one out.
  if (rejected === 'stale-owner-epoch') throw new Error('a command gave up on a stale owner epoch');
  const wait = params?.retryAfterSeconds;
  sendProblem(
    response,
    problem(rejected, requestId, {
      ...(params && { params }),
      ...(errors && { errors: errors.map(({ field, detail }) => ({ in: 'body', pointer: field, detail })) }),
    }),
    typeof wait === 'number' ? { 'Retry-After': String(Math.ceil(wait)) } : {},
  );
};
