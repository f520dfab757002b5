import type { Json } from '../domain/json.ts';
import type { Cursors } from './cursor.ts';
import { Refusal } from './refusal.ts';

export type Page = { readonly limit: number; readonly cursor?: string | undefined; readonly count: boolean };

/** What a list is filtered and sorted by, as one text: a cursor goes on only in the very list that it came from. */
export const filterText = (list: string, query: { readonly [name: string]: unknown }): string => {
  const { limit: _limit, cursor: _cursor, count: _count, ...rest } = query;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  return JSON.stringify([list, given.sort(([a], [b]) => (a < b ? -1 : 1))]);
};

/** Where a page begins. @throws Refusal cursor-mismatch */
export const startOf = (cursors: Cursors, cursor: string | undefined, filter: string): readonly Json[] | null => {
  if (cursor === undefined) return null;
  const after = cursors.read(cursor, filter);
  if (after === null)
    throw new Refusal('cursor-mismatch', { detail: 'The cursor belongs to another list, filter or order.' });
  return after;
};

/** `-field`: descending. Without one, newest first. */
export const sortOf = (sort: string | undefined, otherwise: string): { field: string; descending: boolean } => {
  const text = sort ?? otherwise;
  return text.startsWith('-') ? { field: text.slice(1), descending: true } : { field: text, descending: false };
};

type Sortable = string | number | boolean | null;

const compare = (a: Sortable, b: Sortable): number => {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : 1;
};

/** A page of things that are all in memory, such as one user's keys: sorted, ties by id, null lowest. */
export const pageOf = <T>(
  all: readonly T[],
  by: {
    readonly value: (item: T) => Sortable;
    readonly idOf: (item: T) => string;
    readonly descending: boolean;
    readonly after: readonly Json[] | null;
    readonly limit: number;
  },
): { readonly items: readonly T[]; readonly next: readonly Json[] | null } => {
  const { value, idOf, descending, after, limit } = by;
  const order = (a: readonly [Sortable, string], b: readonly [Sortable, string]) =>
    (compare(a[0], b[0]) || compare(a[1], b[1])) * (descending ? -1 : 1);
  const sorted = all
    .map((item) => ({ item, place: [value(item), idOf(item)] as const }))
    .filter(({ place }) => after === null || order(place, after as unknown as [Sortable, string]) > 0)
    .sort((a, b) => order(a.place, b.place));
  const items = sorted.slice(0, limit);
  const last = items.at(-1);
  return { items: items.map(({ item }) => item), next: sorted.length > limit && last ? [...last.place] : null };
};
