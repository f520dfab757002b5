import { crc32 } from './crc32.ts';
import type { KeyPolicy } from './keyPolicy.ts';
import { serviceTokenPrefix } from './policyErrors.ts';

// The two forms of a key's text; docs/key-format.md has them in prose, with test vectors.
// prefixed: <prefix>_ + 30 random characters + 6 digits of the CRC-32 of all before them; dotted: 8 random, a dot, 32 random.

export type KeyForm = 'prefixed' | 'dotted';

/** A stream of random bytes: each call gives the next `length` of them. */
export type RandomBytes = (length: number) => Uint8Array;

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const base = alphabet.length;
const randomLength = 30;
const checkLength = 6;
const tailLength = randomLength + checkLength;
const shortestPrefix = 2;
const longestPrefix = 12;
const dotAt = 8;
const dottedLength = 41;

/** A new text in the form that the policy asks for. */
export const makeKeyText = (policy: Pick<KeyPolicy, 'form' | 'prefix'>, random: RandomBytes): string =>
  policy.form === 'prefixed' && policy.prefix !== null ? makePrefixed(policy.prefix, random) : makeDotted(random);

/** A new service token: a key's text under a prefix that no key has. */
export const makeServiceTokenText = (random: RandomBytes): string => makePrefixed(serviceTokenPrefix, random);

const makePrefixed = (prefix: string, random: RandomBytes): string => {
  const checked = `${prefix}_${randomCharacters(randomLength, random)}`;
  return checked + checkDigits(checked);
};

const makeDotted = (random: RandomBytes): string =>
  `${randomCharacters(dotAt, random)}.${randomCharacters(dottedLength - dotAt - 1, random)}`;

// The largest multiple of 62 that a byte holds: bytes from there on are thrown away, else the first letters would come more often.
const fairBytes = 256 - (256 % base);

const randomCharacters = (length: number, random: RandomBytes): string => {
  let text = '';
  while (text.length < length) {
    for (const byte of random(length - text.length)) if (byte < fairBytes) text += alphabet[byte % base];
  }
  return text;
};

const checkDigits = (checked: string): string => {
  let digits = '';
  let rest = crc32(checked, checked.length);
  for (let i = 0; i < checkLength; i++) {
    digits = alphabet[rest % base] + digits;
    rest = Math.floor(rest / base);
  }
  return digits;
};

/**
 * Whether a text can be a key or token of ours, without asking anybody. Strict: nothing is trimmed or forgiven, and a
 * text of any other length is refused unread.
 */
export const classify = (text: string): KeyForm | 'malformed' => {
  const { length } = text;
  if (length === dottedLength && text.charCodeAt(dotAt) === dot) {
    return allBase62(text, 0, dotAt) && allBase62(text, dotAt + 1, length) ? 'dotted' : 'malformed';
  }
  const prefixLength = length - tailLength - 1;
  if (prefixLength < shortestPrefix || prefixLength > longestPrefix) return 'malformed';
  if (text.charCodeAt(prefixLength) !== underscore || !isPrefix(text, prefixLength)) return 'malformed';
  if (!allBase62(text, prefixLength + 1, length)) return 'malformed';
  return crc32(text, length - checkLength) === checkValue(text) ? 'prefixed' : 'malformed';
};

const dot = 0x2e;
const underscore = 0x5f;

// By character code; 255: no digit.
const digitOf = new Uint8Array(128).fill(255);
for (let digit = 0; digit < base; digit++) digitOf[alphabet.charCodeAt(digit)] = digit;

const allBase62 = (text: string, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || digitOf[code] === 255) return false;
  }
  return true;
};

const isPrefix = (text: string, length: number): boolean => {
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    const letter = code >= 0x61 && code <= 0x7a;
    const digit = code >= 0x30 && code <= 0x39;
    if (!(letter || (digit && i > 0))) return false;
  }
  return true;
};

const checkValue = (text: string): number => {
  let value = 0;
  for (let i = text.length - checkLength; i < text.length; i++) value = value * base + digitOf[text.charCodeAt(i)]!;
  return value;
};

/**
 * What may be shown of a key: its prefix, and the first and last four characters after it (`api_Ab3d…9xYz`, `Ab3d…9xYz`).
 *
 * @param text a well-formed text
 */
export const maskOf = (text: string): string => {
  const start = text.indexOf('_') + 1;
  return `${text.slice(0, start + 4)}…${text.slice(-4)}`;
};
