import type { Lists } from '../commands/ports/lists.ts';
import type { VaultTable } from '../commands/sealing/vaultTable.ts';
import { apiKeysSchema } from '../projections/lists/apiKeys.ts';
import type { KeyUse, LastUse, UseRow } from './lastUse.ts';
import { type Worker, type WorkerParts, worker } from './worker.ts';

const everyMs = 15_000;
const pageSize = 500;

/** Writes last use from memory to the vault, now and then, and once more at the end. */
export const lastUseFlusher = (parts: WorkerParts & { readonly lastUse: Pick<LastUse, 'flush'> }): Worker =>
  worker(
    parts,
    'last-use',
    async (signal) => {
      await parts.lastUse.flush(false, signal);
      return everyMs;
    },
    {
      lastly: async () => {
        await parts.lastUse.flush(true);
      },
    },
  );

const changeOf = ({ keyId, at, ip }: KeyUse) => ({ id: keyId, fields: { lastUsedAt: at, lastUsedIp: ip } });

/** Shows what was written in the list of all keys, in every build of it (LastUse's `onWritten`). */
export const showLastUse =
  (lists: Lists) =>
  async (uses: readonly KeyUse[]): Promise<void> => {
    const builds = (await lists.builds()).filter(({ list }) => list === apiKeysSchema.name);
    for (const { id } of builds) await lists.patch(id, uses.map(changeOf));
  };

/** Puts everything the vault knows of last use into a build that was filled from the log (Projector's `fillVolatile`). */
export const fillLastUse =
  (lists: Lists, table: VaultTable<UseRow>) =>
  async (list: string, buildId: string): Promise<void> => {
    if (list !== apiKeysSchema.name) return;
    for (let after: string | null = null; ; ) {
      const page: Awaited<ReturnType<VaultTable<UseRow>['find']>> = await table.find({}, { after, limit: pageSize });
      const uses = page.rows.map(({ id, value }) => changeOf({ keyId: id, ...value }));
      if (uses.length > 0) await lists.patch(buildId, uses);
      if (page.last === null) return;
      after = page.last;
    }
  };
