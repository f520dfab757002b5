import type { Rejection } from './decider.ts';
import { reject } from './decider.ts';
import type { Instant } from './instant.ts';
import { instant, latestInstant, millis, plusDays } from './instant.ts';
import type { KeyPolicy, ScopeCatalog } from './keyPolicy.ts';
import { expandScopes, holds, indexScopes } from './scopes.ts';

/** Facts from elsewhere that a decision on keys is made on, as of the command's time. */
export type KeyFacts = {
  readonly at: Instant;
  readonly policy: KeyPolicy;
  readonly catalog: ScopeCatalog;
  /** What the owner's roles hold together, patterns too. */
  readonly ownerScopes: readonly string[];
};

/**
 * The end of a new key. A maximum bounds the dates that are given; whether a key may go without one is `expiry` alone.
 *
 * @param asked undefined: not said, the same as null
 * @param madeAt when its life begins: now, or earlier where the key comes from another system
 */
export const expiryOf = (
  { at, policy }: KeyFacts,
  asked: Instant | null | undefined,
  madeAt: Instant = at,
): { readonly expiresAt: Instant | null } | Rejection => {
  if (asked === undefined || asked === null) {
    return policy.expiry === 'required' ? reject('expiry-required') : { expiresAt: null };
  }
  if (policy.expiry === 'none') return reject('expiry-not-allowed');
  if (!isAfter(asked, at)) return reject('expiry-in-past');
  return beyondPolicy(policy, asked, madeAt) ?? { expiresAt: canonical(asked) };
};

/** The end of a key that somebody wants to move. Equal to what it is: whatever the policy says, there is nothing to refuse. */
export const editedExpiry = (
  { at, policy }: KeyFacts,
  asked: Instant | null,
  key: { readonly expiresAt: Instant | null; readonly createdAt: Instant },
): { readonly expiresAt: Instant | null } | Rejection => {
  if (sameTime(asked, key.expiresAt)) return { expiresAt: key.expiresAt };
  if (asked !== null && policy.expiry === 'none') return reject('expiry-not-allowed');
  const sooner = asked !== null && (key.expiresAt === null || isAfter(key.expiresAt, asked));
  if (policy.expiryEditable === 'no' || (policy.expiryEditable === 'shorten' && !sooner)) {
    return reject('expiry-not-editable');
  }
  if (asked === null) return policy.expiry === 'required' ? reject('expiry-required') : { expiresAt: null };
  if (!isAfter(asked, at)) return reject('expiry-in-past');
  // Made under a looser policy it may still end sooner, if not as soon as today's maximum. A maximum is of a whole life:
  // counted from now, a key could be kept alive for ever.
  return (sooner ? null : beyondPolicy(policy, asked, key.createdAt)) ?? { expiresAt: canonical(asked) };
};

/** The end of a key that takes over from another: as long a life as the other was given, from now, cut to the policy. */
export const carriedExpiry = (
  { at, policy }: KeyFacts,
  old: { readonly expiresAt: Instant | null; readonly createdAt: Instant },
): Instant | null => {
  if (policy.expiry === 'none') return null;
  if (old.expiresAt === null && policy.expiry === 'optional') return null;
  const length = old.expiresAt === null ? Number.POSITIVE_INFINITY : millis(old.expiresAt) - millis(old.createdAt);
  const longest = policy.maxLifetimeDays === null ? Number.POSITIVE_INFINITY : policy.maxLifetimeDays * day;
  return instant(Math.min(millis(at) + Math.min(length, longest), millis(latestInstant)));
};

const day = 86_400_000;

const beyondPolicy = ({ maxLifetimeDays }: KeyPolicy, asked: Instant, madeAt: Instant): Rejection | null => {
  if (maxLifetimeDays === null) return null;
  const latest = plusDays(madeAt, maxLifetimeDays);
  return isAfter(asked, latest) ? reject('expiry-beyond-policy', { latest }) : null;
};

const isAfter = (a: Instant, b: Instant) => millis(a) > millis(b);
const sameTime = (a: Instant | null, b: Instant | null) =>
  a === null || b === null ? a === b : millis(a) === millis(b);
const canonical = (at: Instant) => instant(millis(at));

/**
 * The scopes of a key that asks for some: concrete, with the lower actions, sorted. An empty list is not "none given":
 * where keys have no scopes, it would make a key of all rights out of a wish for none.
 */
export const scopesOf = (
  { policy, catalog, ownerScopes }: KeyFacts,
  asked: readonly string[] | null | undefined,
): { readonly scopes: readonly string[] | null } | Rejection => {
  if (!policy.scoped) return asked ? reject('scopes-not-allowed') : { scopes: null };
  if (!asked || asked.length === 0) return reject('scopes-required');
  const index = indexScopes(catalog);
  const unknown = asked.filter((scope) => !index.brings.has(scope));
  if (unknown.length > 0) return reject('unknown-scope', { scopes: unknown });
  const scopes = expandScopes(asked, index);
  const notHeld = scopes.filter((scope) => !holds(ownerScopes, scope));
  return notHeld.length > 0 ? reject('scope-not-held', { scopes: notHeld }) : { scopes };
};

/**
 * The scopes of a key that takes over from another: what of the other's is still in the catalog and held, nothing more.
 * Where keys must have scopes now and the other had all its owner may, that is what the owner may, named one by one.
 */
export const carriedScopes = (
  { policy, catalog, ownerScopes }: KeyFacts,
  old: readonly string[] | null,
): { readonly scopes: readonly string[] | null } | Rejection => {
  if (!policy.scoped && old === null) return { scopes: null };
  const index = indexScopes(catalog);
  const scopes = (old ?? index.all).filter((scope) => index.brings.has(scope) && holds(ownerScopes, scope));
  return policy.scoped && scopes.length === 0 ? reject('scopes-required') : { scopes };
};
