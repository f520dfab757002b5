import { type Decision, reject } from './decider.ts';
import type { KeyId } from './ids.ts';
import { type Instant, millis, plusDays, plusSeconds } from './instant.ts';
import type { Key, Keyring, KeyringEvent, RevocationReason } from './keyring.ts';
import { hasExpired } from './keyringDecisions.ts';
import type { Settings } from './settings.ts';
import { tidy } from './text.ts';

/** Neither revoked nor over by the clock: its text works, as far as it is up to the key. */
const isAlive = (key: Key, at: Instant, ownerEpoch: number): boolean =>
  key.revokedAt === null &&
  key.ownerEpoch === ownerEpoch &&
  !hasExpired(key, at) &&
  (key.graceUntil === null || millis(key.graceUntil) > millis(at));

export type EndKeys = {
  readonly at: Instant;
  readonly ownerEpoch: number;
  /** Those that have ended already, and those that are not there, are passed over. */
  readonly keyIds: readonly KeyId[];
  readonly reason: Extract<RevocationReason, 'leak' | 'unused'>;
  readonly note: string | null;
};

/** Several keys of one owner, as one decision. */
export const endKeys = (command: EndKeys, state: Keyring): Decision<KeyringEvent> => {
  const { at, ownerEpoch, keyIds, reason } = command;
  if (ownerEpoch < state.epoch) return reject('stale-owner-epoch');
  const note = tidy(command.note);
  return [...new Set(keyIds)].flatMap((keyId): readonly KeyringEvent[] => {
    const key = state.keys.get(keyId);
    if (key === undefined || !isAlive(key, at, ownerEpoch)) return [];
    return [{ type: 'ApiKeyRevoked', data: { keyId, reason, note } }];
  });
};

/**
 * Keys that nobody has used since then end. A change of policy ends none by itself: whoever has one has the whole span
 * from then on to use it. Null: none ends now.
 * @param slackSeconds how late a use may become known
 */
export const unusedBefore = (
  { policy, unusedKeysEndSince }: Settings,
  at: Instant,
  slackSeconds: number,
): Instant | null => {
  const { endUnusedAfterDays } = policy;
  if (endUnusedAfterDays === null || unusedKeysEndSince === null) return null;
  const before = plusSeconds(plusDays(at, -endUnusedAfterDays), -slackSeconds);
  return unusedKeysEndSince < before ? before : null;
};

/**
 * Whether a key was here and in nobody's use ever since. What it was used for before it was brought over nobody knows
 * here: it counts from when it came. A key in grace ends soon enough.
 * @param lastUsedAt as far as is known
 */
export const isUnusedSince = (key: Key, lastUsedAt: Instant | null, before: Instant): boolean =>
  key.graceUntil === null &&
  key.createdAt < before &&
  cameHere(key.keyId) < millis(before) &&
  (lastUsedAt === null || lastUsedAt < before);

/** Ids of keys are UUIDs of version 7: they begin with the time of their making here, in milliseconds. */
const cameHere = (keyId: KeyId): number => Number.parseInt(keyId.replaceAll('-', '').slice(0, 12), 16);
