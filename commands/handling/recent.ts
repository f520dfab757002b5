/** A map that forgets what was not asked for lately: it keeps at least half as many as its limit, and never more. */
export type Recent<V> = {
  readonly get: (key: string) => V | undefined;
  readonly set: (key: string, value: V) => void;
  readonly delete: (key: string) => void;
  readonly entries: () => Iterable<[string, V]>;
};

export const recent = <V>(limit: number): Recent<V> => {
  // Two generations: what the younger is asked for costs nothing, and the older is forgotten as a whole.
  const half = Math.max(1, Math.floor(limit / 2));
  let young = new Map<string, V>();
  let old = new Map<string, V>();

  const set = (key: string, value: V) => {
    old.delete(key);
    young.set(key, value);
    if (young.size < half) return;
    old = young;
    young = new Map();
  };

  return {
    get: (key) => {
      const value = young.get(key);
      if (value !== undefined) return value;
      const older = old.get(key);
      if (older !== undefined) set(key, older);
      return older;
    },
    set,
    delete: (key) => {
      young.delete(key);
      old.delete(key);
    },
    entries: () => [...old, ...young],
  };
};
