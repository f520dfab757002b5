import type { Instant } from './instant.ts';

export type RevocationKind = 'key' | 'owner' | 'all';

/** Why a receiver must forget; one for each way a right can end or change. */
export type MessageReason =
  | 'owner'
  | 'administrator'
  | 'incident'
  | 'leak'
  | 'expired'
  | 'rotated'
  | 'replaced'
  | 'unused'
  | 'scopes-changed'
  | 'expiry-changed'
  | 'roles-changed'
  | 'owner-deactivated'
  | 'owner-deleted'
  | 'role-defined'
  | 'role-removed'
  | 'policy-changed'
  | 'scope-catalog-changed'
  | 'epoch-opened';

/** What one event means to whoever remembers an answer, without its place in the feed. */
export type Revocation = {
  readonly kind: RevocationKind;
  /** `ended`: final. `recheck`: rights changed, ask again (always so for `all`). */
  readonly effect: 'ended' | 'recheck';
  readonly keyId?: string;
  readonly ownerId?: string;
  readonly reason: MessageReason;
  /** When it was decided. */
  readonly at: Instant;
  /** From when the right is gone: later than `at` only for a rotation with grace. */
  readonly effectiveAt: Instant;
};

/** A message of the feed, as its receivers get it. `previous`: position of the message before it, null for the first. */
export type RevocationMessage = {
  readonly position: string;
  readonly previous: string | null;
  readonly epoch: string;
  readonly id: string;
} & Revocation;
