import type { Outbox } from '../commands/mail/outbox.ts';
import { idInStream } from '../domain/events.ts';
import type { KeyId, UserId } from '../domain/ids.ts';
import { millis } from '../domain/instant.ts';
import type { Key } from '../domain/keyring.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

export type OwnerNoticesParts = FollowParts & {
  readonly outbox: Outbox;
  readonly keyOf: (ownerId: UserId, keyId: KeyId) => Promise<Key | null>;
  /** The person still has a key of their own: nothing can be kept of who was erased. */
  readonly isErased: (userId: UserId) => Promise<boolean>;
};

/** What is older was told, or is no news any more: whoever follows the log for the first time mails nobody about last year. */
const freshMs = 7 * 24 * 3600 * 1000;

/** Tells owners by mail that somebody else revoked a key of theirs, that it ended unused, or that others can read it. */
export const ownerNotices = (parts: OwnerNoticesParts): Worker =>
  follow(parts, {
    name: 'owner-notices',
    types: ['ApiKeyRevoked'],
    personal: true,
    handle: async (event) => {
      const { at, actor } = event.metadata;
      const { keyId, reason, note } = event.data;
      if (reason !== 'administrator' && reason !== 'leak' && reason !== 'unused') return;
      if (parts.clock.now() - millis(at) > freshMs) return;
      const userId = idInStream(event.stream);
      // Who did it knows it.
      if (reason === 'administrator' && actor.id === userId) return;
      if (await parts.isErased(userId)) return;
      const key = await parts.keyOf(userId, keyId);
      if (key === null) return;
      const named = { keyId, name: key.name, mask: key.mask, revokedAt: at };
      if (reason === 'leak') {
        const mail = { id: `key-leaked:${event.eventId}`, userId, template: 'key-leaked' } as const;
        await parts.outbox.put({ ...mail, params: { ...named, source: note } });
      } else {
        const mail = { id: `key-revoked:${event.eventId}`, userId, template: 'key-revoked' } as const;
        await parts.outbox.put({ ...mail, params: { ...named, reason, note } });
      }
    },
  });
