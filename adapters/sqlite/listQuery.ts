// From a query to SQL. Columns were checked against the schema before; values are always bound.
import type { SQLInputValue } from 'node:sqlite';
import type { Condition, ListSchema, Query, Sort } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import { folded, isAscii } from '../node/textOrder.ts';
import { columnSql, type ListTable } from './listTable.ts';

export type Sql = { readonly text: string; readonly params: readonly SQLInputValue[] };

/** A value of a `texts` column that so few documents hold that all of them may be read and sorted. */
export const fewHolders = 1_000;

/** How many hold a value, counted up to one more than `fewHolders`. */
export const holdersSql = (texts: string, column: string, value: string): Sql => ({
  text: `SELECT count(*) FROM (SELECT 1 FROM ${texts} WHERE col = ? AND value = ? LIMIT ${fewHolders + 1})`,
  params: [column, value],
});

export type Has = Extract<Condition, { op: 'has' }>;

/** The condition whose index of values is where a query starts: its documents are read one by one. */
export type Driver = Has | null;

/**
 * The statements that answer a query one after the other until the limit is reached, each a range of one index: after a
 * row with the sort values (a, b) and an id come first the rows of (a, b) with a greater id, then those of a with a
 * greater b, then those with a greater a. One condition with `OR` would make SQLite read from the start of the index.
 */
export const querySql = (table: ListTable, { where, sort, after, limit }: Query, driver: Driver): readonly Sql[] => {
  const { source, rest } = sourceSql(table, where, driver);
  const keys = keysOf(sort);
  const columns = ['id', ...table.columns.map(({ sql }) => sql), 'rest'].map((column) => `t.${column}`).join(', ');
  const idSql = driver === null ? 't.id' : 'v.id';
  const keySql = ({ column }: Sort) => (column === 'id' ? idSql : `t.${columnSql(column)}`);
  const order = keys.map((key) => `${keySql(key)} ${key.descending ? 'DESC' : 'ASC'}`).join(', ');
  const statement = (bounds: readonly Sql[]): Sql => {
    const all = joined([...rest, ...bounds], ' AND ');
    return {
      text: `SELECT ${columns} FROM ${source.text} WHERE ${all.text} ORDER BY ${order} LIMIT ?`,
      params: [...source.params, ...all.params, limit],
    };
  };
  if (after === null) return [statement([])];

  const values = keys.map((key, at) => (at === keys.length - 1 && key.column === 'id' ? after.at(-1)! : after[at]!));
  const ties = keys.map((key, at): Sql => equals(keySql(key), values[at]!));
  return keys
    .flatMap((key, at) =>
      beyond(keySql(key), key, values[at]!).map((bound) => statement([...ties.slice(0, at), bound])),
    )
    .reverse();
};

export const countSql = (table: ListTable, where: readonly Condition[], driver: Driver): Sql => {
  const { source, rest } = sourceSql(table, where, driver);
  const all = joined(rest, ' AND ');
  return { text: `SELECT count(*) FROM ${source.text} WHERE ${all.text}`, params: [...source.params, ...all.params] };
};

/**
 * Whether the time a query takes depends on its limit alone: all its conditions are equalities at the head of one index
 * (and ranges of the column that sorts), and the sort columns follow there.
 */
export const isCarried = (schema: ListSchema, { where, sort }: Query): boolean => {
  const keys = keysOf(sort);
  const equal = new Set<string>();
  for (const condition of where) {
    if ('any' in condition) return false;
    const { column, op } = condition;
    if (op === 'eq' || op === 'null') equal.add(column);
    else if (op === 'contains' || op === 'has' || op === 'in' || column !== keys[0]!.column) return false;
  }
  if (keys.some(({ descending }) => descending !== keys[0]!.descending)) return false;
  return [...schema.indexes, []].some((index) => {
    const columns = [...new Set([...index, 'id'])];
    const head = columns.slice(0, equal.size);
    const sorted = columns.slice(equal.size, equal.size + keys.length);
    return head.every((column) => equal.has(column)) && keys.every(({ column }, at) => column === sorted[at]);
  });
};

/** A sort by the id alone, where documents that hold a value are found in order already. */
export const isById = ({ sort }: Query): boolean => keysOf(sort).length === 1;

/** The sort columns and then the id; behind the id nothing is left to tell apart. */
const keysOf = (sort: readonly Sort[]): readonly Sort[] => {
  const id = sort.findIndex(({ column }) => column === 'id');
  if (id >= 0) return sort.slice(0, id + 1);
  return [...sort, { column: 'id', descending: sort.at(-1)?.descending ?? false }];
};

const sourceSql = ({ name, texts }: ListTable, where: readonly Condition[], driver: Driver) => {
  const others = where.filter((condition) => condition !== driver).map((condition) => conditionSql(texts, condition));
  if (driver === null) return { source: { text: `${name} AS t`, params: [] }, rest: others };
  const held: Sql = { text: 'v.col = ? AND v.value = ?', params: [driver.column, driver.value] };
  // CROSS JOIN: SQLite keeps the order in which tables are named.
  const source: Sql = { text: `${texts} AS v CROSS JOIN ${name} AS t ON t.id = v.id`, params: [] };
  return { source, rest: [held, ...others] };
};

const comparisons = { eq: '=', lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

const conditionSql = (texts: string | null, condition: Condition): Sql => {
  if ('any' in condition) {
    const alternatives = condition.any.map((all) =>
      joined(
        all.map((one) => conditionSql(texts, one)),
        ' AND ',
      ),
    );
    return alternatives.length === 0 ? { text: 'FALSE', params: [] } : joined(alternatives, ' OR ');
  }
  const column = `t.${columnSql(condition.column)}`;
  switch (condition.op) {
    case 'null':
      return { text: `${column} IS NULL`, params: [] };
    case 'present':
      return { text: `${column} IS NOT NULL`, params: [] };
    case 'in':
      return {
        text: `${column} IN (SELECT value FROM json_each(?))`,
        params: [JSON.stringify(condition.values)],
      };
    case 'has':
      if (texts === null)
        return { text: `EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ?)`, params: [condition.value] };
      return {
        text: `EXISTS (SELECT 1 FROM ${texts} AS h WHERE h.col = ? AND h.value = ? AND h.id = t.id)`,
        params: [condition.column, condition.value],
      };
    case 'contains':
      return containsSql(column, folded(condition.value));
    default:
      return { text: `${column} ${comparisons[condition.op]} ?`, params: [bind(condition.value)] };
  }
};

/**
 * `folded` is ours and slow to call. SQLite's own `upper` does the same to a text that is all ASCII, as most are, and such
 * a text contains nothing that is not.
 */
const containsSql = (column: string, needle: string): Sql => {
  const other = `length(${column}) <> octet_length(${column}) AND instr(folded(${column}), ?) > 0`;
  if (!isAscii(needle)) return { text: other, params: [needle] };
  return { text: `instr(upper(${column}), ?) > 0 OR (${other})`, params: [needle, needle] };
};

const equals = (column: string, value: Json): Sql =>
  value === null ? { text: `${column} IS NULL`, params: [] } : { text: `${column} = ?`, params: [bind(value)] };

/** The ranges that follow a value, the farthest first: null is the lowest, so it comes last where the order descends. */
const beyond = (sql: string, { column, descending }: Sort, value: Json): readonly Sql[] => {
  if (!descending) {
    return value === null
      ? [{ text: `${sql} IS NOT NULL`, params: [] }]
      : [{ text: `${sql} > ?`, params: [bind(value)] }];
  }
  if (value === null) return [];
  const lower: Sql = { text: `${sql} < ?`, params: [bind(value)] };
  return column === 'id' ? [lower] : [{ text: `${sql} IS NULL`, params: [] }, lower];
};

const bind = (value: Json): SQLInputValue => (typeof value === 'boolean' ? Number(value) : (value as string | number));

const joined = (parts: readonly Sql[], separator: string): Sql =>
  parts.length === 0
    ? { text: 'TRUE', params: [] }
    : {
        text: parts.map(({ text }) => `(${text})`).join(separator),
        params: parts.flatMap(({ params }) => params),
      };
