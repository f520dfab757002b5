import type { Collection, Db } from 'mongodb';

/** What a process does at one of its writes: it dies before it, in the middle of it, or before it hears the answer. */
export type Death = 'before' | 'half' | 'after';

const writing = new Set(['insertOne', 'insertMany', 'updateOne', 'bulkWrite', 'deleteMany']);

export class Died extends Error {}

/**
 * A database that its process sees through until it writes for the n-th time.
 * @param at is asked before each write, from 1 on. What it throws ends the process there
 */
export const watched = (
  db: Db,
  at: (nth: number, method: string) => Death | null | Promise<null>,
): {
  readonly db: Db;
  readonly collection: <T extends object>(name: string) => Collection<T>;
  writes: () => number;
} => {
  let count = 0;
  const collection = <T extends object>(name: string): Collection<T> =>
    new Proxy(db.collection(name), {
      get: (target, method: string) => {
        const found = Reflect.get(target, method);
        if (typeof found !== 'function') return found;
        if (!writing.has(method)) return found.bind(target);
        return async (first: unknown, ...rest: unknown[]) => {
          count += 1;
          const death = await at(count, method);
          if (death === 'before') throw new Died();
          const half = death === 'half' && Array.isArray(first) ? first.slice(0, Math.ceil(first.length / 2)) : first;
          const result = await found.call(target, half, ...rest);
          if (death !== null) throw new Died();
          return result;
        };
      },
    }) as unknown as Collection<T>;
  return { db: { collection } as unknown as Db, collection, writes: () => count };
};
