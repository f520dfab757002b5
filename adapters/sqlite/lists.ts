import type { StatementSync } from 'node:sqlite';
import { Failure } from '../../commands/failure.ts';
import type { Build, Condition, Lists, ParkedStream, Query } from '../../commands/ports/lists.ts';
import { checkConditions, checkPatch, checkQuery } from '../node/listSchema.ts';
import { closedOnFailure } from './closedOnFailure.ts';
import { asFailure, DataRefused, isDamage } from './errors.ts';
import { openWriter, type Writer } from './groupCommit.ts';
import { listBlobs, type RunCommand } from './listBlobs.ts';
import { blanks, rowWrites } from './listChanges.ts';
import {
  countSql,
  type Driver,
  fewHolders,
  type Has,
  holdersSql,
  isById,
  isCarried,
  querySql,
  type Sql,
} from './listQuery.ts';
import { type BuildRow, buildNumber, type ListsAnswer, type ListsCommand, schema, toBuild } from './listsFile.ts';
import { type ListTable, listTable, toDocument } from './listTable.ts';
import { openReader, openUntouched, type Reader } from './reader.ts';
import { createReaderThread } from './readerThread.ts';
import { prepareStatements } from './statements.ts';

export type ListsFile = {
  readonly file: string;
  /** Another worker module than the lists' own: for tests that make the disk fail. */
  readonly module?: URL;
};

/**
 * The lists in one SQLite file, 0600, made where it is missing. Nothing in it is a record: what power takes away is read
 * from the log again. A query that an index carries runs here, every other one in a thread for reading.
 * @throws DataRefused for a file that is foreign, newer or damaged; Failure `store-unavailable` where it cannot be opened
 */
export const openLists = async ({
  file,
  module = new URL('./listsFile.ts', import.meta.url),
}: ListsFile): Promise<Lists> => {
  const writer = await explainingDamage(file, () =>
    openWriter<ListsCommand, ListsAnswer>({ file, module, synchronous: 'NORMAL' }),
  );
  return closedOnFailure(writer, () => listsOf(file, writer, openReader(file)));
};

/**
 * What lists there are in a file that no process has open, which is left as it is.
 * @throws DataRefused for a file that is foreign, newer or damaged; Failure `store-unavailable` where it cannot be opened
 */
export const readBuilds = (file: string): Promise<readonly Build[]> =>
  explainingDamage(file, async () => {
    const reader = openUntouched(file, schema);
    if (reader === null) return [];
    const { db, read, close } = reader;
    return read(() => allBuilds(db.prepare(selectAllBuilds))).finally(close);
  });

const selectAllBuilds = 'SELECT * FROM builds ORDER BY number';
const allBuilds = (select: StatementSync): readonly Build[] => select.all().map((row) => toBuild(row as BuildRow));

const listsOf = (
  file: string,
  writer: Writer<ListsCommand, ListsAnswer>,
  { db, read: readUnexplained, close }: Reader,
): Lists => {
  const thread = createReaderThread(file);
  const statements = prepareStatements(db);
  const tables = new Map<string, ListTable>();

  const selectBuild = db.prepare('SELECT * FROM builds WHERE number = ?');
  const selectBuilds = db.prepare(selectAllBuilds);
  const selectParked = db.prepare(
    'SELECT stream, revision, position, eventId, error, since FROM parked WHERE build = ? ORDER BY position',
  );

  const read = <Result>(work: () => Result): Promise<Result> =>
    readUnexplained(work).catch((error) => {
      throw explained(error);
    });
  const explained = (error: unknown): unknown =>
    error instanceof Failure && isDamage(error.cause)
      ? new Failure('store-unavailable', damaged(file), { cause: error })
      : error;
  const rowOf = (buildId: string): BuildRow => {
    const number = buildNumber(buildId);
    const row = number === null ? undefined : (selectBuild.get(number) as BuildRow | undefined);
    if (row === undefined || toBuild(row).id !== buildId) throw gone(buildId);
    return row;
  };
  const lookAt = (buildId: string): ListTable => {
    const row = rowOf(buildId);
    const table = listTable(row.number, JSON.parse(row.schema), row.indexed);
    tables.set(buildId, table);
    return table;
  };
  /** Its columns, which never change; by now it may have more indexes. */
  const tableOf = (buildId: string): ListTable => tables.get(buildId) ?? lookAt(buildId);
  const searchableOf = (buildId: string): ListTable => {
    const known = tables.get(buildId);
    return known?.indexed ? known : lookAt(buildId);
  };
  // A table that is known may have been dropped since: then its build is gone too.
  const ofBuild = async <Result>(
    buildId: string,
    find: (buildId: string) => ListTable,
    work: (table: ListTable) => Result | Promise<Result>,
  ): Promise<Result> => {
    const table = await read(() => find(buildId));
    try {
      return await work(table);
    } catch (error) {
      tables.delete(buildId);
      await read(() => rowOf(buildId));
      throw explained(asFailure(error));
    }
  };

  const run: RunCommand = async (command, transfer) => {
    const answer = await writer.run(command, transfer);
    if (answer === 'gone') throw gone('build' in command ? command.build : '');
    return answer;
  };

  /** Where the value of a `has` is rare, or the order is that of the ids, the query starts at those who hold it. */
  const driverOf = (table: ListTable, where: readonly Condition[], byId: boolean): Driver => {
    const { texts } = table;
    if (texts === null) return null;
    const candidates = where.filter((condition): condition is Has => 'op' in condition && condition.op === 'has');
    const rare = candidates.find(({ column, value }) => number(holdersSql(texts, column, value)) <= fewHolders);
    return rare ?? (byId ? (candidates[0] ?? null) : null);
  };
  const number = (sql: Sql): number => statements.rows([sql], 1)[0]![0] as number;

  const queryRows = (table: ListTable, query: Query) => {
    const driver = driverOf(table, query.where, isById(query));
    const ranges = querySql(table, query, driver);
    const alone = driver !== null && query.where.length === 1;
    return alone || (table.indexed && isCarried(table.schema, query))
      ? statements.rows(ranges, query.limit)
      : thread.rows(ranges, query.limit);
  };

  const { putBlob, getBlob, removeBlobs } = listBlobs(db, read, run);

  return {
    builds: () => read(() => allBuilds(selectBuilds)),
    createBuild: async (schema, current) => (await run({ do: 'createBuild', schema, current })) as Build,
    switchTo: async (build) => {
      await run({ do: 'switchTo', build });
    },
    dropBuild: async (build) => {
      tables.delete(build);
      await run({ do: 'dropBuild', build });
    },
    markComplete: async (build) => {
      // Each step a command of its own: the other lists move on in between.
      while (await run({ do: 'index', build }));
      await run({ do: 'markComplete', build });
    },

    apply: async (build, { applied, ...batch }) => {
      const table = await read(() => tableOf(build));
      const changes = applied.flatMap((event) => event.changes);
      const writes = rowWrites(table, changes);
      return (await run({ do: 'apply', build, batch, writes, blanks: changes.some(blanks) })) as boolean;
    },
    patch: async (build, changes) => {
      const table = await read(() => tableOf(build));
      for (const { fields } of changes) checkPatch(table.schema, fields);
      await run({
        do: 'patch',
        build,
        writes: rowWrites(
          table,
          changes.map((change) => ({ op: 'update', ...change })),
        ),
      });
    },
    parked: (build) => read(() => selectParked.all(rowOf(build).number).map((row) => ({ ...row }) as ParkedStream)),

    get: (build, id) =>
      ofBuild(build, tableOf, (table) => {
        const columns = ['id', ...table.columns.map(({ sql }) => sql), 'rest'].join(', ');
        const [row] = statements.rows([{ text: `SELECT ${columns} FROM ${table.name} WHERE id = ?`, params: [id] }], 1);
        return row === undefined ? null : toDocument(table, row);
      }),
    query: (build, query) =>
      ofBuild(build, searchableOf, async (table) => {
        checkQuery(table.schema, query);
        return (await queryRows(table, query)).map((row) => toDocument(table, row));
      }),
    count: (build, where) =>
      ofBuild(build, searchableOf, async (table) => {
        checkConditions(table.schema, where);
        const [row] = await thread.rows([countSql(table, where, driverOf(table, where, true))], 1);
        return row![0] as number;
      }),

    getBlob,
    putBlob,
    removeBlobs,

    close: async () => {
      // The writer last: whoever closes last empties the write-ahead log into the file, and a reader cannot.
      await thread.close();
      close();
      await writer.close();
    },
  };
};

const gone = (buildId: string) => new Failure('store-unavailable', `There is no build ${buildId} of a list any more.`);

const damaged = (file: string) =>
  `${file} is damaged. It holds only lists: stop Keyledger, delete the file, and they are filled again from the log.`;

const explainingDamage = async <Opened>(file: string, open: () => Promise<Opened>): Promise<Opened> => {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof DataRefused) || error.code !== 'damaged-file') throw error;
    throw new DataRefused(error.code, damaged(file), { cause: error });
  }
};
