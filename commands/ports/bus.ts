import type { RevocationMessage } from '../../domain/revocation.ts';
import type { Position } from './eventStore.ts';

/** Says how far the log was read to its end, and when: sent only after such a read. */
export type Heartbeat = {
  readonly epoch: string;
  readonly head: Position | null;
  readonly lastMessage: Position | null;
  /** RFC 3339 */
  readonly provenAt: string;
};

export type BusEvent =
  | { readonly kind: 'message'; readonly message: RevocationMessage }
  | { readonly kind: 'heartbeat'; readonly heartbeat: Heartbeat };

/** Carries revocation messages to whoever listens, in the order of the log. Transport, not memory. */
export type Bus = {
  /** The last message that the bus took, or null where it has none (it may have been emptied). */
  readonly last: () => Promise<{ readonly epoch: string; readonly position: Position } | null>;
  /**
   * In order, each after the one before was taken; resolves when all were. Rejects with code `bus-out-of-step` when the
   * bus's last message is not `after` (another publisher was faster), with `bus-unavailable` when it cannot be reached.
   */
  readonly publish: (messages: readonly RevocationMessage[], after: Position | null) => Promise<void>;
  readonly heartbeat: (heartbeat: Heartbeat) => Promise<void>;
  /** What is published from now on, until the signal fires. */
  readonly subscribe: (signal: AbortSignal) => AsyncIterable<BusEvent>;
  readonly close: () => Promise<void>;
};

export type Signed = { readonly keyId: string; readonly signature: Uint8Array };

/** Vouches for what goes over a bus that others can write to. */
export type MessageSignatures = {
  /** Signs with the key of now; to be asked for again with every batch. Rejects like the vault where there is none at hand. */
  readonly signer: () => Promise<(bytes: Uint8Array) => Signed>;
  /** Whether a key of this installation that is still valid made the signature of exactly these bytes. */
  readonly verify: (bytes: Uint8Array, signed: Signed) => Promise<boolean>;
};
