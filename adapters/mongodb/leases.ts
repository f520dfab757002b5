import type { Collection } from 'mongodb';
import { isDuplicate } from './errors.ts';

// On disk: add fields, never rename.
export type LeaseDocument = {
  readonly _id: string;
  readonly holder: string | null;
  readonly fence: number;
  /** By the server's clock. A lease that was given back ended in 1970. */
  readonly until: Date;
};

/**
 * Leases by the server's clock, which is read before the write that depends on it. That is safe on both sides: who was
 * past its end when the clock was read is still past it when the write arrives, unless it was renewed, and then the
 * filter no longer fits; and a lease runs from the moment of reading, so it ends no later than its holder reckons from
 * when it asked. A clock that jumps, or another server's after a failover, may give a lease away early. Two then hold
 * it, as they may with any clock, and the fence tells them apart: it rises by one in the same write that changes holders.
 * @param serverTime milliseconds since 1970, not later than the moment of the next write
 */
export const leasesIn = (leases: Collection<LeaseDocument>, serverTime: () => Promise<number>) => ({
  lease: async (name: string, holder: string, ttlMs: number): Promise<{ readonly fence: number } | null> => {
    const _id = `${name}`;
    const now = await serverTime();
    const until = new Date(now + ttlMs);
    const renewed = await leases.findOneAndUpdate(
      { _id, holder: { $eq: holder } },
      { $set: { until } },
      { returnDocument: 'after' },
    );
    if (renewed) return { fence: renewed.fence };
    try {
      const taken = await leases.findOneAndUpdate(
        { _id, until: { $lte: new Date(now) } },
        { $set: { holder, until }, $inc: { fence: 1 } },
        { upsert: true, returnDocument: 'after' },
      );
      return { fence: taken!.fence };
    } catch (error) {
      // It is there and its time is not over, so the upsert was an insertion in vain.
      if (isDuplicate(error)) return null;
      throw error;
    }
  },
  release: async (name: string, holder: string): Promise<void> => {
    await leases.updateOne({ _id: `${name}`, holder: { $eq: holder } }, { $set: { holder: null, until: new Date(0) } });
  },
});
