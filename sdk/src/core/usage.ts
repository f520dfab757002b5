import { plainAddress } from '../address.ts';
import type { Calls } from './calls.ts';
import type { Entry } from './memory.ts';
import type { Surroundings } from './surroundings.ts';

const mostItems = 1000;

/** Tells the server of the uses that it was not asked about. @param most entries that wait to be reported */
export const createUsage = (
  calls: Pick<Calls, 'send'>,
  most: number,
  { monotonic, wall }: Pick<Surroundings, 'monotonic' | 'wall'>,
) => {
  const used = new Set<Entry>();
  let reporting = false;

  const report = async (batch: readonly Entry[]): Promise<boolean> => {
    const began = wall() - monotonic();
    const items = batch.map(({ key, uses, usedAt, ip }) => {
      const address = plainAddress(ip);
      return {
        keyId: key.keyId,
        lastAt: new Date(began + usedAt).toISOString(),
        count: uses,
        ...(address !== undefined && { ip: address }),
      };
    });
    for (const entry of batch) {
      used.delete(entry);
      entry.uses = 0;
    }
    const status = await calls.send('POST', '/v1/usage', { items }).then(
      (reply) => reply.status,
      () => 0,
    );
    // What it does not understand it will not understand later either.
    if ((status >= 200 && status < 300) || status === 400 || status === 413) return true;
    for (const [index, entry] of batch.entries()) {
      entry.uses += items[index]!.count;
      used.add(entry);
    }
    return false;
  };

  return {
    /** @param at monotonic */
    note: (entry: Entry, at: number, ip: string | undefined): void => {
      entry.usedAt = at;
      if (ip !== undefined) entry.ip = ip;
      if (entry.uses++ > 0) return;
      used.add(entry);
      if (used.size <= most) return;
      for (const first of used) {
        used.delete(first);
        first.uses = 0;
        return;
      }
    },

    /** Reports all there is, as far as the server takes it. */
    flush: async (): Promise<void> => {
      if (reporting) return;
      reporting = true;
      try {
        for (let batch = [...used]; batch.length > 0; batch = batch.slice(mostItems))
          if (!(await report(batch.slice(0, mostItems)))) return;
      } finally {
        reporting = false;
      }
    },
  };
};
