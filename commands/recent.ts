/** A map that forgets what was longest not asked for, by count. */
export type Recent<V> = {
  readonly get: (key: string) => V | undefined;
  readonly set: (key: string, value: V) => void;
  readonly delete: (key: string) => void;
  readonly entries: () => Iterable<[string, V]>;
};

export const recent = <V>(limit: number): Recent<V> => {
  // A Map keeps the order of insertion: the first is the one longest not used.
  const map = new Map<string, V>();
  return {
    get: (key) => {
      const value = map.get(key);
      if (value !== undefined) {
        map.delete(key);
        map.set(key, value);
      }
      return value;
    },
    set: (key, value) => {
      map.delete(key);
      map.set(key, value);
      if (map.size > limit) map.delete(map.keys().next().value!);
    },
    delete: (key) => map.delete(key),
    entries: () => [...map],
  };
};
