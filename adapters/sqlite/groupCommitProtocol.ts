import type { DatabaseSync } from 'node:sqlite';
import type { RefusalCode } from './errors.ts';
import type { Schema } from './schema.ts';

/** Runs one command inside the batch's transaction. What it throws undoes this command alone. */
export type Handler<Message, Result> = ((message: Message) => Result) & {
  /** Runs after each COMMIT, outside any transaction, before the batch is answered. */
  readonly afterCommit?: () => void;
};

/** What the worker module of a store exports. `handlers` is called once, on the open, migrated file: prepare statements there. */
export type StoreModule<Message, Result> = {
  readonly schema: Schema;
  readonly handlers: (db: DatabaseSync) => Handler<Message, Result>;
};

export type WorkerData = {
  readonly file: string;
  readonly module: string;
  readonly synchronous: 'FULL' | 'NORMAL';
};

/** Commands to run in this order, or the request to close. */
export type Post = readonly unknown[] | 'close';

export type ThrownAway = {
  readonly error: unknown;
  /** `unavailable`: the store's fault, not the command's. */
  readonly kind: 'unavailable' | 'refused' | 'mistake';
  readonly refusal?: RefusalCode;
};

export type Outcome = { readonly result: unknown } | ThrownAway;

/** Outcomes of the commands posted, in their order; before the first, whether the file could be opened. */
export type Answer =
  | { readonly ready: true }
  | { readonly refused: ThrownAway }
  | { readonly outcomes: readonly Outcome[] };
