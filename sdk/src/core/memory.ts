import type { ValidKey } from '../types.ts';

/** A key that worked when the server was asked. */
export type Entry = {
  /** SHA-256 of its text; the text itself is kept nowhere. */
  readonly hash: string;
  readonly key: ValidKey;
  /** What every use of it gets, made once. */
  readonly answer: Promise<ValidKey>;
  /** Its own end: milliseconds since 1970. */
  readonly endsAt: number;
  /** Monotonic milliseconds: a use from here on asks beside it; from `until` on it is worth nothing. */
  readonly refreshAt: number;
  readonly until: number;
  /** Of uses that the server does not know of yet. */
  uses: number;
  usedAt: number;
  ip: string | undefined;
  newer: Entry | null;
  older: Entry | null;
};

/** At most so many keys; the one used longest ago makes room. */
export const createMemory = (capacity: number) => {
  const byHash = new Map<string, Entry>();
  const byKey = new Map<string, Entry>();
  const byOwner = new Map<string, Set<Entry>>();
  let newest: Entry | null = null;
  let oldest: Entry | null = null;

  const unlink = (entry: Entry) => {
    if (entry.newer === null) newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === null) oldest = entry.newer;
    else entry.older.newer = entry.newer;
    entry.newer = null;
    entry.older = null;
  };

  const link = (entry: Entry) => {
    entry.older = newest;
    if (newest === null) oldest = entry;
    else newest.newer = entry;
    newest = entry;
  };

  const drop = (entry: Entry | undefined | null) => {
    if (!entry || byHash.get(entry.hash) !== entry) return;
    const { keyId, ownerId } = entry.key;
    unlink(entry);
    byHash.delete(entry.hash);
    if (byKey.get(keyId) === entry) byKey.delete(keyId);
    const owned = byOwner.get(ownerId);
    owned?.delete(entry);
    if (owned?.size === 0) byOwner.delete(ownerId);
  };

  return {
    size: () => byHash.size,

    get: (hash: string): Entry | undefined => byHash.get(hash),

    /** @param entry one that was just got */
    touch: (entry: Entry): void => {
      if (entry === newest) return;
      unlink(entry);
      link(entry);
    },

    put: (entry: Entry): void => {
      const { keyId, ownerId } = entry.key;
      drop(byHash.get(entry.hash));
      drop(byKey.get(keyId));
      if (byHash.size >= capacity) drop(oldest);
      byHash.set(entry.hash, entry);
      byKey.set(keyId, entry);
      const owned = byOwner.get(ownerId);
      if (owned) owned.add(entry);
      else byOwner.set(ownerId, new Set([entry]));
      link(entry);
    },

    drop: (hash: string): void => drop(byHash.get(hash)),

    dropKey: (keyId: string): void => drop(byKey.get(keyId)),

    dropOwner: (ownerId: string): void => {
      for (const entry of [...(byOwner.get(ownerId) ?? [])]) drop(entry);
    },

    clear: (): void => {
      byHash.clear();
      byKey.clear();
      byOwner.clear();
      newest = null;
      oldest = null;
    },
  };
};
