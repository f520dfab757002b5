// What the vault's writing thread does with each command.
import type { DatabaseSync } from 'node:sqlite';
import type { Expectation, PutResult, VaultRow, VaultWrite } from '../../commands/ports/vault.ts';
import type { Handler } from './groupCommitProtocol.ts';
import type { Schema } from './schema.ts';

/** `now`: milliseconds, by the clock of whoever asks. */
export type VaultCommand =
  | { readonly do: 'put'; readonly row: VaultWrite; readonly expect: Expectation; readonly now: number }
  | { readonly do: 'putAll'; readonly rows: readonly VaultWrite[] }
  | {
      readonly do: 'remove';
      readonly kind: string;
      readonly id: string;
      readonly expect: number | null;
      readonly now: number;
    }
  | { readonly do: 'purgePerson'; readonly person: string }
  | { readonly do: 'removeExpired'; readonly limit: number; readonly now: number }
  | {
      readonly do: 'lease';
      readonly name: string;
      readonly holder: string;
      readonly ttlMs: number;
      readonly now: number;
    }
  | { readonly do: 'releaseLease'; readonly name: string; readonly holder: string };

/** By command: put, remove, lease; how many were deleted; nothing. */
export type VaultAnswer = PutResult | boolean | number | { readonly fence: number } | null;

export const schema: Schema = {
  applicationId: 0x4b4c5654, // KLVT
  steps: [
    `CREATE TABLE rows (
       kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL,
       person TEXT, ref TEXT, expiresAt REAL, PRIMARY KEY (kind, id)
     ) STRICT;
     CREATE INDEX rowsOfPerson ON rows (person, kind, id) WHERE person IS NOT NULL;
     CREATE INDEX rowsByRef ON rows (ref, kind, id) WHERE ref IS NOT NULL;
     CREATE INDEX rowsByExpiry ON rows (expiresAt) WHERE expiresAt IS NOT NULL;
     -- One count for all rows, so that no version comes back when a row is removed and put again.
     CREATE TABLE versions (last INTEGER NOT NULL) STRICT;
     INSERT INTO versions VALUES (0);
     CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT, fence INTEGER NOT NULL, until REAL NOT NULL) STRICT;`,
  ],
};

/** The columns of a `VaultRow`, by their names. */
export const rowColumns = 'kind, id, version, value, person, ref, expiresAt';

export const isLive = (row: VaultRow, now: number): boolean => row.expiresAt === null || row.expiresAt > now;

export const handlers = (db: DatabaseSync): Handler<VaultCommand, VaultAnswer> => {
  // Deleted bytes are overwritten in the file, and what a savepoint may have to bring back never reaches another file.
  db.exec('PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY');

  const select = db.prepare(`SELECT ${rowColumns} FROM rows WHERE kind = ? AND id = ?`);
  const nextVersion = db.prepare('UPDATE versions SET last = last + 1 RETURNING last');
  const upsert = db.prepare(
    `INSERT INTO rows (${rowColumns}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET
       version = excluded.version, value = excluded.value, person = excluded.person, ref = excluded.ref,
       expiresAt = excluded.expiresAt`,
  );
  const deleteRow = db.prepare('DELETE FROM rows WHERE kind = ? AND id = ?');
  const deletePerson = db.prepare('DELETE FROM rows WHERE person = ?');
  const deleteExpired = db.prepare(
    'DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows WHERE expiresAt <= ? ORDER BY expiresAt LIMIT ?)',
  );
  const selectLease = db.prepare('SELECT holder, fence, until FROM leases WHERE name = ?');
  const writeLease = db.prepare('INSERT OR REPLACE INTO leases (name, holder, fence, until) VALUES (?, ?, ?, ?)');
  const freeLease = db.prepare('UPDATE leases SET holder = NULL, until = 0 WHERE name = ? AND holder = ?');
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');

  let destroyed = false;

  const standing = (kind: string, id: string, now: number): VaultRow | null => {
    const row = select.get(kind, id) as VaultRow | undefined;
    return row !== undefined && isLive(row, now) ? { ...row } : null;
  };

  const write = ({ kind, id, value, person, ref, expiresAt }: VaultWrite): number => {
    const version = nextVersion.get()!.last as number;
    upsert.run(kind, id, version, value, person, ref, expiresAt);
    return version;
  };

  const put = (row: VaultWrite, expect: Expectation, now: number): PutResult => {
    const current = expect === 'any' ? null : standing(row.kind, row.id, now);
    const met = expect === 'any' || (expect === 'absent' ? current === null : current?.version === expect);
    return met ? { put: true, version: write(row) } : { put: false, current };
  };

  const remove = (kind: string, id: string, expect: number | null, now: number): boolean => {
    const current = standing(kind, id, now);
    if (current === null || (expect !== null && current.version !== expect)) return false;
    deleteRow.run(kind, id);
    destroyed = true;
    return true;
  };

  const deleted = ({ changes }: { readonly changes: number | bigint }): number => {
    destroyed ||= changes !== 0;
    return Number(changes);
  };

  const lease = (name: string, holder: string, ttlMs: number, now: number): { readonly fence: number } | null => {
    const row = selectLease.get(name) as { holder: string | null; fence: number; until: number } | undefined;
    const held = row !== undefined && row.holder !== null;
    if (held && row.holder !== holder && row.until > now) return null;
    const fence = held && row.holder === holder ? row.fence : (row?.fence ?? 0) + 1;
    writeLease.run(name, holder, fence, now + ttlMs);
    return { fence };
  };

  const handle = (command: VaultCommand): VaultAnswer => {
    switch (command.do) {
      case 'put':
        return put(command.row, command.expect, command.now);
      case 'putAll':
        command.rows.forEach(write);
        return null;
      case 'remove':
        return remove(command.kind, command.id, command.expect, command.now);
      case 'purgePerson':
        return deleted(deletePerson.run(command.person));
      case 'removeExpired':
        return deleted(deleteExpired.run(command.now, command.limit));
      case 'lease':
        return lease(command.name, command.holder, command.ttlMs, command.now);
      case 'releaseLease':
        freeLease.run(command.name, command.holder);
        return null;
    }
  };

  // The write-ahead log still holds the pages as they were before the deletion: it is emptied before anybody is told.
  // Where a reader keeps it busy, the next batch tries again.
  const forget = () => {
    if (destroyed) destroyed = checkpoint.get()!.busy !== 0;
  };

  return Object.assign(handle, { afterCommit: forget });
};
