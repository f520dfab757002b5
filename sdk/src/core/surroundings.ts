import type { Heartbeat } from '../shapes.ts';
import type { RevocationMessage } from '../types.ts';

/** What came back over HTTP. */
export type Reply = {
  readonly status: number;
  /** As JSON.parse gives it; undefined where it is no JSON. */
  readonly body: unknown;
  /** By the server's clock: milliseconds since 1970. */
  readonly date?: number | undefined;
};

/** Where a receiver stands in the feed. */
export type FeedPlace = { readonly epoch: string; readonly position: string | null };

/** Told by a connection to the feed; after `closed` nothing more. */
export type Hearing = {
  /**
   * @param resumed whether everything after the place it was asked for will come, from the server alone; else what came
   * between is missing, and others may say again what was once said
   */
  readonly opened: (resumed: boolean) => void;
  readonly message: (message: RevocationMessage) => void;
  readonly heartbeat: (heartbeat: Heartbeat) => void;
  /** Something came that is not what it should be, or that nobody vouches for. */
  readonly spoilt: () => void;
  /** @param status what the server answered instead of a stream @param cause why there is none */
  readonly closed: (status?: number, cause?: unknown) => void;
};

/** What the verifier needs of the world. It knows no other clock, timer, chance or socket. */
export type Surroundings = {
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  /** Milliseconds since 1970, by a clock that may be wrong. */
  readonly wall: () => number;
  /** 0 to 1 */
  readonly random: () => number;
  /** @returns calls it off */
  readonly after: (ms: number, run: () => void) => () => void;
  /** SHA-256, as text. */
  readonly hash: (text: string) => string;
  /** Rejects where no answer came. @param path with its query */
  readonly call: (method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal) => Promise<Reply>;
  /** Connects to the feed. @returns ends it */
  readonly follow: (place: FeedPlace, hearing: Hearing) => () => void;
};
