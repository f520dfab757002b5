const digits = '0123456789abcdef';
const dash = 45;

/** By character code: the value of a lower-case hex digit; -1 where it is none, and nothing beyond the table. */
const digitOf = new Int8Array(128).fill(-1);
for (let value = 0; value < 16; value++) digitOf[digits.charCodeAt(value)] = value;
const isDigit = (value: number | undefined): value is number => value !== undefined && value >= 0;

/** Where the two digits of each byte begin. */
const places = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

/**
 * The 16 bytes of a UUID in its one written form, lower case with dashes.
 * @returns false where the text is none; `into` then holds nothing of use
 */
export const readUuid = (text: string, into: Uint8Array): boolean => {
  if (text.length !== 36) return false;
  for (let byte = 0; byte < 16; byte++) {
    const place = places[byte]!;
    const high = digitOf[text.charCodeAt(place)];
    const low = digitOf[text.charCodeAt(place + 1)];
    if (!(isDigit(high) && isDigit(low))) return false;
    into[byte] = high * 16 + low;
  }
  return (
    text.charCodeAt(8) === dash &&
    text.charCodeAt(13) === dash &&
    text.charCodeAt(18) === dash &&
    text.charCodeAt(23) === dash
  );
};

const codes = (shift: number) => Uint8Array.from({ length: 256 }, (_, byte) => digits.charCodeAt((byte >> shift) & 15));
/** By the value of a byte: the character codes of its two digits. */
const highs = codes(4);
const lows = codes(0);

/** The UUID whose 16 bytes stand at `at`. Made in one go: a text joined from parts is copied once more when it is looked up. */
export const writeUuid = (bytes: Uint8Array, at: number): string => {
  const high = (byte: number) => highs[bytes[at + byte]!]!;
  const low = (byte: number) => lows[bytes[at + byte]!]!;
  // biome-ignore format: as a UUID is written
  return String.fromCharCode(
    high(0), low(0), high(1), low(1), high(2), low(2), high(3), low(3), dash,
    high(4), low(4), high(5), low(5), dash,
    high(6), low(6), high(7), low(7), dash,
    high(8), low(8), high(9), low(9), dash,
    high(10), low(10), high(11), low(11), high(12), low(12), high(13), low(13), high(14), low(14), high(15), low(15),
  );
};

/** The bytes of a lower-case hex text of exactly `into.length` bytes. */
export const readHex = (text: string, into: Uint8Array): boolean => {
  if (text.length !== into.length * 2) return false;
  for (let i = 0; i < into.length; i++) {
    const high = digitOf[text.charCodeAt(i * 2)];
    const low = digitOf[text.charCodeAt(i * 2 + 1)];
    if (!(isDigit(high) && isDigit(low))) return false;
    into[i] = high * 16 + low;
  }
  return true;
};
