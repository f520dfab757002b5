/** Room for so many rows is made from the beginning. */
export const leastRows = 64;

/** Room for at least so many rows: a quarter more than there was, as what is spare of a million rows is many MB. */
export const grown = (room: number, rows: number): number => Math.max(rows, room + Math.ceil(room / 4));

/** Whether nothing else lies in its memory: whoever loads a million rows need not have them twice. */
export const isWholeBuffer = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
