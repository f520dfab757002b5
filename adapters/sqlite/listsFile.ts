// What the lists' writing thread does with each command.
import type { DatabaseSync } from 'node:sqlite';
import type { Batch, Build, Checkpoint, ListSchema } from '../../commands/ports/lists.ts';
import { checkSchema } from '../node/listSchema.ts';
import type { Handler } from './groupCommitProtocol.ts';
import { type BlobCommand, blobHandler, createBlobs } from './listBlobsFile.ts';
import type { RowWrite } from './listChanges.ts';
import { knowMerged, listRows } from './listRows.ts';
import { createTable, dropTable, indexingSteps, listTable } from './listTable.ts';
import type { Schema } from './schema.ts';

export type ListsCommand =
  | { readonly do: 'createBuild'; readonly schema: ListSchema; readonly current: boolean }
  | { readonly do: 'switchTo' | 'dropBuild' | 'index' | 'markComplete'; readonly build: string }
  | {
      readonly do: 'apply';
      readonly build: string;
      readonly batch: Omit<Batch, 'applied'>;
      readonly writes: readonly RowWrite[];
      /** Something is taken away that may be personal. */
      readonly blanks: boolean;
    }
  | { readonly do: 'patch'; readonly build: string; readonly writes: readonly RowWrite[] }
  | BlobCommand;

/** `gone`: there is no such build. By command: a build; whether it was applied, or indexing goes on; the upload's number; nothing. */
export type ListsAnswer = 'gone' | Build | boolean | number | null;

export const schema: Schema = {
  applicationId: 0x4b4c4c49, // KLLI
  steps: [
    `CREATE TABLE builds (
       number INTEGER PRIMARY KEY AUTOINCREMENT, list TEXT NOT NULL, version INTEGER NOT NULL, schema TEXT NOT NULL,
       current INTEGER NOT NULL, indexed INTEGER NOT NULL, complete INTEGER NOT NULL, position TEXT, eventId TEXT
     ) STRICT;
     CREATE TABLE parked (
       build INTEGER NOT NULL, stream TEXT NOT NULL, revision INTEGER NOT NULL, position TEXT NOT NULL,
       eventId TEXT NOT NULL, error TEXT NOT NULL, since TEXT NOT NULL, PRIMARY KEY (build, stream)
     ) STRICT, WITHOUT ROWID;
     ${createBlobs}`,
  ],
};

export type BuildRow = {
  readonly number: number;
  readonly list: string;
  readonly version: number;
  readonly schema: string;
  readonly current: number;
  /** How many steps towards its indexes were taken. */
  readonly indexed: number;
  readonly complete: number;
  readonly position: string | null;
  readonly eventId: string | null;
};

export const toBuild = ({ number, list, version, current, complete, position, eventId }: BuildRow): Build => ({
  id: `${list}-${version}-${number}`,
  list,
  version,
  current: current === 1,
  checkpoint: position === null ? null : { position, eventId },
  complete: complete === 1,
});

const changesBuilds: ReadonlySet<ListsCommand['do']> = new Set(['createBuild', 'markComplete', 'dropBuild']);

/** @returns null where no build can have this id */
export const buildNumber = (buildId: string): number | null => {
  const digits = /-(\d{1,15})$/.exec(buildId)?.[1];
  return digits === undefined ? null : Number(digits);
};

export const handlers = (db: DatabaseSync): Handler<ListsCommand, ListsAnswer> => {
  // Documents hold personal data: what is deleted is overwritten where that costs no more writing.
  db.exec('PRAGMA secure_delete = FAST');
  knowMerged(db);
  const selectBuild = db.prepare('SELECT * FROM builds WHERE number = ?');
  const insertBuild = db.prepare(
    `INSERT INTO builds (list, version, schema, current, indexed, complete)
     VALUES (?1, ?2, ?3, ?4 AND NOT EXISTS (SELECT 1 FROM builds WHERE list = ?1 AND version = ?2), 0, 0) RETURNING *`,
  );
  const switchBuild = db.prepare('UPDATE builds SET current = (number = ?) WHERE list = ? AND version = ?');
  const indexBuild = db.prepare('UPDATE builds SET indexed = indexed + 1 WHERE number = ?');
  const completeBuild = db.prepare('UPDATE builds SET complete = 1 WHERE number = ?');
  const moveBuild = db.prepare('UPDATE builds SET position = ?, eventId = ? WHERE number = ?');
  const deleteBuild = db.prepare('DELETE FROM builds WHERE number = ?');
  const unparkAll = db.prepare('DELETE FROM parked WHERE build = ?');
  const isParked = db.prepare('SELECT 1 FROM parked WHERE build = ? AND stream = ?');
  const unpark = db.prepare('DELETE FROM parked WHERE build = ? AND stream = ?');
  const park = db.prepare(
    'INSERT OR REPLACE INTO parked (build, stream, revision, position, eventId, error, since) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const ofBlobs = blobHandler(db);
  const isFilling = db.prepare('SELECT EXISTS (SELECT 1 FROM builds WHERE complete = 0) AS it');
  const emptyLog = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');

  // Something was blanked or dropped, and the write-ahead log still holds the pages as they were.
  let blanked = false;

  // A build that is filled likes room for pages, in KiB; afterwards it would only be memory that is full in the end.
  let room = 0;
  const makeRoom = () => {
    const wanted = isFilling.get()!.it === 1 ? 32_768 : 8_192;
    if (wanted === room) return;
    db.exec(`PRAGMA cache_size = -${wanted}; PRAGMA shrink_memory`);
    room = wanted;
  };
  let buildsChanged = false;
  makeRoom();

  type Open = { readonly indexed: number; readonly write: ReturnType<typeof listRows> };
  const writers = new Map<number, Open>();

  const find = (buildId: string): BuildRow | null => {
    const number = buildNumber(buildId);
    const row = number === null ? undefined : (selectBuild.get(number) as BuildRow | undefined);
    return row !== undefined && toBuild(row).id === buildId ? row : null;
  };
  const tableOf = (row: BuildRow) => listTable(row.number, JSON.parse(row.schema), row.indexed);
  // Compared with the row at each use: a transaction that was undone takes its steps back too.
  const writerOf = (row: BuildRow): Open['write'] => {
    const known = writers.get(row.number);
    if (known?.indexed === row.indexed) return known.write;
    const made = { indexed: row.indexed, write: listRows(db, tableOf(row)) };
    writers.set(row.number, made);
    return made.write;
  };

  const index = (row: BuildRow): boolean => {
    const step = indexingSteps(tableOf(row))[row.indexed];
    if (step === undefined) return false;
    db.exec(step);
    indexBuild.run(row.number);
    return true;
  };

  const createBuild = (schema: ListSchema, current: boolean): Build => {
    checkSchema(schema);
    const row = insertBuild.get(schema.name, schema.version, JSON.stringify(schema), Number(current)) as BuildRow;
    writers.delete(row.number);
    db.exec(createTable(tableOf(row)));
    return toBuild(row);
  };

  const drop = (row: BuildRow) => {
    writers.delete(row.number);
    unparkAll.run(row.number);
    deleteBuild.run(row.number);
    // A dropped table's pages are free ones, that nothing overwrites for a long time: whoever is erased later is in them.
    db.exec('PRAGMA secure_delete = ON');
    db.exec(`${dropTable(tableOf(row))}; PRAGMA secure_delete = FAST`);
    blanked = true;
  };

  const apply = (row: BuildRow, { batch, writes, blanks }: Extract<ListsCommand, { do: 'apply' }>): boolean => {
    const { after, waiting, checkpoint, park: parked, unpark: freed } = batch;
    if (!same(toBuild(row).checkpoint, after)) return false;
    if (!waiting.every((stream) => isParked.get(row.number, stream) !== undefined)) return false;
    writes.forEach(writerOf(row));
    // While a build is filled, what is blanked in it is gone with the log's other pages when it is whole.
    blanked ||= row.complete === 1 && blanks;
    for (const stream of freed) unpark.run(row.number, stream);
    for (const { stream, revision, position, eventId, error, since } of parked)
      park.run(row.number, stream, revision, position, eventId, error, since);
    moveBuild.run(checkpoint.position, checkpoint.eventId, row.number);
    return true;
  };

  const ofBuild = (command: Extract<ListsCommand, { build: string }>): ListsAnswer => {
    const row = find(command.build);
    if (row === null) return command.do === 'dropBuild' ? null : 'gone';
    if (command.do === 'apply') return apply(row, command);
    if (command.do === 'index') return index(row);
    if (command.do === 'patch') command.writes.forEach(writerOf(row));
    else if (command.do === 'switchTo') switchBuild.run(row.number, row.list, row.version);
    else if (command.do === 'markComplete') {
      completeBuild.run(row.number);
      blanked = true;
    } else drop(row);
    return null;
  };

  const handle = (command: ListsCommand): ListsAnswer => {
    buildsChanged ||= changesBuilds.has(command.do);
    if ('build' in command) return ofBuild(command);
    if (command.do === 'createBuild') return createBuild(command.schema, command.current);
    return ofBlobs(command);
  };

  // Where a reader keeps it busy, the next batch tries again.
  const forget = () => {
    if (buildsChanged) makeRoom();
    buildsChanged = false;
    if (blanked) blanked = emptyLog.get()!.busy !== 0;
  };

  return Object.assign(handle, { afterCommit: forget });
};

const same = (a: Checkpoint | null, b: Checkpoint | null): boolean =>
  a?.position === b?.position && a?.eventId === b?.eventId;
