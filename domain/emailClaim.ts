import { type Decider, reject } from './decider.ts';
import type { EventTypes } from './event.ts';
import type { UserId } from './ids.ts';
import type { Json } from './json.ts';

/** @param claim keyed hash of the address's normal form: no address stands in a stream's name */
export const emailClaimStream = (claim: string) => `emailClaim-${claim}`;

/** The user's event that a claim commits, to be appended to the user's stream with this very id. */
export type CommittedUserEvent = {
  readonly type: 'UserRegistered' | 'UserInvited' | 'EmailChanged';
  readonly data: { readonly [field: string]: Json | undefined };
};

// Stored shapes: add fields and events, never rename or reuse one.
export type EmailClaimEvent =
  | { type: 'EmailClaimed'; data: { userId: UserId; committedEventId: string; committed: CommittedUserEvent | null } }
  | { type: 'EmailReleased'; data: { userId: UserId } };

export const emailClaimEvents: EventTypes<EmailClaimEvent> = {
  EmailClaimed: { version: 1, personal: ['committed'], person: { field: 'userId' }, narrows: false },
  EmailReleased: { version: 1, personal: [], person: { field: 'userId' }, narrows: false },
};

/** Null: free. `committed` is null also once its person's key is destroyed. */
export type EmailClaim = {
  readonly userId: UserId;
  readonly committedEventId: string;
  readonly committed: CommittedUserEvent | null;
} | null;

export type EmailClaimCommand =
  | {
      readonly type: 'ClaimEmail';
      readonly userId: UserId;
      readonly committedEventId: string;
      readonly committed: CommittedUserEvent;
    }
  /**
   * `committedEventId`: of the claim that was looked at. Whoever holds the address may have claimed it anew since, for a
   * change that is still on its way: that claim is not released.
   */
  | { readonly type: 'ReleaseEmail'; readonly userId: UserId; readonly committedEventId: string };

/** One address, in normal form, belongs to one user. Rejections: `email-taken`; `conflict` when releasing another's. */
export const emailClaim: Decider<EmailClaim, EmailClaimCommand, EmailClaimEvent> = {
  name: 'emailClaim',
  foldVersion: 1,
  initialState: () => null,
  decide: (command, claim) => {
    const { userId, committedEventId } = command;
    if (command.type === 'ReleaseEmail') {
      if (claim === null) return [];
      if (claim.userId !== userId) return reject('conflict');
      if (claim.committedEventId !== committedEventId) return [];
      return [{ type: 'EmailReleased', data: { userId } }];
    }
    if (claim !== null && claim.userId !== userId) return reject('email-taken');
    if (claim?.committedEventId === committedEventId) return [];
    return [{ type: 'EmailClaimed', data: { userId, committedEventId, committed: command.committed } }];
  },
  evolve: (_, event) => (event.type === 'EmailClaimed' ? event.data : null),
};
