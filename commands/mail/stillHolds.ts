import type { UserId } from '../../domain/ids.ts';
import { type Instant, instant, millis } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import { type Key, type Keyring, keyringFold, keyringStream } from '../../domain/keyring.ts';
import { notificationsOf, type User } from '../../domain/user.ts';
import type { Folds } from '../handling/folds.ts';

export type EndingKey = { readonly keyId: string; readonly expiresAt: Instant };

/** The key, where it still stands, ends at that very time, and that is ahead; null where nobody needs to hear of it. */
export const keyThatEnds = (ring: Keyring, owner: User, { keyId, expiresAt }: EndingKey, now: number): Key | null => {
  const key = ring.keys.get(keyId);
  if (key === undefined || owner.status !== 'active' || key.ownerEpoch !== owner.ownerEpoch) return null;
  const ended = key.revokedAt !== null || key.graceUntil !== null || key.expiredAt !== null;
  return ended || key.expiresAt !== expiresAt || millis(expiresAt) <= now ? null : key;
};

export type TokenHolds = (token: string, user: User, at: Instant) => Promise<boolean>;

/**
 * Whether what a mail says still holds when it is about to be sent: it may have waited long for a server.
 * @param now milliseconds since 1970
 * @param tokenHolds whether a token would still set a password
 */
export const stillHolds = async (
  folds: Pick<Folds, 'read'>,
  mail: { readonly template: string; readonly userId: UserId; readonly params: Json; readonly address: string | null },
  user: User,
  now: number,
  tokenHolds: TokenHolds,
): Promise<boolean> => {
  switch (mail.template) {
    case 'password-reset':
    case 'invitation':
      return tokenHolds((mail.params as { readonly token: string }).token, user, instant(now));
    case 'key-expiring':
      return folds.read(
        keyringFold,
        keyringStream(mail.userId),
        ({ state }) => keyThatEnds(state, user, mail.params as unknown as EndingKey, now) !== null,
      );
    case 'address-verification': {
      const { email, verified } = notificationsOf(user);
      return email === mail.address && !verified;
    }
    default:
      return true;
  }
};
