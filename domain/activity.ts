import type { Decider } from './decider.ts';
import type { EventTypes } from './event.ts';
import type { KeyId, UserId } from './ids.ts';
import type { Instant } from './instant.ts';

/** What happened to a user and decides nothing. */
export const activityStream = (userId: UserId) => `activity-${userId}`;

// Stored shapes: add fields and events, never rename or reuse one.
export type ActivityEvent =
  | { type: 'SignedIn'; data: { sessionId: string; method: 'password' | 'oidc'; twoFactor: boolean } }
  /** The first and each tenth failure in a row; `failures` counts them. */
  | { type: 'SignInFailed'; data: { failures: number } }
  | { type: 'SignInBlocked'; data: { failures: number } }
  | { type: 'SignedOut'; data: { sessionId: string } }
  | { type: 'SessionEnded'; data: { sessionId: string } }
  | { type: 'ApiKeyRevealed'; data: { keyId: KeyId } }
  /** `expiresAt`: the end that was noticed; a key whose end moved is noticed again. */
  | { type: 'ApiKeyExpiryNoticed'; data: { keyId: KeyId; days: number; expiresAt: Instant } }
  | { type: 'NoticeSent'; data: { noticeId: string; category: string } }
  | { type: 'Unsubscribed'; data: Record<never, never> };

const plain = { version: 1, personal: [], person: 'stream', narrows: false } as const;

export const activityEvents: EventTypes<ActivityEvent> = {
  SignedIn: plain,
  SignInFailed: plain,
  SignInBlocked: plain,
  SignedOut: plain,
  SessionEnded: plain,
  ApiKeyRevealed: plain,
  ApiKeyExpiryNoticed: plain,
  NoticeSent: plain,
  Unsubscribed: plain,
};

/** What others show of it. `noticed`: the ends of a key that its owner was told of, as `days@end`. */
export type Activity = {
  lastSignInAt: Instant | null;
  noticed: { [keyId: KeyId]: string[] };
};

/** Of failures in a row, the first and each tenth are worth an event; the counters know the rest. */
export const isFailureRecorded = (failures: number): boolean => failures === 1 || failures % 10 === 0;

const noticeOf = (data: { days: number; expiresAt: Instant }): string => `${data.days}@${data.expiresAt}`;

export const wasNoticed = (
  notice: { readonly keyId: KeyId; readonly days: number; readonly expiresAt: Instant },
  { noticed }: Activity,
): boolean => noticed[notice.keyId]?.includes(noticeOf(notice)) === true;

/** Recorded as it happened, but for a notice of expiry, which goes out once however many workers send it. */
export const activity: Decider<Activity, ActivityEvent, ActivityEvent> = {
  name: 'activity',
  foldVersion: 1,
  initialState: () => ({ lastSignInAt: null, noticed: {} }),
  decide: (event, state) => (event.type === 'ApiKeyExpiryNoticed' && wasNoticed(event.data, state) ? [] : [event]),
  evolve: (state, event) => {
    if (event.type === 'SignedIn') state.lastSignInAt = event.metadata.at;
    if (event.type === 'ApiKeyExpiryNoticed') {
      const { keyId } = event.data;
      state.noticed[keyId] = [...(state.noticed[keyId] ?? []), noticeOf(event.data)];
    }
    return state;
  },
};
