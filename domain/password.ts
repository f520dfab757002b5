import { type Rejection, reject } from './decider.ts';
import { lengthOf } from './text.ts';

/**
 * In code points. Long instead of complicated, no rules on what it is made of (NIST SP 800-63B-4, 3.1.1.2: 15 where the
 * password stands alone, 8 beside a second factor).
 */
const shortestPassword = 15;
const shortestPasswordWithSecondFactor = 8;
const longestPassword = 256;

export type PasswordChoice = {
  readonly password: string;
  /** As typed again; null where nobody was asked to (an administrator's request, a setting). */
  readonly confirmation: string | null;
  readonly twoFactor: boolean;
};

/** The text that is hashed and compared: the same password typed on two keyboards is one text. */
export const normalPassword = (password: string): string => password.normalize('NFC');

/** Whether it was good only beside a second factor: once that is off, they are to choose a longer one. */
export const isTooShortAlone = (password: string): boolean => lengthOf(normalPassword(password)) < shortestPassword;

/** @param min what would do */
export const tooShort = (min: number = shortestPassword): Rejection => reject('password-too-short', { min });

/**
 * @param isCommon whether a password, NFC and in lower case, is among those that attackers try first
 * @returns the password to hash. Rejections: `password-confirmation-differs`, `password-too-short` {min},
 * `password-too-long` {max}, `password-common`. Whether it is the one they already have is judged where hashes are.
 */
export const choosePassword = (
  { password, confirmation, twoFactor }: PasswordChoice,
  isCommon: (password: string) => boolean,
): { readonly password: string } | Rejection => {
  const chosen = normalPassword(password);
  if (confirmation !== null && normalPassword(confirmation) !== chosen) return reject('password-confirmation-differs');
  const min = twoFactor ? shortestPasswordWithSecondFactor : shortestPassword;
  const length = lengthOf(chosen);
  if (length < min) return tooShort(min);
  if (length > longestPassword) return reject('password-too-long', { max: longestPassword });
  if (isCommon(chosen.toLowerCase())) return reject('password-common');
  return { password: chosen };
};
