import type { Instant } from './instant.ts';
import { instant, millis } from './instant.ts';
import type { KeyPolicy } from './keyPolicy.ts';
import type { ClosingReason, Key, RevocationReason } from './keyring.ts';
import type { EndedEpoch, UserStatus } from './user.ts';
import type { VerificationCode } from './verification.ts';
import { verificationCode } from './verification.ts';

/** Of a key, what its standing follows from. */
export type KeyStanding = Pick<
  Key,
  | 'ownerEpoch'
  | 'policyRevision'
  | 'expiresAt'
  | 'graceUntil'
  | 'revokedAt'
  | 'revokedReason'
  | 'revokedNote'
  | 'recoverable'
> &
  Partial<Pick<Key, 'expiredAt'>>;

/** Of its owner. `mayUseApi`: their roles hold the permission `api-keys:use`. */
export type OwnerStanding = {
  readonly status: UserStatus;
  readonly ownerEpoch: number;
  readonly endedEpochs: readonly EndedEpoch[];
  readonly mayUseApi: boolean;
};

/** Of the policy, what applies to keys that are there. `textsKeptSince`: as in the settings. */
export type PolicyStanding = Pick<KeyPolicy, 'enabled' | 'requireRole'> & { readonly textsKeptSince: number | null };

export type EndReason = RevocationReason | 'rotated' | ClosingReason;

/** What people see of a key's standing at a time; never stored. */
export type KeyView = {
  readonly status: 'active' | 'expired' | 'revoked';
  readonly usable: boolean;
  /** What verification would answer to a call without scopes; null: it would work. */
  readonly unusableBecause: VerificationCode | null;
  /** Its text can be copied again now. */
  readonly recoverable: boolean;
  readonly revokedAt: Instant | null;
  readonly revokedReason: EndReason | null;
  readonly revokedNote: string | null;
};

/** @param at as of when; key, owner and policy are those of that time too */
export const keyView = (key: KeyStanding, owner: OwnerStanding, policy: PolicyStanding, at: Instant): KeyView => {
  const now = millis(at);
  // Once recorded, an expiry is final, whatever a clock says.
  const expiresAt = key.expiredAt ? Number.NEGATIVE_INFINITY : orNever(key.expiresAt);
  const graceUntil = orNever(key.graceUntil);
  const end = revocationOfKey(key, owner, now);
  const code = verificationCode(
    {
      known: true,
      wellFormed: true,
      ownerActive: owner.status === 'active',
      ownerEpoch: owner.ownerEpoch,
      keyEpoch: key.ownerEpoch,
      revoked: key.revokedAt !== null,
      graceUntil,
      expiresAt,
      enabled: policy.enabled,
      requireRole: policy.requireRole,
      mayUseApi: owner.mayUseApi,
      scopesHeld: true,
    },
    now,
  );
  const status = end ? 'revoked' : now >= expiresAt ? 'expired' : 'active';
  return {
    status,
    usable: code === 'valid',
    unusableBecause: code === 'valid' ? null : code,
    recoverable: isTextKept(key, policy) && status === 'active' && key.graceUntil === null,
    revokedAt: end && instant(end.at),
    revokedReason: end?.reason ?? null,
    revokedNote: end?.note ?? null,
  };
};

/** What was made before the policy last began to keep texts has lost its own, if it ever had one. */
export const isTextKept = (
  { recoverable, policyRevision }: Pick<Key, 'recoverable' | 'policyRevision'>,
  { textsKeptSince }: Pick<PolicyStanding, 'textsKeptSince'>,
): boolean => recoverable && textsKeptSince !== null && policyRevision !== null && policyRevision >= textsKeptSince;

const orNever = (at: Instant | null) => (at === null ? Number.POSITIVE_INFINITY : millis(at));

type End = { readonly at: number; readonly reason: EndReason; readonly note: string | null };

// Several things may have ended one key; the first of them did.
const revocationOfKey = (key: KeyStanding, owner: OwnerStanding, now: number): End | null => {
  const ends: End[] = [];
  if (key.revokedAt !== null && key.revokedReason !== null) {
    ends.push({ at: millis(key.revokedAt), reason: key.revokedReason, note: key.revokedNote });
  }
  if (key.graceUntil !== null && now >= millis(key.graceUntil)) {
    ends.push({ at: millis(key.graceUntil), reason: 'rotated', note: null });
  }
  // Another epoch without its event is the owner as read a moment before the key: it does not work, but has not ended.
  const epoch = owner.endedEpochs.find(({ ownerEpoch }) => ownerEpoch === key.ownerEpoch);
  if (epoch) ends.push({ at: millis(epoch.at), reason: epoch.reason, note: null });
  return ends.reduce<End | null>((first, end) => (first && first.at <= end.at ? first : end), null);
};
