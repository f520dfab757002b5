import type { CommittedUserEvent } from '../domain/emailClaim.ts';
import { idInStream } from '../domain/events.ts';
import type { UserId } from '../domain/ids.ts';
import { type Cause, causeOf } from './cause.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

/**
 * Gives the user's stream the event that a claim committed, with exactly its id, where it is not there yet. Where the
 * user can no longer take it the claim is released. `committed` null: its person was erased, so nobody takes it.
 */
export type CompleteClaim = (
  claim: {
    readonly claim: string;
    readonly userId: UserId;
    readonly committedEventId: string;
    readonly committed: CommittedUserEvent | null;
  },
  cause: Cause,
) => Promise<void>;

/** Releases an address that this user claimed and has no more: nothing where it is free, claimed anew or another's. */
export type ReleaseEmail = (
  release: { readonly claim: string; readonly userId: UserId },
  cause: Cause,
) => Promise<void>;

/** Releases the address that a deleted or erased user had. */
export type ReleaseEmailOf = (userId: UserId, cause: Cause) => Promise<void>;

/**
 * Carries addresses to their end: what was claimed reaches its user, what was left is free for others. Whoever made the
 * claim has mostly done it already; this does what a crash left undone.
 */
export const emailClaims = (
  parts: FollowParts & {
    readonly completeClaim: CompleteClaim;
    readonly releaseEmail: ReleaseEmail;
    readonly releaseEmailOf: ReleaseEmailOf;
  },
): Worker =>
  follow(parts, {
    name: 'email-claims',
    types: ['EmailClaimed', 'EmailChanged', 'UserDeleted', 'UserErased'],
    personal: true,
    handle: async (event) => {
      const cause = causeOf(event);
      switch (event.type) {
        case 'EmailClaimed':
          return parts.completeClaim({ claim: idInStream(event.stream), ...event.data }, cause);
        case 'EmailChanged': {
          const { previousClaim, claim } = event.data;
          if (previousClaim === null || previousClaim === claim) return;
          return parts.releaseEmail({ claim: previousClaim, userId: idInStream(event.stream) }, cause);
        }
        case 'UserDeleted':
        case 'UserErased':
          return parts.releaseEmailOf(idInStream(event.stream), cause);
      }
    },
  });
