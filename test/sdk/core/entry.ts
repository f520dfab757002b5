import type { Entry } from '../../../sdk/src/core/memory.ts';

/** A key that is remembered, and nothing known of it but whose it is. */
export const entryOf = (hash: string, keyId: string, ownerId = 'owner-1', more: Partial<Entry> = {}): Entry => {
  const key = { valid: true, keyId, ownerId, scopes: [], permissions: [], expiresAt: null, position: '1' } as const;
  const times = { endsAt: 0, refreshAt: 0, until: 0, uses: 0, usedAt: 0, ip: undefined };
  return { hash, key, answer: Promise.resolve(key), ...times, newer: null, older: null, next: undefined, ...more };
};
