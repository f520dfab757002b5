/**
 * The order of code points, which is that of UTF-8 bytes and so the one databases keep. JavaScript's own `<` compares
 * UTF-16 units and puts what lies beyond U+FFFF before U+E000.
 */
export const compareTexts = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
};

// Surrogates stand for what is greater than any single unit.
const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** What two texts share that differ only in case or in how their accents are composed: `Straße`, `STRASSE`. */
export const folded = (text: string): string => {
  if (isAscii(text)) return text.toUpperCase();
  // Lower case first for letters that only have a capital of their own (ẞ), upper case after for σ and ς.
  return text.normalize('NFC').toLowerCase().toUpperCase().normalize('NFC');
};

export const isAscii = (text: string): boolean => ascii.test(text);

// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const ascii = /^[\x00-\x7f]*$/;
