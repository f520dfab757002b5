import type { Avatars } from '../commands/users/avatars.ts';
import { idInStream } from '../domain/events.ts';
import type { UserId } from '../domain/ids.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

/**
 * Destroys pictures that nobody shows any more: replaced, taken away, or of somebody who is gone. What is shown stays,
 * also where the process that put it up died before it had seen to that.
 */
export const avatarShredder = (
  parts: FollowParts & {
    /** As their stream has it at this moment; null: none, or they are gone. */
    readonly avatarOf: (userId: UserId) => Promise<string | null>;
    readonly tidy: Avatars['tidy'];
  },
): Worker =>
  follow(parts, {
    name: 'avatar-shredder',
    types: ['AvatarChanged', 'AvatarRemoved', 'UserDeleted'],
    handle: (event) => parts.tidy(idInStream(event.stream), parts.avatarOf),
  });
