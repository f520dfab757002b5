import { dictionary } from '@zxcvbn-ts/language-common';

/** Code points; whoever asks has refused what is shorter than any password may be. */
const shortest = 8;

const listed = new Set(dictionary['passwords-common'].filter((password) => password.length >= shortest));

/** One text over and over, the last time perhaps cut: `abcabcab`. */
const repeated = (text: string): string | null => {
  for (let length = 1; length <= text.length / 2; length += 1) {
    const unit = text.slice(0, length);
    if (unit.repeat(Math.ceil(text.length / length)).startsWith(text)) return unit;
  }
  return null;
};

/** Each character next to the one before it: `abcdefgh`, `987654321`. */
const isRun = (text: string): boolean => {
  const steps = [...text].map(
    (character, i, all) => (character.codePointAt(0) ?? 0) - (all[i - 1]?.codePointAt(0) ?? 0),
  );
  const [, first, ...others] = steps;
  return (first === 1 || first === -1) && others.every((step) => step === first);
};

/**
 * Whether a password is among those that attackers try first: the lists of zxcvbn-ts, taken from breaches, and what is
 * only long because something short is repeated or counted on.
 * @param password NFC and in lower case
 */
export const isCommonPassword = (password: string): boolean => {
  if (listed.has(password) || isRun(password)) return true;
  const unit = repeated(password);
  return unit !== null && (unit.length < shortest || listed.has(unit) || isRun(unit));
};
