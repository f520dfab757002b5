// From changes of a list's documents to what its writing thread does with its rows: on the thread that asks.
import type { SQLInputValue } from 'node:sqlite';
import type { Change, ListSchema } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import { checkConditions, checkFields } from '../node/listSchema.ts';
import { encode, type ListTable } from './listTable.ts';

/**
 * A list of texts and numbers: handing over anything richer, or JSON, costs more than writing it. Then come the values of
 * the columns at `places`, in that order. `rest`: JSON of the fields that go beside the columns, or null.
 */
export type RowWrite = readonly [
  op: Change['op'],
  /** `id`, or that of an updateWhere. */
  column: string,
  equals: string,
  places: string,
  rest: string | null,
  ...values: SQLInputValue[],
];

type Fields = { readonly [field: string]: Json | undefined };

const none: Fields = {};

/** @throws TypeError where a change does not fit the schema */
export const rowWrites = (table: ListTable, changes: readonly Change[]): readonly RowWrite[] => {
  const placeOf = new Map(table.columns.map((column, at) => [column.name, at]));
  return changes.map((change) => {
    checkChange(table.schema, change);
    const { op } = change;
    const [column, equals] = op === 'updateWhere' ? [change.column, change.equals] : ['id', change.id];
    return rowWrite(table, placeOf, op, column, equals, op === 'remove' ? none : change.fields);
  });
};

const rowWrite = (
  { columns }: ListTable,
  placeOf: ReadonlyMap<string, number>,
  op: Change['op'],
  column: string,
  equals: string,
  fields: Fields,
): RowWrite => {
  const values: SQLInputValue[] = [];
  let places = '';
  let rest: Record<string, Json> | null = null;
  for (const field in fields) {
    const value = fields[field];
    if (value === undefined) continue;
    const place = placeOf.get(field);
    if (place !== undefined) {
      places += places === '' ? place : `,${place}`;
      values.push(value === null ? null : encode(columns[place]!.type, value));
    }
    // A null is told apart from what is not there.
    if (place === undefined || value === null) {
      rest ??= Object.create(null) as Record<string, Json>;
      rest[field] = value;
    }
  }
  return [op, column, equals, places, rest && JSON.stringify(rest), ...values];
};

const checkChange = (schema: ListSchema, change: Change) => {
  if (change.op !== 'remove') checkFields(schema, change.fields);
  if (change.op === 'updateWhere') checkConditions(schema, [{ column: change.column, op: 'eq', value: change.equals }]);
};

/** Whether a change may take away what is personal: erasing a person blanks their fields. */
export const blanks = (change: Change): boolean => {
  if (change.op === 'remove') return true;
  for (const field in change.fields) if (change.fields[field] === null) return true;
  return false;
};
