import { type Instant, millis, plusSeconds } from './instant.ts';

/**
 * What an attempt to sign in is counted against, before anything is hashed.
 * `pair`: one account from one client. `client`: whatever account. `account`: from wherever, slowly. `device`: one browser
 * that signed in to the account before and shows the cookie it got then.
 */
export type ThrottleKind = 'pair' | 'client' | 'account' | 'device';

/** What is remembered of one kind and key. Worth nothing once `forgottenAt` has passed. */
export type Counters = {
  readonly failures: number;
  readonly windowStart: Instant;
  readonly blockedUntil: Instant | null;
};

/** `free` attempts in a window; each further one doubles the wait, from `firstWait` to `longestWait`. All in seconds. */
export type Throttle = {
  readonly free: number;
  readonly window: number;
  readonly firstWait: number;
  readonly longestWait: number;
};

/**
 * A wait that starts at a second and doubles: OWASP Authentication Cheat Sheet, "Account Lockout". Waits up to an hour,
 * and no more than 100 attempts on one account: NIST SP 800-63B, 5.2.2 (`account` lets 60 a day through, from however
 * many clients). A device that is known counts for itself, and what others do to the account does not count against it:
 * OWASP, "Slow Down Online Guessing Attacks with Device Cookies". `client` is wide, for an office behind one address.
 */
export const throttles: { readonly [kind in ThrottleKind]: Throttle } = {
  pair: { free: 10, window: 15 * 60, firstWait: 1, longestWait: 15 * 60 },
  client: { free: 100, window: 15 * 60, firstWait: 1, longestWait: 15 * 60 },
  account: { free: 30, window: 24 * 3600, firstWait: 60, longestWait: 3600 },
  device: { free: 10, window: 15 * 60, firstWait: 1, longestWait: 15 * 60 },
};

/** What applies to an attempt. The device cookie passes everything that somebody else could use up. */
export const throttleKinds = (hasDeviceCookie: boolean): readonly ThrottleKind[] =>
  hasDeviceCookie ? ['device'] : ['pair', 'client', 'account'];

export type Attempt =
  /** `counters`: to be kept before the attempt goes on, so that two hundred at once do not all pass. */
  | { readonly allowed: true; readonly counters: Counters }
  /** Nothing is counted: whoever is refused costs nothing, and cannot make the wait longer for others. */
  | { readonly allowed: false; readonly waitSeconds: number };

/** Counts an attempt as failed, in advance. @param counters null: none are kept */
export const attempt = (kind: ThrottleKind, counters: Counters | null, at: Instant): Attempt => {
  const throttle = throttles[kind];
  const now = counters !== null && at < forgottenAt(kind, counters) ? counters : null;
  if (now?.blockedUntil != null && at < now.blockedUntil)
    return { allowed: false, waitSeconds: Math.ceil((millis(now.blockedUntil) - millis(at)) / 1000) };
  const failures = (now?.failures ?? 0) + 1;
  return {
    allowed: true,
    counters: { failures, windowStart: now?.windowStart ?? at, blockedUntil: blockedUntil(throttle, failures, at) },
  };
};

const blockedUntil = ({ free, firstWait, longestWait }: Throttle, failures: number, at: Instant): Instant | null =>
  failures < free ? null : plusSeconds(at, Math.min(firstWait * 2 ** Math.min(failures - free, 30), longestWait));

/**
 * After an attempt that succeeded. Failures in a row end with it, but for the client's: there only the attempt itself is
 * taken back, or an attacker's own account would clear the way to others.
 * @returns null: nothing is left to keep
 */
export const succeeded = (kind: ThrottleKind, counters: Counters): Counters | null => {
  if (kind !== 'client' || counters.failures <= 1) return null;
  const failures = counters.failures - 1;
  return { ...counters, failures, blockedUntil: failures < throttles.client.free ? null : counters.blockedUntil };
};

/** When the window is over and no wait is left. */
export const forgottenAt = (kind: ThrottleKind, { windowStart, blockedUntil: end }: Counters): Instant => {
  const windowEnd = plusSeconds(windowStart, throttles[kind].window);
  return end !== null && end > windowEnd ? end : windowEnd;
};
