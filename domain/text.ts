import type { FieldError } from './decider.ts';

/** Characters that have no place in a line of text: controls, and the marks that reorder what is shown around them. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
/** The same for text of several lines, which may hold tabs and line breaks. */
const unprintableInLines = /[^\P{Cc}\t\n\r]|[\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

/** What leaves a mark where it stands: no blanks, and nothing that only joins, turns or hides what is beside it. */
const visible = /[^\p{Cc}\p{Cf}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** Trimmed, NFC; null where nobody would see anything of it. */
export const tidy = (text: string | null): string | null => {
  const kept = text?.normalize('NFC').trim() ?? '';
  return visible.test(kept) ? kept : null;
};

/** Length as a person counts it: code points, not UTF-16 units. */
export const lengthOf = (text: string): number => [...text].length;

/**
 * What is wrong with a tidy text, or null.
 * @param field JSON pointer into the command
 * @param longest in code points
 */
export const textError = (
  field: string,
  text: string | null,
  longest: number,
  lines: 'one line' | 'several lines' = 'one line',
): FieldError | null => {
  if (text === null) return null;
  // A code point takes at most two units: what is twice too long need not be taken apart to be counted.
  if (text.length > 2 * longest || lengthOf(text) > longest) return { field, detail: `At most ${longest} characters.` };
  if (!text.isWellFormed()) return { field, detail: 'Not well-formed Unicode.' };
  const refused = lines === 'one line' ? unprintable : unprintableInLines;
  return refused.test(text) ? { field, detail: 'No control characters.' } : null;
};

/** Each once, in the order of their code units: two equal sets are equal lists. */
export const sortedSet = (names: readonly string[]): readonly string[] => [...new Set(names)].sort();

export const equalLists = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);
