import type { Fold } from './decider.ts';
import type { Actor, EventTypes, Recorded } from './event.ts';
import type { KeyId, Sha256Hex, UserId } from './ids.ts';
import type { Instant } from './instant.ts';
import type { Json } from './json.ts';
import { unknownEvent } from './unknownEvent.ts';

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

/**
 * One key, for ever: also long after its end. What follows from the clock, the owner or the policy is not in it: keyView
 * says that. Personal fields (name, description, revokedNote, createdIp) are null once their person's key is destroyed.
 */
export type Key = {
  readonly keyId: KeyId;
  readonly ownerEpoch: number;
  readonly name: string | null;
  readonly description: string | null;
  readonly secretHash: Sha256Hex;
  readonly mask: string;
  readonly scopes: readonly string[] | null;
  readonly recoverable: boolean;
  readonly createdAt: Instant;
  readonly createdBy: Actor;
  readonly createdIp: string | null;
  /** The revision of the policy that it was decided under; null: the first one, before anybody had set any. */
  readonly policyRevision: number | null;
  readonly expiresAt: Instant | null;
  /** When its expiry was recorded; it ended at `expiresAt` all the same. */
  readonly expiredAt: Instant | null;
  /** Rotated; from then on it is revoked, until then in grace. */
  readonly graceUntil: Instant | null;
  readonly revokedAt: Instant | null;
  readonly revokedReason: RevocationReason | null;
  readonly revokedNote: string | null;
  readonly replaces: KeyId | null;
  readonly replacedBy: KeyId | null;
  /** Of its own last event: its ETag. Closing a keyring is no event of a single key. */
  readonly revision: number;
};

export type Closing = { readonly ownerEpoch: number; readonly reason: ClosingReason; readonly endedAt: Instant };

/** All keys of one user. The maps and sets belong to the fold and grow in place; a Key in them is replaced, never changed. */
export type Keyring = {
  /** The lowest owner's epoch that a command may still carry: the greatest seen, or the one after the greatest closed. */
  epoch: number;
  readonly closings: Closing[];
  /** In the order of their making. */
  readonly keys: Map<KeyId, Key>;
  /**
   * The keys of `epoch` that hold a slot and a name: active or expired, neither revoked nor rotated. Kept apart so that
   * a command costs the same however many keys have ended.
   */
  readonly counted: Set<KeyId>;
  /** Of every key there ever was: the text of an ended key never comes back. */
  readonly hashes: Set<Sha256Hex>;
};

const initialState = (): Keyring => ({
  epoch: 0,
  closings: [],
  keys: new Map(),
  counted: new Set(),
  hashes: new Set(),
});

const evolve = (state: Keyring, event: Recorded<KeyringEvent>): Keyring => {
  switch (event.type) {
    case 'ApiKeyCreated':
      add(state, { ...made(event), ...event.data });
      if (event.data.replaces !== null) change(state, event.data.replaces, { replacedBy: event.data.keyId });
      return state;
    case 'ApiKeyImported':
      add(state, { ...made(event), ...event.data });
      return state;
    case 'ApiKeyRenamed': {
      const { keyId, name, description } = event.data;
      return change(state, keyId, { name, description, revision: event.revision });
    }
    case 'ApiKeyScopesChanged':
      return change(state, event.data.keyId, { scopes: event.data.scopes, revision: event.revision });
    case 'ApiKeyExpiryChanged':
      return change(state, event.data.keyId, { expiresAt: event.data.expiresAt, revision: event.revision });
    case 'ApiKeyRotated': {
      const { keyId, newKeyId, graceUntil } = event.data;
      state.counted.delete(keyId);
      return change(state, keyId, { graceUntil, replacedBy: newKeyId, revision: event.revision });
    }
    case 'ApiKeyRevoked': {
      const { keyId, reason, note } = event.data;
      state.counted.delete(keyId);
      const revoked = { revokedAt: event.metadata.at, revokedReason: reason, revokedNote: note };
      return change(state, keyId, { ...revoked, revision: event.revision });
    }
    case 'ApiKeyExpired':
      return change(state, event.data.keyId, { expiredAt: event.metadata.at, revision: event.revision });
    case 'KeyringClosed': {
      const { ownerEpoch, reason, endedAt } = event.data;
      state.closings.push({ ownerEpoch, reason, endedAt });
      return startEpoch(state, ownerEpoch + 1);
    }
    default:
      throw unknownEvent(event);
  }
};

type Making = Extract<Recorded<KeyringEvent>, { type: 'ApiKeyCreated' | 'ApiKeyImported' }>;

/** What every new key has, as far as the event's data say nothing else. */
const made = ({ metadata, revision }: Making) => ({
  description: null,
  recoverable: false,
  createdAt: metadata.at,
  createdBy: metadata.actor,
  createdIp: metadata.ip,
  policyRevision: metadata.policyRevision,
  expiredAt: null,
  graceUntil: null,
  revokedAt: null,
  revokedReason: null,
  revokedNote: null,
  replaces: null,
  replacedBy: null,
  revision,
});

const add = (state: Keyring, key: Key): void => {
  startEpoch(state, key.ownerEpoch);
  state.keys.set(key.keyId, key);
  state.hashes.add(key.secretHash);
  if (isCounted(key, state.epoch)) state.counted.add(key.keyId);
};

// A key of a new epoch shows that every older one has ended, whether or not their closing was recorded yet.
const startEpoch = (state: Keyring, epoch: number): Keyring => {
  if (epoch <= state.epoch) return state;
  state.epoch = epoch;
  state.counted.clear();
  return state;
};

const isCounted = (key: Key, epoch: number) =>
  key.ownerEpoch === epoch && key.revokedAt === null && key.graceUntil === null;

const change = (state: Keyring, keyId: KeyId, changes: Partial<Key>): Keyring => {
  const key = state.keys.get(keyId);
  if (!key) throw new Error(`an event on a key that was never made: ${keyId}`);
  state.keys.set(keyId, { ...key, ...changes });
  return state;
};

type Frozen = { readonly epoch: number; readonly closings: readonly Closing[]; readonly keys: readonly Key[] };

const freeze = ({ epoch, closings, keys }: Keyring): Json => ({
  epoch,
  closings: [...closings],
  keys: [...keys.values()],
});

const thaw = (frozen: Json): Keyring => {
  const { epoch, closings, keys } = frozen as unknown as Frozen;
  return {
    epoch,
    closings: [...closings],
    keys: new Map(keys.map((key) => [key.keyId, key])),
    counted: new Set(keys.filter((key) => isCounted(key, epoch)).map((key) => key.keyId)),
    hashes: new Set(keys.map((key) => key.secretHash)),
  };
};

/** The reading half of `keyring` in keyringDecisions.ts: all keys of one user, ended ones too. */
export const keyringFold: Fold<Keyring, KeyringEvent> = {
  name: 'keyring',
  foldVersion: 2,
  initialState,
  evolve,
  freeze,
  thaw,
};
