/**
 * Ascending positions of one fixed width, kept as bytes: a million of them take their characters and nothing more,
 * where strings take some five times as much.
 */
export type PositionList = {
  readonly length: () => number;
  readonly at: (index: number) => string;
  /** @throws where the position is not of the width of the others, or not beyond the last */
  readonly push: (position: string) => void;
  /** Index of the first one beyond `position`; the length where there is none. Null: before all. */
  readonly firstAfter: (position: string | null) => number;
  /** A copy of all, one after the other, and their width. */
  readonly copy: () => { readonly width: number; readonly bytes: Uint8Array };
};

export const createPositionList = (loaded?: { readonly width: number; readonly bytes: Uint8Array }): PositionList => {
  let width = loaded?.width ?? 0;
  let length = loaded === undefined || width === 0 ? 0 : loaded.bytes.length / width;
  let bytes = new Uint8Array(Math.max(64 * width, length * width));
  if (loaded !== undefined) bytes.set(loaded.bytes);

  const at = (index: number) => String.fromCharCode(...bytes.subarray(index * width, (index + 1) * width));

  const isAfter = (index: number, position: string) => at(index) > position;

  const firstAfter = (position: string | null) => {
    if (position === null) return 0;
    // Nearly every question is about the newest ones.
    if (length === 0 || !isAfter(length - 1, position)) return length;
    let low = 0;
    let high = length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAfter(middle, position)) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  return {
    length: () => length,
    at,
    push: (position) => {
      if (width === 0) width = position.length;
      if (position.length !== width) throw new Error('a position of another width than those before it');
      if (length > 0 && !(position > at(length - 1))) throw new Error('a position that is not beyond those before it');
      if ((length + 1) * width > bytes.length) {
        const larger = new Uint8Array(Math.max(64 * width, bytes.length * 2));
        larger.set(bytes);
        bytes = larger;
      }
      for (let i = 0; i < width; i++) bytes[length * width + i] = position.charCodeAt(i);
      length += 1;
    },
    firstAfter,
    copy: () => ({ width, bytes: bytes.slice(0, length * width) }),
  };
};
