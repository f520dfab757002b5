import type { Change, Document, Lists } from '../../commands/ports/lists.ts';

/**
 * The documents that a projection reads, as they stand after the changes said so far, whether or not these have reached
 * the store yet.
 */
export type Documents = {
  readonly fetch: (ids: Iterable<string>) => Promise<void>;
  /** @throws where it was not fetched */
  readonly read: (id: string) => Document | null;
  readonly note: (changes: readonly Change[]) => void;
  /** Somebody else has changed the build, or what was noted was not stored after all. */
  readonly forget: () => void;
};

const limit = 20_000;

export const documentsOf = (lists: Lists, buildId: string): Documents => {
  const known = new Map<string, Document | null>();
  return {
    fetch: async (ids) => {
      const asked = [...new Set(ids)];
      if (known.size + asked.length > limit) known.clear();
      const missing = asked.filter((id) => !known.has(id));
      await Promise.all(missing.map(async (id) => known.set(id, await lists.get(buildId, id))));
    },
    read: (id) => {
      const document = known.get(id);
      if (document === undefined) throw new Error(`document ${id} is read without being asked for`);
      return document;
    },
    note: (changes) => {
      for (const change of changes) {
        if (change.op === 'updateWhere' || !known.has(change.id)) continue;
        const before = known.get(change.id) ?? null;
        if (change.op === 'remove') known.set(change.id, null);
        else if (change.op === 'set') known.set(change.id, { id: change.id, ...before, ...change.fields });
        else if (before !== null) known.set(change.id, { ...before, ...change.fields });
      }
    },
    forget: () => known.clear(),
  };
};
