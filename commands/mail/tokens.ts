import type { UserId } from '../../domain/ids.ts';
import { type Instant, millis } from '../../domain/instant.ts';
import type { Cryptography } from '../environment.ts';
import { fromBase64, fromUtf8, toBase64Url, toUtf8 } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';

export type AddressToken = { readonly userId: UserId; readonly email: string; readonly until: Instant };

/** Tokens in links of mails. Sealed: nobody makes one up or reads one, and nothing of them is kept. */
export type MailTokens = {
  /** Good for ever: mails are kept for years. It takes away notices and nothing else. */
  readonly unsubscribe: (userId: UserId) => string;
  readonly readUnsubscribe: (token: string) => UserId | null;
  readonly address: (token: AddressToken) => string;
  /** @returns null also once it is too old */
  readonly readAddress: (token: string, at: Instant) => AddressToken | null;
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

  return {
    unsubscribe: unsubscribe.seal,
    readUnsubscribe: unsubscribe.open,
    address: ({ userId, email, until }) => address.seal(JSON.stringify([userId, email, until])),
    readAddress: (token, at) => {
      const text = address.open(token);
      if (text === null) return null;
      const [userId, email, until] = JSON.parse(text) as [UserId, string, Instant];
      return millis(until) > millis(at) ? { userId, email, until } : null;
    },
  };
};
