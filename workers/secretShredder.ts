import { keySecretKind } from '../commands/keys/keySecrets.ts';
import { idInStream } from '../domain/events.ts';
import type { KeyId, UserId } from '../domain/ids.ts';
import { type Instant, millis } from '../domain/instant.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

export type SecretShredderParts = FollowParts & {
  /** Every text that is kept of a key: the one to be copied again, and in answers kept for a repeat. */
  readonly destroySecrets: (keyId: KeyId) => Promise<void>;
  /** Keys of an owner that were made in this epoch or an older one. */
  readonly keysOf: (ownerId: UserId, upToEpoch: number) => Promise<readonly KeyId[]>;
  /** Whether the policy has let the key's text be kept ever since it was made; null: there is no such key, or not yet. */
  readonly isTextKept: (keyId: KeyId, ownerId: UserId) => Promise<boolean | null>;
};

/** A rotated key whose grace still runs, by key id: its text is destroyed at that time. */
export const shredLaterKind = 'shred-later';

const pageSize = 200;
/** How late the text of a key may be destroyed after its grace. The key itself ended on time. */
const appointmentsMs = 5_000;

/**
 * Destroys the texts of keys that ended, and all of them when the policy no longer lets anybody copy one again. A service
 * token's text is kept under the token's id in answers for a repeat, and goes when the token does.
 */
export const secretShredder = (parts: SecretShredderParts): Worker => {
  const { vault, clock } = parts;

  const later = async (keyId: KeyId, at: Instant) => {
    const row = { kind: shredLaterKind, id: keyId, value: at, person: null, ref: null, expiresAt: null };
    await vault.put(row, 'any');
  };

  /**
   * Not those of keys that were made later, should the policy have turned again before this was read. Where the key itself
   * cannot say (it was never made, or is being made at this moment) the time in its id does.
   */
  const destroyAllMadeBefore = async (at: Instant) => {
    for (let after: string | null = null; ; ) {
      const rows = await vault.find(keySecretKind, {}, { after, limit: pageSize });
      for (const { id, person } of rows) {
        const kept = person === null ? null : await parts.isTextKept(id, person);
        if (kept === false || (kept === null && madeAt(id) <= millis(at))) await parts.destroySecrets(id);
      }
      after = rows.at(-1)?.id ?? null;
      if (rows.length < pageSize) return;
    }
  };

  let lookedAt = Number.NEGATIVE_INFINITY;
  const destroyDue = async () => {
    if (clock.monotonic() - lookedAt < appointmentsMs) return;
    lookedAt = clock.monotonic();
    for (let after: string | null = null; ; ) {
      const rows = await vault.find(shredLaterKind, {}, { after, limit: pageSize });
      for (const row of rows) {
        if (millis(row.value) > clock.now()) continue;
        await parts.destroySecrets(row.id);
        await vault.remove(shredLaterKind, row.id);
      }
      after = rows.at(-1)?.id ?? null;
      if (rows.length < pageSize) return;
    }
  };

  return follow(parts, {
    name: 'secret-shredder',
    types: [
      'ApiKeyRevoked',
      'ApiKeyExpired',
      'ApiKeyRotated',
      'KeyringClosed',
      'KeyPolicyChanged',
      'ServiceTokenRevoked',
    ],
    handle: async (event) => {
      switch (event.type) {
        case 'ApiKeyRevoked':
        case 'ApiKeyExpired':
          return parts.destroySecrets(event.data.keyId);
        case 'ServiceTokenRevoked':
          return parts.destroySecrets(event.data.tokenId);
        case 'ApiKeyRotated':
          return millis(event.data.graceUntil) <= clock.now()
            ? parts.destroySecrets(event.data.keyId)
            : later(event.data.keyId, event.data.graceUntil);
        case 'KeyringClosed': {
          const keys = await parts.keysOf(idInStream(event.stream), event.data.ownerEpoch);
          for (const keyId of keys) await parts.destroySecrets(keyId);
          return;
        }
        case 'KeyPolicyChanged':
          if (event.data.policy.secret === 'once') await destroyAllMadeBefore(event.metadata.at);
          return;
      }
    },
    tick: destroyDue,
  });
};

/** Ids of keys are UUIDs of version 7: they begin with the time of their making, in milliseconds. */
const madeAt = (keyId: KeyId): number => Number.parseInt(keyId.replaceAll('-', '').slice(0, 12), 16);
