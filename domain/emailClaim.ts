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
