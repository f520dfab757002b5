/** What turns the direction of a line around: in a subject it makes one text look like another. */
const turns = /[\u202A-\u202E\u2066-\u2069]/g;

/** One line without control characters: for subjects, names and values. @param most in code points */
export const oneLine = (text: string, most = 200): string => {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(turns, '')
    .trim();
  const points = [...line];
  return points.length <= most ? line : `${points.slice(0, most - 1).join('')}…`;
};

/** Several lines, separated by \n; no other control characters but tabs. */
export const manyLines = (text: string): string =>
  text
    .toWellFormed()
    .replace(/\r\n?|\p{Zl}|\p{Zp}/gu, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '');

const entities: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and attributes of HTML. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (found) => entities[found]!);
