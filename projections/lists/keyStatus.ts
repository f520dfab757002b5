import type { Condition } from '../../commands/ports/lists.ts';
import type { Instant } from '../../domain/instant.ts';

export type KeyStatus = 'active' | 'expired' | 'revoked';

/** Only keys: the list holds their owners too (ownerFacts.ts). Part of every query. */
export const isKey: Condition = { column: 'kind', op: 'eq', value: 'key' };

const at = (column: string, op: 'lte' | 'gt', now: Instant): Condition => ({ column, op, value: now });
const none = (column: string): Condition => ({ column, op: 'null' });
const not = (column: string, now: Instant): Condition => ({ any: [[none(column)], [at(column, 'gt', now)]] });

/** Not ended by anybody, nor by a rotation whose grace is over. */
const standing = (now: Instant): readonly Condition[] => [
  none('revokedAt'),
  none('ownerEndedAt'),
  not('graceUntil', now),
];

/**
 * Which documents have this status at a time: the same question that keyView answers of one key, put to the facts, so
 * that a list can be searched by what it does not store.
 */
export const hasStatus = (status: KeyStatus, now: Instant): readonly Condition[] => {
  switch (status) {
    case 'active':
      return [none('revokedAt'), none('ownerEndedAt'), not('endsAt', now)];
    case 'expired':
      return [...standing(now), at('expiresAt', 'lte', now)];
    case 'revoked':
      return [
        {
          any: [
            [{ column: 'revokedAt', op: 'present' }],
            [{ column: 'ownerEndedAt', op: 'present' }],
            [at('graceUntil', 'lte', now)],
          ],
        },
      ];
  }
};

/** One of several; all three ask for nothing. */
export const hasOneStatus = (statuses: readonly KeyStatus[], now: Instant): readonly Condition[] => {
  const wanted = [...new Set(statuses)];
  if (wanted.length === 3) return [];
  return wanted.length === 1 ? hasStatus(wanted[0]!, now) : [{ any: wanted.map((status) => hasStatus(status, now)) }];
};

/** A user's keys that count as `active` or `expired` at a time, for `keyCounts`. */
export const keysOf = (ownerId: string, status: KeyStatus, now: Instant): readonly Condition[] => [
  isKey,
  { column: 'ownerId', op: 'eq', value: ownerId },
  ...hasStatus(status, now),
];

/** Ended by the clock, not yet recorded as expired, and nobody else's business: in the order of `endsAt` the expiry worker's work. */
export const dueToExpire = (now: Instant): readonly Condition[] => [
  isKey,
  none('revokedAt'),
  none('ownerEndedAt'),
  none('graceUntil'),
  none('expiredAt'),
  at('endsAt', 'lte', now),
];

/** Those whose end is still ahead. */
export const willExpire = (now: Instant): readonly Condition[] => [
  isKey,
  none('revokedAt'),
  none('ownerEndedAt'),
  none('graceUntil'),
  none('expiredAt'),
  at('endsAt', 'gt', now),
];
