/** How many recovery codes somebody has after turning two-factor on, and after asking for new ones. */
export const recoveryCodeCount = 10;

// Crockford's base 32: what people mistake for another character is not in it.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const recoveryLength = 10;

/** Random bytes for `recoveryCodes`. */
export const recoveryCodeBytes = recoveryCodeCount * recoveryLength;

/** `4q7zk-x09pa`, 50 bits each. @param random as many bytes as `recoveryCodeBytes` */
export const recoveryCodes = (random: Uint8Array): readonly string[] =>
  Array.from({ length: recoveryCodeCount }, (_, n) => {
    const bytes = random.subarray(n * recoveryLength, (n + 1) * recoveryLength);
    const text = Array.from(bytes, (byte) => alphabet[byte & 31]).join('');
    return `${text.slice(0, 5)}-${text.slice(5)}`;
  });

export type TypedCode =
  /** Of an authenticator app. */
  { readonly kind: 'time'; readonly digits: string } | { readonly kind: 'recovery'; readonly code: string };

/**
 * What somebody typed, with or without spaces and dashes, in capitals or not.
 * @returns the code in its own form; null: it can be neither
 */
export const readCode = (typed: string): TypedCode | null => {
  const plain = typed.replace(/[\s-]/g, '').toLowerCase();
  if (/^[0-9]{6}$/.test(plain)) return { kind: 'time', digits: plain };
  const meant = plain.replace(/o/g, '0').replace(/[il]/g, '1');
  if (meant.length !== recoveryLength || ![...meant].every((letter) => alphabet.includes(letter))) return null;
  return { kind: 'recovery', code: `${meant.slice(0, 5)}-${meant.slice(5)}` };
};
