// From a query to filters. Columns and values were checked against the schema before, so every value is a plain one.
import type { Condition, Query, Sort } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import { folded } from '../node/textOrder.ts';
import { columnField, foldedField } from './listDocument.ts';

export type Filter = { readonly [field: string]: unknown };

/** One range of one index, read in its order. */
export type Range = { readonly filter: Filter; readonly sort: { readonly [field: string]: 1 | -1 } };

export const filterOf = (where: readonly Condition[]): Filter => ({ $and: [{ gone: false }, ...where.map(filterFor)] });

/**
 * The ranges that answer a query one after the other until its limit is reached: behind a document with the sort values
 * (a, b) and an id come first those of (a, b) with a greater id, then those of a with a greater b, then those with a
 * greater a. Each is one stretch of an index; all of them in one `$or` are not.
 */
export const rangesOf = ({ where, sort, after }: Query): readonly Range[] => {
  const keys = keysOf(sort);
  const order = Object.fromEntries(keys.map(({ column, descending }) => [columnField(column), descending ? -1 : 1]));
  const all = [{ gone: false }, ...where.map(filterFor)];
  const range = (bounds: readonly Filter[]): Range => ({
    filter: { $and: [...all, ...bounds] },
    sort: order as Range['sort'],
  });
  if (after === null) return [range([])];

  const values = keys.map((key, at) => (at === keys.length - 1 && key.column === 'id' ? after.at(-1)! : after[at]!));
  const ties = keys.map(({ column }, at): Filter => ({ [columnField(column)]: { $eq: values[at]! } }));
  return keys
    .flatMap((key, at) => beyond(key, values[at]!).map((bound) => range([...ties.slice(0, at), bound])))
    .reverse();
};

/** The sort columns and then the id; behind the id nothing is left to tell apart. */
export const keysOf = (sort: readonly Sort[]): readonly Sort[] => {
  const id = sort.findIndex(({ column }) => column === 'id');
  if (id >= 0) return sort.slice(0, id + 1);
  return [...sort, { column: 'id', descending: sort.at(-1)?.descending ?? false }];
};

/** The ranges that follow a value, the farthest first: null is the lowest, so it comes last where the order descends. */
const beyond = ({ column, descending }: Sort, value: Json): readonly Filter[] => {
  const field = columnField(column);
  if (!descending) return [{ [field]: value === null ? { $ne: null } : { $gt: value } }];
  if (value === null) return [];
  const lower = { [field]: { $lt: value } };
  return column === 'id' ? [lower] : [{ [field]: { $eq: null } }, lower];
};

const nothing: Filter = { _id: { $in: [] } };

const filterFor = (condition: Condition): Filter => {
  if ('any' in condition) {
    const alternatives = condition.any.map((all) => (all.length === 0 ? {} : { $and: all.map(filterFor) }));
    return alternatives.length === 0 ? nothing : { $or: alternatives };
  }
  const field = columnField(condition.column);
  switch (condition.op) {
    case 'null':
      return { [field]: { $eq: null } };
    case 'present':
      return { [field]: { $ne: null } };
    case 'in':
      return { [field]: { $in: [...condition.values] } };
    // Of an array, MongoDB looks at each element.
    case 'has':
    case 'eq':
      return { [field]: { $eq: condition.value } };
    case 'contains':
      return contains(condition.column, folded(condition.value));
    default:
      return { [field]: { [`$${condition.op}`]: condition.value } };
  }
};

const contains = (column: string, needle: string): Filter => {
  const field = columnField(column);
  if (needle === '') return { [field]: { $ne: null } };
  const $regex = literally(needle);
  if (column === 'id') return { [field]: { $regex, $options: 'i' } };
  const other = foldedField(column);
  return { $or: [{ [other]: { $regex } }, { [other]: { $eq: null }, [field]: { $regex } }] };
};

/** A pattern that matches a text and nothing else: what is neither letter nor digit is escaped. */
const literally = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters cannot be escaped by a backslash
  text.replace(/[\x00-\x1f\x7f]|[!-/:-@[-`{-~ ]/g, (character) =>
    character < ' ' || character === '\x7f'
      ? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
      : `\\${character}`,
  );
