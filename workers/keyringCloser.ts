import type { Recorded } from '../domain/event.ts';
import type { EventNamed } from '../domain/events.ts';
import { idInStream } from '../domain/events.ts';
import type { UserId } from '../domain/ids.ts';
import type { Instant } from '../domain/instant.ts';
import type { ClosingReason } from '../domain/keyring.ts';
import { type Cause, causeOf } from './cause.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

export type CloseKeyring = (
  closing: {
    readonly ownerId: UserId;
    readonly ownerEpoch: number;
    readonly reason: ClosingReason;
    readonly endedAt: Instant;
  },
  cause: Cause,
) => Promise<void>;

/**
 * Writes into a turned off owner's keyring that its keys have ended. They were refused from the owner's own event on:
 * this frees names and slots, and shows in each key's history.
 */
export const keyringCloser = (parts: FollowParts & { readonly closeKeyring: CloseKeyring }): Worker =>
  follow(parts, {
    name: 'keyring-closer',
    types: ['UserDeactivated', 'UserDeleted', 'UserErased'],
    handle: (event) =>
      parts.closeKeyring(
        {
          ownerId: idInStream(event.stream),
          ownerEpoch: event.data.ownerEpoch,
          reason: reasonOf(event),
          endedAt: event.metadata.at,
        },
        causeOf(event),
      ),
  });

const reasonOf = ({ type }: Recorded<EventNamed<'UserDeactivated' | 'UserDeleted' | 'UserErased'>>): ClosingReason =>
  type === 'UserDeactivated' ? 'owner-deactivated' : 'owner-deleted';
