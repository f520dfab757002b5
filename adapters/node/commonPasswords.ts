import { createRequire } from 'node:module';

/** Code points; whoever asks has refused what is shorter than any password may be. */
const shortest = 8;

let words: ReadonlySet<string> | null = null;

/** Read with the first password that somebody chooses: they take 30 ms and several MB, and most processes are never asked. */
const listed = (): ReadonlySet<string> => {
  if (words === null) {
    const require = createRequire(import.meta.url);
    const { dictionary }: typeof import('@zxcvbn-ts/language-common') = require('@zxcvbn-ts/language-common');
    words = new Set(dictionary['passwords-common'].filter((password) => password.length >= shortest));
  }
  return words;
};

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
  if (isRun(password) || listed().has(password)) return true;
  const unit = repeated(password);
  return unit !== null && (unit.length < shortest || isRun(unit) || listed().has(unit));
};
