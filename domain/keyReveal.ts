import { type Rejection, reject } from './decider.ts';
import type { KeyId } from './ids.ts';
import type { Instant } from './instant.ts';
import type { Keyring } from './keyring.ts';
import { hasExpired, isCurrent } from './keyringDecisions.ts';
import { isTextKept } from './keyView.ts';
import type { Settings } from './settings.ts';

/** What it is asked on. `ownerEpoch`: the owner's, as of `at`. */
export type Revealing = {
  readonly keyId: KeyId;
  readonly at: Instant;
  readonly ownerEpoch: number;
  readonly settings: Pick<Settings, 'policy' | 'textsKeptSince'>;
};

/**
 * Why a key's text is not shown once more; null: nothing speaks against it. Rejections: `api-keys-disabled`, `not-found`,
 * `already-ended`, `not-recoverable`. No role is asked for, as with editing: a text that its role does not let work is
 * as good as none.
 */
export const refusesReveal = (revealing: Revealing, state: Keyring): Rejection | null => {
  const { keyId, at, settings } = revealing;
  if (!settings.policy.enabled) return reject('api-keys-disabled');
  const key = state.keys.get(keyId);
  if (!key) return reject('not-found');
  if (!isCurrent(key, revealing, state) || hasExpired(key, at)) return reject('already-ended');
  return isTextKept(key, settings) ? null : reject('not-recoverable');
};
