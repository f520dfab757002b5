// The thread of `readerThread.ts`.
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { standBack } from '../node/standBack.ts';
import { isUnavailable } from './errors.ts';
import type { Sql } from './listQuery.ts';
import { prepareStatements, type Row } from './statements.ts';

export type ReadRequest = { readonly id: number; readonly statements: readonly Sql[]; readonly limit: number };

export type ReadAnswer =
  | { readonly id: number; readonly rows: readonly Row[] }
  | { readonly id: number; readonly message: string; readonly unavailable: boolean };

standBack();
const port = parentPort!;
const db = new DatabaseSync((workerData as { readonly file: string }).file, { readOnly: true, timeout: 5_000 });
const { rows } = prepareStatements(db);

port.on('message', ({ id, statements, limit }: ReadRequest) => {
  try {
    port.postMessage({ id, rows: rows(statements, limit) } satisfies ReadAnswer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id, message, unavailable: isUnavailable(error) } satisfies ReadAnswer);
  }
});
