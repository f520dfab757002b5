import type { Json } from '../domain/json.ts';

type Sealer = {
  readonly seal: (key: Uint8Array, plain: Uint8Array, aad: string) => Uint8Array;
  readonly open: (key: Uint8Array, box: Uint8Array, aad: string) => Uint8Array | null;
};

/** Where a page ended. Sealed, because it holds the values sorted by (an address, say), and bound to its list, filter and order. */
export type Cursors = {
  readonly write: (after: readonly Json[], filter: string) => string;
  /** @returns null where the cursor is of another filter or order, or none of ours */
  readonly read: (cursor: string, filter: string) => readonly Json[] | null;
};

/** @param key 32 bytes, the same in every process of an installation */
export const createCursors = (sealer: Sealer, key: Uint8Array): Cursors => ({
  write: (after, filter) =>
    Buffer.from(sealer.seal(key, Buffer.from(JSON.stringify(after)), filter)).toString('base64url'),
  read: (cursor, filter) => {
    const box = Buffer.from(cursor, 'base64url');
    // What is too short to hold a nonce and a tag was never sealed here.
    const opened = box.length < 28 ? null : sealer.open(key, box, filter);
    return opened === null ? null : (JSON.parse(Buffer.from(opened).toString()) as Json[]);
  },
});
