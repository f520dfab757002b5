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

/** How far one character is from the one before it; after 9 comes 0. */
const step = (before: string, character: string): number => {
  const distance = (character.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0);
  const wraps = (before === '9' && character === '0') || (before === '0' && character === '9');
  return wraps ? -Math.sign(distance) : distance;
};

/** Each character next to the one before it: `abcdefgh`, `123456789012345`. */
const isRun = (text: string): boolean => {
  const characters = [...text];
  const steps = characters.slice(1).map((character, i) => step(characters[i] ?? '', character));
  return steps.length > 0 && Math.abs(steps[0] ?? 0) === 1 && steps.every((one) => one === steps[0]);
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
