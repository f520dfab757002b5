import { grown, isWholeBuffer, leastRows } from './rows.ts';

/**
 * Finds rows by keys of a fixed number of bytes: open addressing over an Int32Array, the keys one after the other in a
 * single Uint8Array. A row is its number, counted from 0 in the order of adding; rows are never removed. A million keys
 * of 32 bytes take 32 MB and 8 MB of slots, where a Map of strings takes hundreds.
 */
export type BytesTable = {
  readonly width: number;
  readonly size: () => number;
  /** @returns the row of the key that stands at `at` in `bytes`, or -1 */
  readonly find: (bytes: Uint8Array, at?: number) => number;
  /** Adds the key as the next row, whether findable or not: a key that is there already keeps its first row. */
  readonly add: (bytes: Uint8Array, at?: number) => number;
  /** The bytes of all rows, one after the other; valid until the next `add`. */
  readonly bytes: () => Uint8Array;
  /** The same with the spare room behind them: no view is made, which counts where this is called for every key. */
  readonly buffer: () => Uint8Array;
  /** Takes over the keys of `rows` rows at once, and the bytes themselves where they are a buffer of their own. */
  readonly load: (bytes: Uint8Array, rows: number) => void;
};

/** @param width bytes of a key, a multiple of 4 */
export const createBytesTable = (width: number, capacity = leastRows): BytesTable => {
  let keys = new Uint8Array(capacity * width);
  let words = new Int32Array(keys.buffer);
  let slots = new Int32Array(slotsFor(capacity));
  let mask = slots.length - 1;
  let size = 0;
  const wordsPerKey = width / 4;
  const probe = new Uint8Array(width);
  const probed = new Int32Array(probe.buffer);

  const slotOf = (key: Int32Array, first: number) => {
    let slot = mixed(key, first, wordsPerKey) & mask;
    for (;;) {
      const row = slots[slot]! - 1;
      if (row < 0 || equalWords(key, first, words, row * wordsPerKey, wordsPerKey)) return slot;
      slot = (slot + 1) & mask;
    }
  };

  const rebuild = () => {
    slots = new Int32Array(slotsFor(size + 1));
    mask = slots.length - 1;
    for (let row = 0; row < size; row++) {
      const slot = slotOf(words, row * wordsPerKey);
      if (slots[slot] === 0) slots[slot] = row + 1;
    }
  };

  const makeRoom = () => {
    if ((size + 1) * width > keys.length) {
      // The memory before is free at once, not at some collection to come.
      keys = new Uint8Array(keys.buffer.transfer(grown(keys.length / width, size + 1) * width));
      words = new Int32Array(keys.buffer);
    }
    if ((size + 1) * 2 > slots.length) rebuild();
  };

  const put = (bytes: Uint8Array, at: number) => {
    for (let i = 0; i < width; i++) probe[i] = bytes[at + i]!;
  };

  return {
    width,
    size: () => size,
    find: (bytes, at = 0) => {
      put(bytes, at);
      return slots[slotOf(probed, 0)]! - 1;
    },
    add: (bytes, at = 0) => {
      put(bytes, at);
      makeRoom();
      const slot = slotOf(probed, 0);
      keys.set(probe, size * width);
      size += 1;
      if (slots[slot] === 0) slots[slot] = size;
      return size - 1;
    },
    bytes: () => keys.subarray(0, size * width),
    buffer: () => keys,
    load: (bytes, rows) => {
      if (rows >= leastRows && bytes.length === rows * width && isWholeBuffer(bytes))
        keys = new Uint8Array(bytes.buffer);
      else {
        keys = new Uint8Array(Math.max(leastRows, rows) * width);
        keys.set(bytes.subarray(0, rows * width));
      }
      words = new Int32Array(keys.buffer);
      size = rows;
      rebuild();
    },
  };
};

// At most half full, so that a probe stays short.
const slotsFor = (rows: number) => {
  let slots = 128;
  while (slots < rows * 2) slots *= 2;
  return slots;
};

// All words take part: the first bytes of an id are a time, and equal for ids made together.
const mixed = (words: Int32Array, first: number, count: number) => {
  let hash = 0;
  for (let i = 0; i < count; i++) hash = Math.imul(hash ^ words[first + i]!, 0x9e3779b1) ^ (hash >>> 15);
  return hash ^ (hash >>> 16);
};

const equalWords = (a: Int32Array, fromA: number, b: Int32Array, fromB: number, count: number) => {
  for (let i = 0; i < count; i++) if (a[fromA + i] !== b[fromB + i]) return false;
  return true;
};
