/** What a spreadsheet may take for a formula when a cell begins with it; tab and line ends, because some skip them first. */
const formula = /^[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/;

/**
 * One row of RFC 4180, its line end included. A text that a spreadsheet would run is made a text for good by the
 * apostrophe before it: names and descriptions are written by whoever holds a key, and read by administrators.
 */
export const csvRow = (cells: readonly (string | boolean | null)[]): string => `${cells.map(cell).join(',')}\r\n`;

const cell = (value: string | boolean | null): string => {
  if (value === null) return '';
  const text = formula.test(String(value)) ? `'${value}` : String(value);
  return /[",\r\n\t]|^ | $/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
