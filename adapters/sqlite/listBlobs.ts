import type { DatabaseSync } from 'node:sqlite';
import { scheduler } from 'node:timers/promises';
import type { Transferable } from 'node:worker_threads';
import type { Lists } from '../../commands/ports/lists.ts';
import type { ListsAnswer, ListsCommand } from './listsFile.ts';

export type RunCommand = (command: ListsCommand, transfer?: readonly Transferable[]) => Promise<ListsAnswer>;

/** Bytes that are copied and written at once. */
const chunkSize = 1024 * 1024;

/**
 * Blobs in chunks: beside the caller's bytes there is never more than one of them in memory, and other commands and reads
 * go on in between. A blob is seen once its last chunk is written; until then its name gives the one before.
 */
export const listBlobs = (
  db: DatabaseSync,
  read: <Result>(work: () => Result) => Promise<Result>,
  run: RunCommand,
): Pick<Lists, 'putBlob' | 'getBlob' | 'removeBlobs'> => {
  const selectBlob = db.prepare('SELECT upload, size FROM blobs WHERE name = ? AND complete = 1');
  const selectChunk = db.prepare('SELECT bytes FROM chunks WHERE upload = ? AND at = ?');

  /** @returns null where it was replaced meanwhile */
  const assemble = async (upload: number, size: number): Promise<Uint8Array | null> => {
    const bytes = new Uint8Array(size);
    for (let from = 0, at = 0; from < size; from += chunkSize, at += 1) {
      const chunk = await read(() => selectChunk.get(upload, at)?.bytes as Uint8Array<ArrayBuffer> | undefined);
      if (chunk === undefined) return null;
      bytes.set(chunk, from);
      // Free at once: a collection comes late for what lies outside of V8's heap.
      chunk.buffer.transfer(0);
      await scheduler.yield();
    }
    return bytes;
  };

  return {
    putBlob: async (name, bytes) => {
      const upload = (await run({ do: 'beginBlob', name, size: bytes.length })) as number;
      for (let from = 0, at = 0; from < bytes.length; from += chunkSize, at += 1) {
        // A copy of its own, so that it can be handed over.
        const chunk = Uint8Array.from(bytes.subarray(from, from + chunkSize));
        await run({ do: 'putChunk', upload, at, bytes: chunk }, [chunk.buffer]);
      }
      await run({ do: 'endBlob', upload });
    },
    getBlob: async (name) => {
      for (;;) {
        const blob = await read(() => selectBlob.get(name) as { upload: number; size: number } | undefined);
        if (blob === undefined) return null;
        const bytes = await assemble(blob.upload, blob.size);
        if (bytes !== null) return bytes;
      }
    },
    removeBlobs: async (prefix) => {
      await run({ do: 'removeBlobs', prefix });
    },
  };
};
