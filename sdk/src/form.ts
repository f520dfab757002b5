// The two forms of a key's text: `<prefix>_`, 30 base62 characters and 6 base62 digits of the CRC-32 of all before them;
// or 8 base62 characters, a dot and 32 more.

const tailLength = 36;
const checkLength = 6;
const shortestPrefix = 2;
const longestPrefix = 12;
// Characters that a key has: prefixed with the shortest and the longest prefix; a dotted one is between them.
const shortestKey = shortestPrefix + 1 + tailLength;
const longestKey = longestPrefix + 1 + tailLength;
// No body of a question may be longer.
const longestQuestion = 8_192;

const dotAt = 8;
const dottedLength = 41;
const dot = 0x2e;
const underscore = 0x5f;

// By character code; 255: no digit.
const digitOf = new Uint8Array(128).fill(255);
for (const [digit, character] of [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'].entries())
  digitOf[character.charCodeAt(0)] = digit;

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

const isBase62 = (text: string, from: number, to: number): boolean => {
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
    if (!letter && (i === 0 || !digit)) return false;
  }
  return true;
};

const hasRightChecksum = (text: string): boolean => {
  const checked = text.length - checkLength;
  let crc = -1;
  for (let i = 0; i < checked; i++) crc = (crc >>> 8) ^ crcTable[(crc ^ text.charCodeAt(i)) & 0xff]!;
  let digits = 0;
  for (let i = checked; i < text.length; i++) digits = digits * 62 + digitOf[text.charCodeAt(i)]!;
  return ~crc >>> 0 === digits;
};

/** Whether it is as long as keys of Keyledger's own making are: nothing is hashed that is much too long to be one. */
export const hasLengthOfKey = (key: unknown): key is string =>
  typeof key === 'string' && key.length >= shortestKey && key.length <= longestKey;

/** Whether it is as long as any key may be: of imported ones a server takes no longer ones. */
export const hasLengthOfImported = (key: unknown): key is string =>
  typeof key === 'string' &&
  key !== '' &&
  key.length <= longestQuestion &&
  JSON.stringify(key).length <= longestQuestion / 2;

/** Whether a text can be a key of Keyledger's own making. Nothing is trimmed, folded or forgiven. */
export const canBeKey = (text: string): boolean => {
  const { length } = text;
  const prefixLength = length - tailLength - 1;
  if (prefixLength >= shortestPrefix && prefixLength <= longestPrefix && text.charCodeAt(prefixLength) === underscore)
    return isPrefix(text, prefixLength) && isBase62(text, prefixLength + 1, length) && hasRightChecksum(text);
  return (
    length === dottedLength &&
    text.charCodeAt(dotAt) === dot &&
    isBase62(text, 0, dotAt) &&
    isBase62(text, dotAt + 1, length)
  );
};
