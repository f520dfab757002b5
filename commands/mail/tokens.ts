import type { UserId } from '../../domain/ids.ts';
import { type Instant, millis } from '../../domain/instant.ts';
import type { User } from '../../domain/user.ts';
import type { Cryptography } from '../environment.ts';
import { fromBase64, fromUtf8, toBase64Url, toHex, toUtf8 } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';

export type AddressToken = { readonly userId: UserId; readonly email: string; readonly until: Instant };

/** The account as it stood when the link was made: good no longer once its password, address or epoch has changed. */
type Standing = Pick<User, 'claim' | 'ownerEpoch' | 'passwordHash'>;

/** Tokens in links of mails. Sealed: nobody makes one up or reads one, and nothing of them is kept. */
export type MailTokens = {
  /** Good for ever: mails are kept for years. It takes away notices and nothing else. */
  readonly unsubscribe: (userId: UserId) => string;
  readonly readUnsubscribe: (token: string) => UserId | null;
  readonly address: (token: AddressToken, of: Standing) => string;
  /** @returns null also once it is too old. `isOf`: whether the account is still as it was then */
  readonly readAddress: (
    token: string,
    at: Instant,
  ) => (AddressToken & { readonly isOf: (account: Standing) => boolean }) | null;
};

const longestToken = 2_000;

export const createMailTokens = (deps: { crypto: Cryptography; purposeKeys: PurposeKeys }): MailTokens => {
  const sealer = (purpose: string) => {
    const key = deps.purposeKeys(purpose);
    return {
      seal: (text: string) => toBase64Url(deps.crypto.seal(key, toUtf8(text), purpose)),
      open: (token: string): string | null => {
        if (token.length > longestToken || !/^[A-Za-z0-9_-]+$/.test(token)) return null;
        const plain = deps.crypto.open(key, fromBase64(token), purpose);
        return plain && fromUtf8(plain);
      },
    };
  };
  const unsubscribe = sealer('mail unsubscribe');
  const address = sealer('mail address');
  const standingKey = deps.purposeKeys('mail address standing');
  const standingOf = ({ claim, ownerEpoch, passwordHash }: Standing): string =>
    toHex(deps.crypto.hmacSha256(standingKey, JSON.stringify([claim, ownerEpoch, passwordHash])));

  return {
    unsubscribe: unsubscribe.seal,
    readUnsubscribe: unsubscribe.open,
    address: ({ userId, email, until }, of) => address.seal(JSON.stringify([userId, email, until, standingOf(of)])),
    readAddress: (token, at) => {
      const text = address.open(token);
      if (text === null) return null;
      const [userId, email, until, standing] = JSON.parse(text) as [UserId, string, Instant, string];
      if (millis(until) <= millis(at)) return null;
      return { userId, email, until, isOf: (account) => standingOf(account) === standing };
    },
  };
};
