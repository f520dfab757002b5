import { emailNormalForm } from '../../domain/emailAddress.ts';
import type { SignInAddress } from '../../domain/userAccount.ts';
import type { Cryptography } from '../environment.ts';
import { toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';

/** Addresses as sign-in and claims know them. */
export type EmailAddresses = {
  /** @returns the normal form and the keyed hash that its claim's stream is named for; null: no address */
  readonly signInAddress: (given: string) => SignInAddress | null;
};

export const emailAddresses = (deps: { crypto: Cryptography; purposeKeys: PurposeKeys }): EmailAddresses => {
  const key = deps.purposeKeys('e-mail claims');
  return {
    signInAddress: (given) => {
      const email = emailNormalForm(given);
      return email === null ? null : { email, claim: toHex(deps.crypto.hmacSha256(key, email)) };
    },
  };
};
