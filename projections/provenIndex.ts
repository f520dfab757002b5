import type { Feed, FeedItem } from './feed/feed.ts';
import type { VerificationIndex } from './verificationIndex.ts';

/** When the read was sent that found the log's end: wall clock and monotonic, milliseconds. */
export type Proof = { readonly wall: number; readonly monotonic: number };

/** An event that the index could not fold: nothing can be told from there on, until a release that can is started. */
export type Halt = {
  readonly reason: string;
  readonly position: string;
  readonly eventId: string;
  readonly type: string;
};

/**
 * The verification index and the feed, as whoever asks them gets at them: only with a proof that they are fresh.
 * A position is one of the log.
 */
export type ProvenIndex = {
  /** The index, where the log was read to its end no longer than `maxAgeMs` (2,000) ago; null: nobody can tell anything now. */
  readonly proven: (maxAgeMs?: number) => VerificationIndex | null;
  readonly proof: () => Proof | null;
  /** The log was read up to here. */
  readonly position: () => string | null;
  readonly halted: () => Halt | null;

  /** Resolves when the log was read up to a position: true; or when that took too long: false. */
  readonly waitFor: (position: string, maxMs: number) => Promise<boolean>;
  /**
   * For the answer to a command: like `waitFor`, but where it takes longer (2 s) the index counts as unproven until it is
   * there, so that what the command ended cannot be let through after its answer.
   */
  readonly afterAppend: (position: string, maxMs?: number) => Promise<boolean>;
  /** Resolves when a read that was sent from now on found the end of the log: true; or when that took too long (2 s): false. */
  readonly prove: (maxMs?: number) => Promise<boolean>;
  /** Called after each proof. @returns ends it */
  readonly onProof: (listener: (proof: Proof) => void) => () => void;

  readonly feed: () => Feed;
  /** See projections/feed/feedPage. @throws Failure store-unavailable */
  readonly feedPage: (after: string | null, limit: number) => Promise<readonly FeedItem[]>;
};
