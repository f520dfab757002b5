import type { UserId } from '../../domain/ids.ts';
import type { Clock, Cryptography, Randomness } from '../environment.ts';
import type { Vault } from '../ports/vault.ts';
import { toBase64Url, toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';
import { vaultTable } from '../sealing/vaultTable.ts';

/**
 * Browsers in which somebody signed in to an account before. Such a browser shows a cookie, so that nobody else's bad
 * attempts keep its owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
 */
export type Devices = {
  /** What attempts of this browser on this account are counted by; null where it never signed in there. */
  readonly recognise: (token: string | null, claim: string) => Promise<string | null>;
  /** After a sign-in. @returns the cookie's value: the same where it was known for this account already */
  readonly remember: (token: string | null, claim: string, userId: UserId) => Promise<string>;
};

export const deviceSeconds = 365 * 24 * 3600;

const kind = 'device';

/** @param claim throughout: the keyed hash of the address that was given, whether or not it is anybody's */
export const createDevices = (deps: {
  vault: Vault;
  crypto: Cryptography;
  purposeKeys: PurposeKeys;
  clock: Clock;
  randomness: Randomness;
}): Devices => {
  const { crypto, clock, randomness } = deps;
  const table = vaultTable<{ readonly userId: UserId }>(deps.vault, kind);
  const key = deps.purposeKeys('device');
  const idOf = (token: string, claim: string) => toHex(crypto.hmacSha256(key, `${token} ${claim}`));

  const recognise: Devices['recognise'] = async (token, claim) => {
    if (token === null || !/^[A-Za-z0-9_-]{43}$/.test(token)) return null;
    const id = idOf(token, claim);
    return (await table.get(id)) === null ? null : id;
  };

  return {
    recognise,
    remember: async (shown, claim, userId) => {
      // A value that we did not give out for this account may have been planted: it is never made good.
      const known = (await recognise(shown, claim)) !== null;
      const token = known && shown !== null ? shown : toBase64Url(randomness.bytes(32));
      const expiresAt = clock.now() + deviceSeconds * 1000;
      await table.put(idOf(token, claim), { userId }, 'any', { person: userId, expiresAt });
      return token;
    },
  };
};
