import type { Clock } from '../commands/environment.ts';
import type { Vault } from '../commands/ports/vault.ts';
import { vaultTable } from '../commands/sealing/vaultTable.ts';
import { periodic } from './periodic.ts';
import type { Worker, WorkerParts } from './worker.ts';

/** A process at work on stores that others may work on at the same time. */
export type Present = { readonly role: string; readonly host: string; readonly pid: number };

/** Says in the vault, for as long as a process lives, that it works on the stores. */
export type Presence = {
  /** @returns who is in the way: then it is as if this one had never come */
  readonly enter: (isInTheWay: (other: Present) => boolean) => Promise<Present | null>;
  /** To be done more often than every `staysMs`. */
  readonly renew: () => Promise<void>;
  readonly leave: () => Promise<void>;
};

const kind = 'process';

/** Whoever was killed counts as there for so long yet, by the clocks of the machines. */
export const staysMs = 30_000;
const renewMs = 10_000;

export const createPresence = (
  { vault, clock }: { readonly vault: Vault; readonly clock: Clock },
  processId: string,
  self: Present,
): Presence => {
  const table = vaultTable<Present>(vault, kind);

  const inTheWay = async (isInTheWay: (other: Present) => boolean): Promise<Present | null> => {
    const { rows } = await table.find({}, { after: null, limit: 1_000 });
    return rows.find(({ id, value }) => id !== processId && isInTheWay(value))?.value ?? null;
  };
  const renew = async () => void (await table.put(processId, self, 'any', { expiresAt: clock.now() + staysMs }));
  const leave = async () => void (await table.remove(processId));

  return {
    enter: async (isInTheWay) => {
      const before = await inTheWay(isInTheWay);
      if (before !== null) return before;
      await renew();
      // Of two who come at the same moment and must not meet, each has written before it looks: one sees the other.
      const now = await inTheWay(isInTheWay);
      if (now !== null) await leave();
      return now;
    },
    renew,
    leave,
  };
};

export const presenceWorker = (parts: WorkerParts, presence: Presence): Worker =>
  periodic(parts, 'presence', renewMs, async () => {
    await presence.renew();
    return { more: false };
  });
