import type { Clock } from '../../commands/environment.ts';
import type { Vault, VaultRow } from '../../commands/ports/vault.ts';
import { closedOnFailure } from './closedOnFailure.ts';
import { openWriter, type Writer } from './groupCommit.ts';
import { openReader, openUntouched, type Reader } from './reader.ts';
import { isLive, rowColumns, schema, type VaultAnswer, type VaultCommand } from './vaultFile.ts';

export type VaultFile = {
  readonly file: string;
  readonly clock: Clock;
  /** Another worker module than the vault's own: for tests that make the disk fail. */
  readonly module?: URL;
};

/**
 * The vault in a SQLite file of its own, 0600, made where it is missing. Durable before a write resolves; what was removed
 * or purged is overwritten in the file and gone from its write-ahead log before the call resolves.
 * @throws DataRefused for a file that is foreign, newer or damaged; Failure `store-unavailable` where it cannot be opened
 */
export const openVault = async ({
  file,
  clock,
  module = new URL('./vaultFile.ts', import.meta.url),
}: VaultFile): Promise<Vault> => {
  const writer = await openWriter<VaultCommand, VaultAnswer>({ file, module });
  return closedOnFailure(writer, () => vaultOf(writer, openReader(file), clock));
};

export type VaultReads = Pick<Vault, 'get' | 'find'>;

/**
 * A vault that no process has open, read and left as it is; null where there is none.
 * @throws DataRefused for a file that is foreign, newer or damaged; Failure `store-unavailable` where it cannot be opened
 */
export const readVault = ({ file, clock }: VaultFile): (VaultReads & { readonly close: () => void }) | null => {
  const reader = openUntouched(file, schema);
  return reader && { ...readsOf(reader, clock), close: reader.close };
};

const readsOf = ({ db, read }: Reader, clock: Clock): VaultReads => {
  const selectRow = db.prepare(`SELECT ${rowColumns} FROM rows WHERE kind = ? AND id = ?`);
  const page = 'kind = ? AND id > ? AND (expiresAt IS NULL OR expiresAt > ?) ORDER BY id LIMIT ?';
  const selectPage = (by: string) => db.prepare(`SELECT ${rowColumns} FROM rows WHERE ${by}${page}`);
  const ofKind = selectPage('');
  const ofPerson = selectPage('person = ? AND ');
  const byRef = selectPage('ref = ? AND ');
  const ofPersonByRef = selectPage('person = ? AND ref = ? AND ');

  return {
    get: (kind, id) =>
      read(() => {
        const row = selectRow.get(kind, id) as VaultRow | undefined;
        return row !== undefined && isLive(row, clock.now()) ? { ...row } : null;
      }),
    find: (kind, { person, ref }, { after, limit }) =>
      read(() => {
        // Every id sorts after the empty text but the empty one, which nobody has.
        const rest = [kind, after ?? '', clock.now(), limit] as const;
        const rows =
          person === undefined
            ? ref === undefined
              ? ofKind.all(...rest)
              : byRef.all(ref, ...rest)
            : ref === undefined
              ? ofPerson.all(person, ...rest)
              : ofPersonByRef.all(person, ref, ...rest);
        return rows.map((row) => ({ ...row }) as VaultRow);
      }),
  };
};

const vaultOf = (writer: Writer<VaultCommand, VaultAnswer>, reader: Reader, clock: Clock): Vault => {
  const run = <Result extends VaultAnswer>(command: VaultCommand) => writer.run(command) as Promise<Result>;

  return {
    ...readsOf(reader, clock),
    put: (row, expect) => run({ do: 'put', row, expect, now: clock.now() }),
    putAll: async (rows) => {
      if (rows.length > 0) await run({ do: 'putAll', rows });
    },
    remove: (kind, id, expect) => run({ do: 'remove', kind, id, expect: expect ?? null, now: clock.now() }),
    purgePerson: (person) => run({ do: 'purgePerson', person }),
    removeExpired: (limit) => run({ do: 'removeExpired', limit, now: clock.now() }),
    lease: (name, holder, ttlMs) => run({ do: 'lease', name, holder, ttlMs, now: clock.now() }),
    releaseLease: async (name, holder) => {
      await run({ do: 'releaseLease', name, holder });
    },
    close: async () => {
      // The writer last: whoever closes last empties the write-ahead log into the file, and a reader cannot.
      reader.close();
      await writer.close();
    },
  };
};
