import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { folded } from '../node/textOrder.ts';
import type { Sql } from './listQuery.ts';

export type Row = readonly SQLOutputValue[];

/** Runs statements on one connection; those that come again were prepared before. */
export type Statements = {
  /** One after the other, within one moment of the file, until there are `limit` rows. */
  readonly rows: (statements: readonly Sql[], limit: number) => readonly Row[];
};

/** Prepared statements kept at most: as many forms as the queries of a few lists have. */
const maxKept = 300;

/** Makes `folded(text)` known to the connection. */
export const prepareStatements = (db: DatabaseSync): Statements => {
  db.function('folded', { deterministic: true }, (text) => (text === null ? null : folded(text as string)));
  const kept = new Map<string, StatementSync>();

  const prepared = (text: string): StatementSync => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    if (kept.size >= maxKept) kept.clear();
    const statement = db.prepare(text);
    statement.setReturnArrays(true);
    kept.set(text, statement);
    return statement;
  };
  const run = ({ text, params }: Sql) => prepared(text).all(...params) as unknown as readonly Row[];

  const rows = (statements: readonly Sql[], limit: number): readonly Row[] => {
    if (statements.length === 1) return run(statements[0]!);
    const found: Row[] = [];
    db.exec('BEGIN');
    try {
      for (const statement of statements) {
        found.push(...run(statement).slice(0, limit - found.length));
        if (found.length === limit) break;
      }
      return found;
    } finally {
      db.exec('COMMIT');
    }
  };
  return { rows };
};
