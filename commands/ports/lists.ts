import type { Json } from '../../domain/json.ts';
import type { Position } from './eventStore.ts';

export type ColumnType = 'text' | 'number' | 'boolean' | 'texts';
export type Document = { readonly id: string; readonly [field: string]: Json | undefined };

/**
 * A list: documents found by their columns. A field that is no column is kept and returned, never searched. `volatile`
 * fields come from outside the log (last use); a replay does not know them. A new `version` is a new list beside the old.
 */
export type ListSchema = {
  readonly name: string;
  readonly version: number;
  readonly columns: { readonly [column: string]: ColumnType };
  /** Every filter and sort of the list is a prefix of one; the id is appended to each. */
  readonly indexes: readonly (readonly string[])[];
  readonly volatile: readonly string[];
};

/** All say what a field is, never what to add to it, so that applying twice changes nothing. */
export type Change =
  | { readonly op: 'set'; readonly id: string; readonly fields: { readonly [field: string]: Json } }
  /** Where the document is there; else nothing. */
  | { readonly op: 'update'; readonly id: string; readonly fields: { readonly [field: string]: Json } }
  | {
      readonly op: 'updateWhere';
      readonly column: string;
      readonly equals: string;
      readonly fields: { readonly [field: string]: Json };
    }
  | { readonly op: 'remove'; readonly id: string };

export type Checkpoint = { readonly position: Position; readonly eventId: string | null };

/** The changes of one event, guarded by its place in its stream where documents and checkpoint cannot move in one transaction. */
export type Applied = { readonly stream: string; readonly revision: number; readonly changes: readonly Change[] };

/** A stream that a list waits with: from `revision` on, because applying `eventId` failed. */
export type ParkedStream = {
  readonly stream: string;
  readonly revision: number;
  readonly position: Position;
  readonly eventId: string;
  readonly error: string;
  readonly since: string;
};

export type Batch = {
  /** Where the build must stand; else nothing is applied. */
  readonly after: Checkpoint | null;
  /** Streams that must be parked there, because events of theirs were passed over; else nothing is applied. */
  readonly waiting: readonly string[];
  readonly checkpoint: Checkpoint;
  readonly applied: readonly Applied[];
  readonly park: readonly ParkedStream[];
  readonly unpark: readonly string[];
};

/** One filling of a list: rebuilding fills another beside the current one, then switches. */
export type Build = {
  readonly id: string;
  readonly list: string;
  readonly version: number;
  readonly current: boolean;
  readonly checkpoint: Checkpoint | null;
  /** It was once at the log's end, so it may answer. */
  readonly complete: boolean;
};

export type Condition =
  | {
      readonly column: string;
      readonly op: 'eq' | 'lt' | 'lte' | 'gt' | 'gte';
      readonly value: string | number | boolean;
    }
  | { readonly column: string; readonly op: 'in'; readonly values: readonly (string | number)[] }
  /** A `texts` column holds the value. */
  | { readonly column: string; readonly op: 'has'; readonly value: string }
  | { readonly column: string; readonly op: 'null' | 'present' }
  /** A text column contains the words, whatever their case. */
  | { readonly column: string; readonly op: 'contains'; readonly value: string }
  | { readonly any: readonly (readonly Condition[])[] };

export type Sort = { readonly column: string; readonly descending: boolean };

export type Query = {
  /** All of them. */
  readonly where: readonly Condition[];
  /** Ties by id, in the direction of the last one. Null sorts lowest. */
  readonly sort: readonly Sort[];
  /** The sort columns' values and the id of the last document seen. */
  readonly after: readonly Json[] | null;
  readonly limit: number;
};

/** Read models: disposable, rebuilt from the log. Every call rejects with code `store-unavailable` when the store cannot answer. */
export type Lists = {
  /** Every build of every list, so that what no schema knows any more can be dropped. */
  readonly builds: () => Promise<readonly Build[]>;
  /** A new, empty build; not current unless it is the list's first of that version and `current` is asked. */
  readonly createBuild: (schema: ListSchema, current: boolean) => Promise<Build>;
  /** This build answers from now on; what was current no longer does. */
  readonly switchTo: (buildId: string) => Promise<void>;
  readonly dropBuild: (buildId: string) => Promise<void>;
  readonly markComplete: (buildId: string) => Promise<void>;

  /** Documents, checkpoint and parked streams move together. False: the build is not as `after` and `waiting` say; nothing was applied. */
  readonly apply: (buildId: string, batch: Batch) => Promise<boolean>;
  /** Volatile fields of documents that are there, outside the log's order. */
  readonly patch: (
    buildId: string,
    changes: readonly { readonly id: string; readonly fields: { readonly [field: string]: Json } }[],
  ) => Promise<void>;
  readonly parked: (buildId: string) => Promise<readonly ParkedStream[]>;

  readonly get: (buildId: string, id: string) => Promise<Document | null>;
  readonly query: (buildId: string, query: Query) => Promise<readonly Document[]>;
  readonly count: (buildId: string, where: readonly Condition[]) => Promise<number>;

  /** Discardable bytes by name: snapshots of folds and of the verification index. What is given is the caller's. */
  readonly getBlob: (name: string) => Promise<Uint8Array | null>;
  readonly putBlob: (name: string, bytes: Uint8Array) => Promise<void>;
  /** All whose name starts so. */
  readonly removeBlobs: (prefix: string) => Promise<void>;

  readonly close: () => Promise<void>;
};
