import type { ColumnType, Condition, ListSchema, Query } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';

type Fields = { readonly [field: string]: Json | undefined };

/** @throws where a name cannot be a column's on every store, or an index or volatile field does not fit */
export const checkSchema = (schema: ListSchema): void => {
  const where = `list ${schema.name}`;
  if (!nameForm.test(schema.name)) throw new TypeError(`${where}: a name is letters and digits, a letter first`);
  if (!Number.isSafeInteger(schema.version) || schema.version < 1) throw new TypeError(`${where}: version from 1 on`);
  const seen = new Set(reserved);
  for (const column of Object.keys(schema.columns)) {
    if (!nameForm.test(column)) throw new TypeError(`${where}: column ${column}: letters and digits, a letter first`);
    if (seen.has(column.toLowerCase())) throw new TypeError(`${where}: column ${column} is there already`);
    seen.add(column.toLowerCase());
  }
  for (const column of schema.indexes.flat()) {
    if (typeOf(schema, column) === 'texts') throw new TypeError(`${where}: column ${column} is indexed by itself`);
  }
  if (schema.volatile.includes('id')) throw new TypeError(`${where}: an id is not volatile`);
};

const nameForm = /^[A-Za-z][A-Za-z0-9]{0,62}$/;
const reserved = ['id'];

/** @throws where a column gets what is not of its type, or the id is among the fields. Names fields, never values. */
export const checkFields = (schema: ListSchema, fields: Fields): void => {
  if (Object.hasOwn(fields, 'id')) throw new TypeError(`list ${schema.name}: the id is not one of the fields`);
  // Of the fields, which are few where a document is changed.
  for (const column in fields) {
    const value = fields[column];
    if (value === undefined || value === null || !Object.hasOwn(schema.columns, column)) continue;
    fit(schema, column, schema.columns[column]!, value);
  }
};

/** @throws where a field is not volatile in this list */
export const checkPatch = (schema: ListSchema, fields: Fields): void => {
  for (const field of Object.keys(fields)) {
    if (!schema.volatile.includes(field)) throw new TypeError(`list ${schema.name}: ${field} is not volatile`);
  }
  checkFields(schema, fields);
};

/** @throws where a condition names no column or asks of it what its type does not know */
export const checkConditions = (schema: ListSchema, where: readonly Condition[]): void => {
  for (const condition of where) {
    if ('any' in condition) {
      for (const alternative of condition.any) checkConditions(schema, alternative);
      continue;
    }
    const { column, op } = condition;
    const type = typeOf(schema, column);
    if (op === 'null' || op === 'present') continue;
    if ((op === 'has') !== (type === 'texts') || (op === 'contains' && type !== 'text')) {
      throw new TypeError(`list ${schema.name}: ${op} does not go with ${column}, a column of ${type}`);
    }
    const values = 'values' in condition ? condition.values : 'value' in condition ? [condition.value] : [];
    for (const value of values) fit(schema, column, type === 'texts' ? 'text' : type, value);
  }
};

/** @throws where a query does not fit the list: see `checkConditions`; or `after` is not that of this sort */
export const checkQuery = (schema: ListSchema, { where, sort, after, limit }: Query): void => {
  checkConditions(schema, where);
  for (const { column } of sort) {
    if (typeOf(schema, column) === 'texts') throw new TypeError(`list ${schema.name}: ${column} has no order`);
  }
  if (!Number.isSafeInteger(limit) || limit < 1) throw new TypeError(`list ${schema.name}: a limit is 1 or more`);
  if (after === null) return;
  if (after.length !== sort.length + 1 || after.at(-1) === null) {
    throw new TypeError(`list ${schema.name}: \`after\` is the sort columns' values and the id`);
  }
  [...sort, { column: 'id' }].forEach(({ column }, at) => {
    const value = after[at]!;
    if (value !== null) fit(schema, column, typeOf(schema, column), value);
  });
};

/** @throws where the list has no such column */
const typeOf = (schema: ListSchema, column: string): ColumnType => {
  if (column === 'id') return 'text';
  if (!Object.hasOwn(schema.columns, column)) throw new TypeError(`list ${schema.name} has no column ${column}`);
  return schema.columns[column]!;
};

const fit = (schema: ListSchema, column: string, type: ColumnType, value: Json): void => {
  const fits =
    type === 'texts'
      ? Array.isArray(value) && value.every((item) => typeof item === 'string')
      : type === 'number'
        ? Number.isFinite(value)
        : typeof value === (type === 'text' ? 'string' : 'boolean');
  if (!fits) throw new TypeError(`list ${schema.name}: ${column} takes ${type}, not this ${typeof value}`);
};
