/** Room for so many rows is made from the beginning. */
export const leastRows = 64;

/** Whether nothing else lies in its memory: whoever loads a million rows need not have them twice. */
export const isWholeBuffer = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
