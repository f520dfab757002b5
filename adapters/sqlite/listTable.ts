// One filling of a list is a table of its own. Names in SQL come from a schema that was checked, never from a request.
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { ColumnType, Document, ListSchema } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';

export type ListTable = {
  readonly name: string;
  /** (column, value, id) for each text of each `texts` column; null until it is filled. */
  readonly texts: string | null;
  /** All its indexes are there. */
  readonly indexed: boolean;
  /** Those of its schema's indexes that are there. */
  readonly indexes: ListSchema['indexes'];
  readonly schema: ListSchema;
  /** In the order of the table's columns, which are: id, these, rest. */
  readonly columns: readonly Column[];
};

export type Column = { readonly name: string; readonly type: ColumnType; readonly sql: string };

/**
 * @param number the build's own, never given twice
 * @param indexed how many of `indexingSteps` were taken
 */
export const listTable = (number: number, schema: ListSchema, indexed: number): ListTable => ({
  name: `list${number}`,
  texts: indexed > 0 ? textsName(`list${number}`) : null,
  indexed: indexed > schema.indexes.length,
  // The first step is that of the texts.
  indexes: schema.indexes.slice(0, Math.max(0, indexed - 1)),
  schema,
  columns: Object.entries(schema.columns).map(([name, type]) => ({ name, type, sql: columnSql(name) })),
});

const textsName = (name: string) => `${name}texts`;

// The prefix keeps them apart from SQL's words and from `id` and `rest`.
export const columnSql = (column: string): string => (column === 'id' ? 'id' : `c_${column}`);

const sqlTypes = { text: 'TEXT', number: 'REAL', boolean: 'INTEGER', texts: 'TEXT' } as const;

export const createTable = ({ name, columns }: ListTable): string =>
  `CREATE TABLE ${name} (
     id TEXT PRIMARY KEY NOT NULL, ${columns.map(({ sql, type }) => `${sql} ${sqlTypes[type]}, `).join('')}rest TEXT NOT NULL
   ) STRICT;
   -- Made for finding by value; the value that a document no longer holds is known when it is taken out.
   CREATE TABLE ${textsName(name)} (
     col TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (col, value, id)
   ) STRICT, WITHOUT ROWID`;

export const dropTable = ({ name }: ListTable): string => `DROP TABLE ${name}; DROP TABLE ${textsName(name)}`;

/**
 * What makes a table that was filled fit for queries, one step at a time so that other lists are written in between.
 * Sorting all entries of an index once is many times faster than finding a place for each while the table is filled.
 */
export const indexingSteps = ({ name, schema, columns }: ListTable): readonly string[] => [
  columns
    .filter(({ type }) => type === 'texts')
    .map(
      ({ name: column, sql }) =>
        `INSERT OR IGNORE INTO ${textsName(name)} (col, value, id)
         SELECT '${column}', held.value, t.id FROM ${name} AS t, json_each(t.${sql}) AS held ORDER BY 2, 3;`,
    )
    .join('\n'),
  ...schema.indexes.map((index, at) => {
    const indexed = [...new Set([...index, 'id'])].map(columnSql);
    return `CREATE INDEX ${name}i${at} ON ${name} (${indexed.join(', ')}); DROP INDEX IF EXISTS ${indexBy(name, index[0]!)}`;
  }),
];

/** The index of a column that changes name documents by, where the schema has none, or none yet. */
export const indexBy = (name: string, column: string): string => `${name}by${column}`;

/**
 * What is kept of a document outside its columns: fields that are none, and columns that were said to be null, which
 * counts as long as they hold nothing.
 */
type Rest = { [field: string]: Json | undefined };

export const encode = (type: ColumnType, value: Json): SQLInputValue =>
  type === 'boolean' ? Number(value) : type === 'texts' ? JSON.stringify(value) : (value as string | number);

export const decode = (type: ColumnType, value: SQLOutputValue): Json =>
  type === 'boolean' ? value === 1 : type === 'texts' ? JSON.parse(value as string) : (value as string | number);

/** @param row id, columns and rest, in the table's order */
export const toDocument = ({ columns }: ListTable, row: readonly SQLOutputValue[]): Document => {
  const rest = JSON.parse(row[columns.length + 1] as string) as Rest;
  const document: { id: string; [field: string]: Json | undefined } = { id: row[0] as string, ...rest };
  columns.forEach(({ name, type }, at) => {
    const value = row[at + 1]!;
    if (value !== null) document[name] = decode(type, value);
  });
  return document;
};
