import type { EventTypes } from './event.ts';
import type { KeyId, Sha256Hex, UserId } from './ids.ts';
import type { Instant } from './instant.ts';

export const keyringStream = (ownerId: UserId) => `keyring-${ownerId}`;

/** Why a key was revoked by a decision on it; `rotated`, `owner-deactivated` and `owner-deleted` follow from other events. */
export type RevocationReason = 'owner' | 'administrator' | 'incident' | 'leak' | 'replaced' | 'unused';
export type ClosingReason = 'owner-deactivated' | 'owner-deleted';

// Stored shapes: add fields and events, never rename or reuse one.
export type KeyringEvent =
  | {
      type: 'ApiKeyCreated';
      data: {
        keyId: KeyId;
        ownerEpoch: number;
        name: string | null;
        description: string | null;
        secretHash: Sha256Hex;
        mask: string;
        scopes: readonly string[] | null;
        expiresAt: Instant | null;
        recoverable: boolean;
        /** The key whose place this one takes, by replacement or rotation. */
        replaces: KeyId | null;
      };
    }
  | {
      type: 'ApiKeyImported';
      data: {
        keyId: KeyId;
        ownerEpoch: number;
        name: string | null;
        secretHash: Sha256Hex;
        mask: string;
        scopes: readonly string[] | null;
        createdAt: Instant;
        expiresAt: Instant | null;
      };
    }
  | { type: 'ApiKeyRenamed'; data: { keyId: KeyId; name: string | null; description: string | null } }
  | { type: 'ApiKeyScopesChanged'; data: { keyId: KeyId; scopes: readonly string[] | null } }
  | { type: 'ApiKeyExpiryChanged'; data: { keyId: KeyId; expiresAt: Instant | null } }
  | { type: 'ApiKeyRotated'; data: { keyId: KeyId; newKeyId: KeyId; graceUntil: Instant } }
  | { type: 'ApiKeyRevoked'; data: { keyId: KeyId; reason: RevocationReason; note: string | null } }
  | { type: 'ApiKeyExpired'; data: { keyId: KeyId; expiresAt: Instant } }
  /** Ends the keys of `ownerEpoch` and below, as of `endedAt`, the time of the user's event. */
  | { type: 'KeyringClosed'; data: { ownerEpoch: number; reason: ClosingReason; endedAt: Instant } };

export const keyringEvents: EventTypes<KeyringEvent> = {
  ApiKeyCreated: { version: 1, personal: ['name', 'description'], person: 'stream', narrows: false },
  ApiKeyImported: { version: 1, personal: ['name'], person: 'stream', narrows: false },
  ApiKeyRenamed: { version: 1, personal: ['name', 'description'], person: 'stream', narrows: false },
  ApiKeyScopesChanged: { version: 1, personal: [], person: 'stream', narrows: true },
  ApiKeyExpiryChanged: { version: 1, personal: [], person: 'stream', narrows: true },
  ApiKeyRotated: { version: 1, personal: [], person: 'stream', narrows: true },
  ApiKeyRevoked: { version: 1, personal: ['note'], person: 'stream', narrows: true },
  ApiKeyExpired: { version: 1, personal: [], person: 'stream', narrows: false },
  KeyringClosed: { version: 1, personal: [], person: 'stream', narrows: false },
};
