import type { Actor } from '../../domain/event.ts';
import type { Instant } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';

/** Opaque, of one fixed width within a store, lower case; sorts as the log does. Compared, never counted. */
export type Position = string;

/** Fields sealed under one person's key: AES-256-GCM, base64 of nonce, ciphertext and tag. */
export type SealedFields = { readonly person: string; readonly box: string };

/** An envelope as the log keeps it: what is personal in it lies in `sealed`, under the actor's key. */
export type StoredMetadata = {
  readonly at: Instant;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly actor: Actor;
  readonly requestId: string | null;
  readonly policyRevision: number | null;
  readonly version: number;
  readonly sealed?: SealedFields;
};

/** An event as the log keeps it: `data` holds only what is not personal; the rest lies in `sealed`. */
export type EventToAppend = {
  /** A UUID, lower case. */
  readonly id: string;
  readonly type: string;
  readonly data: { readonly [field: string]: Json | undefined };
  readonly sealed?: SealedFields;
  readonly metadata: StoredMetadata;
};

export type StoredEvent = EventToAppend & {
  readonly stream: string;
  /** 0 for the first event of its stream, without gaps. */
  readonly revision: number;
  readonly position: Position;
};

/** The revision of the stream's last event, or that it has none. */
export type ExpectedRevision = number | 'no-stream';

export type AppendResult =
  | { readonly appended: true; readonly revision: number; readonly position: Position }
  /** Nothing was written. `actual`: where the stream stands. */
  | { readonly appended: false; readonly actual: ExpectedRevision };

/** The only record of decisions. Every call rejects with an error of code `store-unavailable` when the store cannot answer. */
export type EventStore = {
  /**
   * All of the events or none, durable before it resolves. The same ids at the same expected revision again succeed with
   * the first answer and write nothing. After an error the outcome is open: try again with the same ids and revision.
   * `revision` and `position` are the last event's. At least one event.
   */
  readonly append: (
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventToAppend[],
  ) => Promise<AppendResult>;

  /** From a revision on, inclusive, oldest first. `end`: nothing follows the last one given. A stream that has no events is empty, not an error. */
  readonly readStream: (
    stream: string,
    from: number,
    limit: number,
  ) => Promise<{ readonly events: readonly StoredEvent[]; readonly end: boolean }>;

  /** Where nobody else writes to the log: whether the stream certainly has no event after this revision, now. */
  readonly endsAt?: (stream: string, revision: number) => boolean;

  /**
   * The whole log after a position, exclusive, in order. `position`: read up to here, at least the last event's; it moves
   * over what others wrote. `end`: this was the end of the log at some time after the call.
   */
  readonly readAll: (
    after: Position | null,
    limit: number,
  ) => Promise<{ readonly events: readonly StoredEvent[]; readonly position: Position | null; readonly end: boolean }>;

  /** The event that stands at this very position, or null. */
  readonly readAt: (position: Position) => Promise<StoredEvent | null>;

  /** Resolves when something may stand after the position, and when the signal fires. A wake-up, no promise. */
  readonly changed: (after: Position | null, signal: AbortSignal) => Promise<void>;

  readonly close: () => Promise<void>;
};
