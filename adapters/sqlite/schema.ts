import type { DatabaseSync } from 'node:sqlite';
import { DataRefused, isDamage } from './errors.ts';

/**
 * What a file of one store holds. `applicationId` (31 bits, not 0) tells it from every other SQLite file; `steps[n]` is
 * SQL that takes it from version n to n + 1. Steps are stored history: add, never change one.
 */
export type Schema = { readonly applicationId: number; readonly steps: readonly string[] };

/**
 * Refuses, before anything is written, a file that is not this store's, of a later release, or damaged.
 * @returns whether there is anything in it: a crash may have left a database without tables
 */
export const checkIdentity = (db: DatabaseSync, file: string, schema: Schema): boolean => {
  const { applicationId, version, tables } = identity(db, file);
  if (applicationId === 0 && version === 0 && tables === 0) return false;
  if (applicationId !== schema.applicationId)
    throw new DataRefused('foreign-file', `${file} is a database of something else`);
  if (version > schema.steps.length)
    throw new DataRefused(
      'newer-file',
      `${file} was written by a later release (file version ${version}, this release knows ${schema.steps.length})`,
    );
  return true;
};

/** Brings the file to the newest version, all steps or none. */
export const migrate = (db: DatabaseSync, file: string, schema: Schema): void => {
  const { applicationId, version } = identity(db, file);
  if (applicationId === schema.applicationId && version === schema.steps.length) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const step of schema.steps.slice(version)) db.exec(step);
    db.exec(`PRAGMA application_id = ${schema.applicationId}; PRAGMA user_version = ${schema.steps.length}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
};

const identity = (db: DatabaseSync, file: string) => {
  const number = (sql: string) => db.prepare(sql).get()?.n as number;
  try {
    return {
      applicationId: number('SELECT application_id AS n FROM pragma_application_id'),
      version: number('SELECT user_version AS n FROM pragma_user_version'),
      tables: number('SELECT count(*) AS n FROM sqlite_schema'),
    };
  } catch (error) {
    if (isDamage(error)) throw new DataRefused('damaged-file', `${file} is damaged or no database`, { cause: error });
    throw error;
  }
};
