import type { EmailAddress } from '../domain/emailAddress.ts';
import { toHex } from './encoding.ts';
import type { Cryptography } from './environment.ts';
import type { PurposeKeys } from './purposeKeys.ts';

/**
 * Names the stream in which an address is claimed: a keyed hash, so that a log without the master key tells nobody's
 * address, not even to who guesses it. Hex, 64 digits; the same in every process of an installation.
 */
export type EmailClaimHash = (address: EmailAddress) => string;

export const emailClaimHash = (crypto: Cryptography, purposeKeys: PurposeKeys): EmailClaimHash => {
  const key = purposeKeys('email claim');
  return (address) => toHex(crypto.hmacSha256(key, address));
};
