import { plainAddress } from '../address.ts';
import type { Calls } from './calls.ts';
import type { Entry } from './memory.ts';
import type { Surroundings } from './surroundings.ts';

const mostItems = 1000;
// To find one wrong item among a thousand takes a dozen; what is not found now is looked for the next time.
const mostRefusals = 50;

type Item = { readonly keyId: string; readonly lastAt: string; readonly count: number; readonly ip?: string };
type Use = { readonly entry: Entry; readonly item: Item };
type Batch = readonly Use[];

const isTaken = (status: number) => status >= 200 && status < 300;
// The shape of an item, or of all together: the same again would be refused again.
const isRefused = (status: number) => status === 400 || status === 413;

const withoutAddress = ({ entry, item: { ip, ...item } }: Use): Use => ({ entry, item });

/** What is tried next after a refusal: first without what may be left out, then in halves; nothing for one alone. */
const smaller = (batch: Batch): readonly Batch[] => {
  if (batch.some(({ item }) => item.ip !== undefined)) return [batch.map(withoutAddress)];
  const half = Math.ceil(batch.length / 2);
  return batch.length > 1 ? [batch.slice(0, half), batch.slice(half)] : [];
};

/** Tells the server of the uses that it was not asked about. @param most entries that wait to be reported */
export const createUsage = (
  calls: Pick<Calls, 'send'>,
  most: number,
  { monotonic, wall }: Pick<Surroundings, 'monotonic' | 'wall'>,
) => {
  const used = new Set<Entry>();
  let reporting: Promise<void> | null = null;

  const take = (entry: Entry): Use => {
    const { key, uses, usedAt } = entry;
    const ip = plainAddress(entry.ip);
    const lastAt = new Date(wall() - monotonic() + usedAt).toISOString();
    used.delete(entry);
    entry.uses = 0;
    return { entry, item: { keyId: key.keyId, lastAt, count: uses, ...(ip !== undefined && { ip }) } };
  };

  const giveBack = ({ entry, item }: Use) => {
    entry.uses += item.count;
    used.add(entry);
  };

  /** @returns the status; 0: no answer */
  const send = (batch: Batch): Promise<number> =>
    calls.send('POST', '/v1/usage', { items: batch.map(({ item }) => item) }).then(
      (reply) => reply.status,
      () => 0,
    );

  const report = async () => {
    const waiting = [...used];
    let refusals = 0;
    while (waiting.length > 0) {
      const next = waiting.splice(0, mostItems);
      // Who has made room for others meanwhile has nothing to report.
      const uses = next.filter((entry) => used.has(entry)).map(take);
      const batches: Batch[] = uses.length > 0 ? [uses] : [];
      while (batches.length > 0) {
        const batch = batches.pop()!;
        const status = await send(batch);
        if (isTaken(status)) continue;
        const refused = isRefused(status);
        batches.push(...(refused ? smaller(batch) : [batch]));
        if (refused && ++refusals < mostRefusals) continue;
        for (const use of batches.flat()) giveBack(use);
        return;
      }
    }
  };

  /** Reports all there is, as far as the server takes it. */
  const flush = (): Promise<void> => {
    reporting ??= report().finally(() => {
      reporting = null;
    });
    return reporting;
  };

  return {
    /** @param at monotonic @param ip that sent it, where that is known: of this use, not of one before it */
    note: (entry: Entry, at: number, ip: string | undefined): void => {
      entry.usedAt = at;
      entry.ip = ip;
      if (entry.uses++ > 0) return;
      used.add(entry);
      if (used.size <= most) return;
      for (const first of used) {
        used.delete(first);
        first.uses = 0;
        return;
      }
    },

    flush,

    /** With what came while something was being reported. */
    close: async (): Promise<void> => {
      await reporting;
      await flush();
    },
  };
};

export type Usage = ReturnType<typeof createUsage>;
