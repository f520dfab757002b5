import type { Recorded } from './event.ts';
import type { Json } from './json.ts';
import type { RejectionCode } from './rejectionCodes.ts';

/** One wrong field of a command: `field` is a JSON pointer into it (`/maxLifetimeDays`), `detail` one sentence. */
export type FieldError = { readonly field: string; readonly detail: string };

/** A command that is understood and refused. `params` holds the data that explains it (`{limit: 1000}`). */
export type Rejection = {
  readonly rejected: RejectionCode;
  readonly params?: { readonly [name: string]: Json };
  readonly errors?: readonly FieldError[];
};

/** What a decider answers: the events to append (none: the state asked for is already reached), or a refusal. */
export type Decision<E> = readonly E[] | Rejection;

/**
 * An aggregate. `decide` is pure: time, ids and secrets arrive in the command. `evolve` folds one event into a state
 * that it owns: it may change and return the one it was given, so that a fold over ten thousand keys stays linear;
 * nobody else holds on to a state that is still being folded. `foldVersion` rises when the shape of the state changes,
 * so that snapshots of older shapes are thrown away.
 */
export type Decider<S, C, E> = Fold<S, E> & {
  readonly decide: (command: C, state: S) => Decision<E>;
};

/** The reading half of an aggregate. A state is plain JSON, or is turned into it and back by `freeze` and `thaw`. */
export type Fold<S, E> = {
  readonly name: string;
  readonly foldVersion: number;
  readonly initialState: () => S;
  readonly evolve: (state: S, event: Recorded<E>) => S;
  readonly freeze?: (state: S) => Json;
  readonly thaw?: (frozen: Json) => S;
};

export const reject = (
  rejected: RejectionCode,
  params?: { readonly [name: string]: Json },
  errors?: readonly FieldError[],
): Rejection => ({ rejected, ...(params && { params }), ...(errors && { errors }) });

export const isRejection = (value: unknown): value is Rejection =>
  typeof value === 'object' && value !== null && 'rejected' in value;
