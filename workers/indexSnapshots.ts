import type { Lists } from '../commands/ports/lists.ts';
import type { Feed } from '../projections/feed/feed.ts';
import { foldVersion, type Section, snapshotFormat, thaw } from '../projections/index/snapshot.ts';
import type { IndexState } from '../projections/index/state.ts';

/** Where snapshots lie, in parts that every store takes. */
export type Blobs = Pick<Lists, 'getBlob' | 'putBlob' | 'removeBlobs'>;

export type IndexSnapshots = {
  /** The newest one that is whole and of this release's fold, or null: then the log is read from its start. */
  readonly load: () => Promise<{ readonly state: IndexState; readonly feed: Feed } | null>;
  /** @param name another for every moment of the log @param sections are used up */
  readonly write: (name: string, sections: readonly Section[]) => Promise<void>;
};

type Head = {
  readonly format: number;
  readonly foldVersion: number;
  readonly parts: string;
  /** SHA-256 of each part of a section, in order; hex. */
  readonly sections: readonly { readonly name: string; readonly hashes: readonly string[] }[];
};

const headName = 'index/head';
const partBytes = 4 * 1024 * 1024;

/**
 * Memory that is not needed any more. A collection comes late for what lies outside of V8's heap: the parts of a million
 * keys would stay among what is kept, as holes of 30 MB that are never given back to the system.
 */
const giveBack = ({ buffer }: Uint8Array) => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
};

/** @param pause lets go of the thread between parts */
export const createIndexSnapshots = (deps: {
  readonly blobs: Blobs;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly pause: () => Promise<void>;
}): IndexSnapshots => {
  const { blobs, pause } = deps;
  const hashOf = (bytes: Uint8Array) => Buffer.from(deps.sha256(bytes)).toString('hex');

  const readHead = async (): Promise<Head | null> => {
    const bytes = await blobs.getBlob(headName);
    if (bytes === null) return null;
    const head = JSON.parse(new TextDecoder().decode(bytes)) as Head;
    return head.format === snapshotFormat && head.foldVersion === foldVersion ? head : null;
  };

  const readPart = async (head: Head, section: number, part: number): Promise<Uint8Array> => {
    const bytes = await blobs.getBlob(`${head.parts}${section}/${part}`);
    if (bytes === null || hashOf(bytes) !== head.sections[section]!.hashes[part])
      throw new Error('a part of the snapshot is missing or damaged');
    await pause();
    return bytes;
  };

  const readSection = async (head: Head, section: number): Promise<Uint8Array> => {
    const parts = head.sections[section]!.hashes.length;
    if (parts === 0) return new Uint8Array();
    // All but the last are of one size: the last tells that of the whole.
    const last = await readPart(head, section, parts - 1);
    if (parts === 1) return last;
    const whole = new Uint8Array((parts - 1) * partBytes + last.length);
    whole.set(last, (parts - 1) * partBytes);
    for (let part = 0; part < parts - 1; part++) {
      const bytes = await readPart(head, section, part);
      if (bytes.length !== partBytes) throw new Error('a part of the snapshot is of another size than all of them');
      whole.set(bytes, part * partBytes);
      giveBack(bytes);
    }
    giveBack(last);
    return whole;
  };

  const readAll = async (head: Head) => {
    const sections = new Map<string, Uint8Array>();
    for (const [number, { name }] of head.sections.entries()) sections.set(name, await readSection(head, number));
    return sections;
  };

  return {
    load: async () => {
      for (let tried: string | null = null; ; ) {
        const head = await readHead().catch(() => null);
        if (head === null || head.parts === tried) return null;
        tried = head.parts;
        try {
          return thaw(await readAll(head));
        } catch {
          // Another process may have put a newer one in its place meanwhile. Whatever else is wrong with it, and if it
          // cannot be read at all: it only spares the time to read the log.
        }
      }
    },
    write: async (name, sections) => {
      const before = await readHead().catch(() => null);
      const parts = `index/${name}/`;
      const written: { name: string; hashes: string[] }[] = [];
      for (const [number, section] of sections.entries()) {
        const hashes: string[] = [];
        for (let at = 0; at < section.bytes.length; at += partBytes) {
          const bytes = section.bytes.subarray(at, at + partBytes);
          await blobs.putBlob(`${parts}${number}/${hashes.length}`, bytes);
          hashes.push(hashOf(bytes));
          await pause();
        }
        written.push({ name: section.name, hashes });
        giveBack(section.bytes);
      }
      const head: Head = { format: snapshotFormat, foldVersion, parts, sections: written };
      await blobs.putBlob(headName, new TextEncoder().encode(JSON.stringify(head)));
      if (before !== null && before.parts !== parts) await blobs.removeBlobs(before.parts);
    },
  };
};
