import type { Collection } from 'mongodb';

export type Count = { readonly _id: string; readonly next: number };

/** Numbers that nobody gets twice, in no process, each greater than the one before in this process. */
export type Versions = {
  readonly next: () => Promise<number>;
  /** The next one that is greater than every number given so far by anybody. */
  readonly beyondAll: () => Promise<number>;
};

const blockSize = 1_000;

/**
 * One document of the store counts, so that no clock and no chance is trusted; each process takes a thousand numbers at
 * a time, so that a write does not cost two. What a process took and did not use is lost.
 */
export const createVersions = (counts: Collection<Count>): Versions => {
  let next = 0;
  let end = 0;
  let taking: Promise<void> | null = null;

  const take = async (): Promise<void> => {
    const counted = await counts.findOneAndUpdate(
      { _id: 'versions' },
      { $inc: { next: blockSize } },
      { upsert: true, returnDocument: 'after' },
    );
    end = counted!.next + 1;
    next = end - blockSize;
  };
  const taken = (): Promise<void> => {
    taking ??= take().finally(() => {
      taking = null;
    });
    return taking;
  };
  const one = async (): Promise<number> => {
    while (next >= end) await taken();
    return next++;
  };

  return {
    next: one,
    beyondAll: async () => {
      // One that is being taken may have been counted before what the caller saw.
      await taking;
      await taken();
      return one();
    },
  };
};
