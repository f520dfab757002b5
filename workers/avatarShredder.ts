import { idInStream } from '../domain/events.ts';
import type { UserId } from '../domain/ids.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

/**
 * Destroys pictures that nobody shows any more: replaced, taken away, left over from a change that never came to its
 * event, or of somebody who is gone.
 */
export const avatarShredder = (
  parts: FollowParts & {
    /** As their stream has it at this moment; null: none, or they are gone. */
    readonly avatarOf: (userId: UserId) => Promise<string | null>;
    readonly destroyOthers: (userId: UserId, avatarId: string | null) => Promise<void>;
  },
): Worker =>
  follow(parts, {
    name: 'avatar-shredder',
    types: ['AvatarChanged', 'AvatarRemoved', 'UserDeleted'],
    handle: async (event) => {
      const userId = idInStream(event.stream);
      await parts.destroyOthers(userId, await parts.avatarOf(userId));
    },
  });
