const dashes = new Set([8, 13, 18, 23]);

/** Value of a lower-case hex digit's character code, or -1. */
const digit = (code: number) => (code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 102 ? code - 87 : -1);

/**
 * The 16 bytes of a UUID in its one written form, lower case with dashes.
 * @returns false where the text is none; `into` then holds nothing of use
 */
export const readUuid = (text: string, into: Uint8Array): boolean => {
  if (text.length !== 36) return false;
  let byte = 0;
  for (let i = 0; i < 36; ) {
    if (dashes.has(i)) {
      if (text.charCodeAt(i) !== 45) return false;
      i += 1;
      continue;
    }
    const high = digit(text.charCodeAt(i));
    const low = digit(text.charCodeAt(i + 1));
    if (high < 0 || low < 0) return false;
    into[byte++] = high * 16 + low;
    i += 2;
  }
  return true;
};

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The UUID whose 16 bytes stand at `at`. */
export const writeUuid = (bytes: Uint8Array, at: number): string => {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += pairs[bytes[at + i]!];
  }
  return text;
};

/** The bytes of a lower-case hex text of exactly `into.length` bytes. */
export const readHex = (text: string, into: Uint8Array): boolean => {
  if (text.length !== into.length * 2) return false;
  for (let i = 0; i < into.length; i++) {
    const high = digit(text.charCodeAt(i * 2));
    const low = digit(text.charCodeAt(i * 2 + 1));
    if (high < 0 || low < 0) return false;
    into[i] = high * 16 + low;
  }
  return true;
};
