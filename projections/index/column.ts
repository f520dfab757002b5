import { grown, isWholeBuffer, leastRows } from './rows.ts';

type Numbers = Uint8Array | Int32Array | Float64Array;

/** One number per row. Rows never set read as 0. */
export type Column<A extends Numbers = Numbers> = {
  readonly get: (row: number) => number;
  readonly set: (row: number, value: number) => void;
  /** A copy of the first `rows` rows. */
  readonly copy: (rows: number) => A;
  /** Takes over a copy, given as its bytes, which are this column's from then on. @throws where they are not of that many rows */
  readonly load: (bytes: Uint8Array, rows: number) => void;
};

type Make<A> = { new (length: number): A; new (buffer: ArrayBuffer): A; readonly BYTES_PER_ELEMENT: number };

export const createColumn = <A extends Numbers>(make: Make<A>): Column<A> => {
  let values = new make(leastRows);

  const reserve = (rows: number) => {
    if (rows <= values.length) return;
    // The memory before is free at once, not at some collection to come.
    values = new make((values.buffer as ArrayBuffer).transfer(grown(values.length, rows) * make.BYTES_PER_ELEMENT));
  };

  return {
    get: (row) => values[row] ?? 0,
    set: (row, value) => {
      reserve(row + 1);
      values[row] = value;
    },
    copy: (rows) => {
      const copied = new make(rows);
      copied.set(values.subarray(0, rows));
      return copied;
    },
    load: (bytes, rows) => {
      if (bytes.length !== rows * make.BYTES_PER_ELEMENT) throw new Error('a column of another length than its rows');
      if (rows >= leastRows && isWholeBuffer(bytes)) values = new make(bytes.buffer);
      else {
        values = new make(Math.max(leastRows, rows));
        new Uint8Array(values.buffer).set(bytes);
      }
    },
  };
};
