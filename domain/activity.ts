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
