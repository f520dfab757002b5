import type { Vault } from '../commands/ports/vault.ts';
import { idInStream } from '../domain/events.ts';
import type { UserId } from '../domain/ids.ts';
import type { Instant } from '../domain/instant.ts';
import { effectCheckpoint } from './checkpoints.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

const name = 'eraser';

/**
 * Carries out erasures: the person's key first, because everything sealed under it is gone with it, then what the vault
 * holds of them. Its checkpoint lies in the vault, so a vault that was restored from an older copy is erased again.
 */
export const eraser = (
  parts: FollowParts & {
    readonly destroyPersonKey: (userId: UserId, at: Instant) => Promise<void>;
    readonly vault: Vault;
    /** What this process remembers of the person. */
    readonly dropCaches: (userId: UserId) => void;
  },
): Worker =>
  follow(parts, {
    name,
    types: ['UserErased'],
    handle: async (event) => {
      const userId = idInStream(event.stream);
      await parts.destroyPersonKey(userId, event.metadata.at);
      parts.dropCaches(userId);
      await parts.vault.purgePerson(userId);
    },
  });

/**
 * In every process that does not run the eraser: forgets what it remembers of who was erased elsewhere. It begins where
 * the eraser stands, for nobody erased before that can have come into this process's memory. As long as the person's key
 * is still there it may be read again, and what was forgotten remembered: so it forgets until the key is gone.
 */
export const erasureWatcher = (
  parts: FollowParts & {
    readonly dropCaches: (userId: UserId) => void;
    /** As the vault has it. */
    readonly isKeyDestroyed: (userId: UserId) => Promise<boolean>;
  },
): Worker => {
  const erasing = new Set<UserId>();
  return follow(parts, {
    name: 'erasure-watcher',
    types: ['UserErased'],
    checkpoint: { read: effectCheckpoint(parts.vault, name).read, advance: async () => {} },
    handle: async (event) => {
      const userId = idInStream(event.stream);
      parts.dropCaches(userId);
      erasing.add(userId);
    },
    tick: async () => {
      for (const userId of erasing) {
        if (await parts.isKeyDestroyed(userId)) erasing.delete(userId);
        parts.dropCaches(userId);
      }
    },
  });
};
