// How a document of a list lies in MongoDB. Names of fields come from a schema that was checked, never from a request.
import type { ColumnType, Document, ListSchema } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import { folded } from '../node/textOrder.ts';

export type Fields = { readonly [field: string]: Json | undefined };
export type Value = string | number | boolean | null | readonly string[];

/**
 * `c_<column>`: the value, null where there is none. `f_<column>`: what a search by words looks at where it is not the
 * text itself. `v_<field>`: a volatile field as JSON, because it is written by itself. `rest`, JSON: all other fields,
 * and columns said to be null.
 */
export type ListDocument = {
  readonly _id: string;
  /** The batch that wrote it last: an earlier one, finished late, finds it taken. */
  readonly seq: number;
  /** Removed; kept so that a late batch does not bring it back. */
  readonly gone: boolean;
  readonly rest: string;
  readonly [field: string]: Value;
};

export type Content = Omit<ListDocument, '_id' | 'seq'>;

export const columnField = (column: string): string => (column === 'id' ? '_id' : `c_${column}`);
export const foldedField = (column: string): string => `f_${column}`;
const volatileField = (field: string): string => `v_${field}`;

export const removed: Content = { gone: true, rest: '{}' };

/** A whole document. */
export const contentOf = (schema: ListSchema, fields: Fields): Content => ({
  ...fieldsToSet(schema, fields, Object.keys(schema.columns)),
  gone: false,
  rest: restOf(schema, fields),
});

/** What to set so that these of a document's fields are as they are in `fields`. */
export const changesTo = (
  schema: ListSchema,
  fields: Fields,
  touched: Iterable<string>,
): { [field: string]: Value } => {
  const set = fieldsToSet(schema, fields, touched);
  set.rest = restOf(schema, fields);
  return set;
};

export const fieldsToSet = (
  { columns, volatile }: ListSchema,
  fields: Fields,
  touched: Iterable<string>,
): { [field: string]: Value } => {
  const set: { [field: string]: Value } = {};
  for (const field of touched) {
    const value = fields[field];
    if (Object.hasOwn(columns, field)) {
      set[columnField(field)] = (value ?? null) as Value;
      if (columns[field] === 'text') set[foldedField(field)] = foldedOf(value ?? null);
    }
    if (volatile.includes(field) && value !== undefined) set[volatileField(field)] = JSON.stringify(value);
  }
  return set;
};

const foldedOf = (value: Json): string | null => {
  const fold = folded(String(value));
  return value === null || fold === value ? null : fold;
};

const restOf = ({ columns, volatile }: ListSchema, fields: Fields): string => {
  const kept = Object.entries(fields).filter(
    ([field, value]) => !volatile.includes(field) && (!Object.hasOwn(columns, field) || value === null),
  );
  return JSON.stringify(Object.fromEntries(kept));
};

export const toFields = ({ columns, volatile }: ListSchema, stored: Content): Fields => {
  const fields: { [field: string]: Json | undefined } = {};
  for (const column of Object.keys(columns)) {
    const value = stored[columnField(column)] ?? null;
    if (value !== null && !volatile.includes(column)) fields[column] = value as Json;
  }
  for (const field of volatile) {
    const value = stored[volatileField(field)];
    if (typeof value === 'string') fields[field] = JSON.parse(value) as Json;
  }
  return Object.assign(fields, JSON.parse(stored.rest as string));
};

export const toDocument = (schema: ListSchema, stored: ListDocument): Document => ({
  id: stored._id,
  ...toFields(schema, stored),
});

/** @throws where a volatile field's name cannot be one here */
export const checkNames = ({ name, volatile }: ListSchema): void => {
  for (const field of volatile) {
    if (!/^[A-Za-z][A-Za-z0-9]*$/.test(field))
      throw new TypeError(`list ${name}: volatile ${field}: letters and digits`);
  }
};

/**
 * One index for each that is declared and one for each column of texts, which a compound index may hold but one of; the
 * id is appended, and tells ties apart.
 */
export const indexesOf = ({ indexes, columns }: ListSchema): readonly { name: string; key: { [field: string]: 1 } }[] =>
  [
    ...indexes.map((index, at) => ({ name: `i${at}`, columns: index })),
    ...(Object.entries(columns) as [string, ColumnType][])
      .filter(([, type]) => type === 'texts')
      .map(([column]) => ({ name: `t_${column}`, columns: [column] })),
  ].map(({ name, columns: indexed }) => ({
    name,
    key: Object.fromEntries([...new Set([...indexed, 'id'])].map((column) => [columnField(column), 1 as const])),
  }));
