import type { Decider, Decision, Fold, Rejection } from '../domain/decider.ts';
import type { Actor, Recorded } from '../domain/event.ts';
import type { KeyId } from '../domain/ids.ts';
import type { Instant } from '../domain/instant.ts';
import type { Json } from '../domain/json.ts';
import type { Shown } from './handling/shownOnce.ts';
import type { Position } from './ports/eventStore.ts';

/** Who asks, from where and when. Everything that ends up in the envelope of the events. */
export type Request = {
  readonly at: Instant;
  readonly actor: Actor;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly correlationId: string;
  readonly causationId: string | null;
  /** `route`: method and path; `body`: its exact text. The same key with another body is refused. */
  readonly idempotency: { readonly key: string; readonly route: string; readonly body: string } | null;
  /** The revision in the If-Match header, without quotes. */
  readonly ifMatch: string | null;
};

/**
 * What a command answers. `result` is JSON and is kept, sealed, for a repeat. `secret` is a key's text: it is kept apart,
 * because it is destroyed when its key ends, while the rest of the answer stays. `shown`: other texts that are shown
 * once, which are kept for minutes; whoever answers a repeat with them asks for proof again.
 */
export type Done<R extends Json> = {
  readonly result: R;
  readonly secret?: { readonly keyId: KeyId; readonly text: string };
  readonly shown?: Shown;
};

export type Outcome<R extends Json> =
  | (Done<R> & {
      /** Of the last event appended; without one, that of the last event of the stream decided on. */
      readonly position: Position | null;
      /** Answered from what an earlier run of the same command had done. */
      readonly replayed: boolean;
    })
  | Rejection;

/** A stream folded to its end. `revision` -1: it has no events. */
export type Loaded<S> = { readonly state: S; readonly revision: number; readonly position: Position | null };

export type Step<S, E> = Loaded<S> & {
  /** What this command appended to the stream, now or in an earlier run. Empty: the state was already reached. */
  readonly events: readonly Recorded<E>[];
};

/**
 * One run of a command. A command that crashed is run again, in this process or another, with the same id, time and
 * secrets: what it had appended is found by the events' ids, so a step is done once however often it is run.
 */
export type Run = {
  readonly request: Request;
  readonly commandId: string;
  /** A UUID of version 7, the same in every run for the same label. */
  readonly newId: (label: string) => string;
  /** Random bytes, the same in every run for the same label. */
  readonly secretBytes: (label: string, length: number) => Uint8Array;
  /** The id that the command's n-th event on a stream has or will have; n counts from 0. */
  readonly eventId: (stream: string, n: number) => string;
  /**
   * Folded as of now: this process's cache, completed by reading the stream on from there. The state does not change
   * until the command ends; so does that of a `Step`. What `decide` is given may change once it has returned.
   */
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  /**
   * Decide on one stream and append: one decision, one stream, one append. At most one step per stream and command, but
   * for what does not fit into one append: `eventsFrom` then says where the numbers of a further step's events begin.
   * `decide` is called again, on a newer state, after a conflict; what it takes from other streams it loads in there.
   * `revisionOf`: the revision that If-Match is about (that key's own last event); without it If-Match is not looked at.
   * `newPerson`: whose key must be durable before these events (a person's first); made where it is missing.
   */
  readonly step: <S, C, E extends { type: string; data: object }>(
    aggregate: Decider<S, C, E>,
    stream: string,
    decide: (state: S, loaded: Loaded<S>) => Decision<E> | Promise<Decision<E>>,
    options?: {
      readonly revisionOf?: (state: S) => number | null;
      readonly newPerson?: string;
      readonly reason?: string | null;
      readonly policyRevision?: () => number | null;
      /** The id of the first event, where another stream has fixed it: what an e-mail claim commits. */
      readonly firstEventId?: string;
      readonly eventsFrom?: number;
    },
  ) => Promise<Step<S, E> | Rejection>;
};

/**
 * A command: imperative, named for what the user does. `several`: it appends to more than one stream, so its intent is
 * kept before it starts and a worker finishes what a crash left; its input must then be JSON. A step that was appended
 * is never taken back: whatever can refuse comes before the first append, or in it.
 */
export type Command<I, R extends Json> = {
  readonly name: string;
  readonly several: boolean;
  readonly run: (input: I, run: Run) => Promise<Done<R> | Rejection>;
};

/** Runs a command for a request: intent, load, decide, append, done. Rejects with a Failure where a store cannot answer. */
export type Execute = <I, R extends Json>(command: Command<I, R>, input: I, request: Request) => Promise<Outcome<R>>;
