import type { Collection } from 'mongodb';
import type { Change, ListSchema } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import {
  type Content,
  changesTo,
  columnField,
  contentOf,
  type Fields,
  type ListDocument,
  removed,
  toFields,
  type Value,
} from './listDocument.ts';

/** What a batch does to one document, whatever it went through on the way. Plain JSON: it is kept until it is done. */
export type Write =
  | { readonly do: 'insert' | 'replace'; readonly id: string; readonly content: Content }
  | { readonly do: 'set'; readonly id: string; readonly fields: { readonly [field: string]: Value } };

type Draft = {
  /** As it lies there: a document, a removed one, or none. */
  readonly there: 'live' | 'removed' | 'none';
  /** Null: not there, or removed by this batch. */
  fields: Fields | null;
  /** Nothing of what was there is left. */
  fresh: boolean;
  readonly touched: Set<string>;
};

/** Plays changes over the documents they touch. @returns one write for each document that is other than before */
export const writesOf = async (
  schema: ListSchema,
  documents: Collection<ListDocument>,
  changes: readonly Change[],
): Promise<readonly Write[]> => {
  const drafts = new Map<string, Draft>();
  const searched = new Set<string>();

  const draft = (stored: ListDocument): void => {
    if (drafts.has(stored._id)) return;
    const fields = stored.gone ? null : toFields(schema, stored);
    drafts.set(stored._id, { there: stored.gone ? 'removed' : 'live', fields, fresh: false, touched: new Set() });
  };
  const load = async (ids: readonly string[]): Promise<void> => {
    for (let at = 0; at < ids.length; at += 1_000) {
      for await (const stored of documents.find({ _id: { $in: ids.slice(at, at + 1_000) } })) draft(stored);
    }
    for (const id of ids) {
      if (!drafts.has(id)) drafts.set(id, { there: 'none', fields: null, fresh: false, touched: new Set() });
    }
  };
  const loadWhere = async (column: string, equals: string): Promise<void> => {
    const search = JSON.stringify([column, equals]);
    if (searched.has(search)) return;
    searched.add(search);
    const filter = { gone: false, [columnField(column)]: { $eq: equals } };
    for await (const stored of documents.find(filter as object)) draft(stored);
  };

  await load([...new Set(changes.flatMap((change) => (change.op === 'updateWhere' ? [] : [`${change.id}`])))]);
  for (const change of changes) {
    if (change.op === 'updateWhere') {
      const { column, equals, fields } = change;
      await loadWhere(column, equals);
      for (const [id, one] of drafts) {
        if (one.fields !== null && (column === 'id' ? id : one.fields[column]) === equals) merge(one, fields);
      }
      continue;
    }
    const one = drafts.get(change.id)!;
    if (change.op === 'remove') {
      Object.assign(one, { fields: null, fresh: true });
    } else if (one.fields !== null) {
      merge(one, change.fields);
    } else if (change.op === 'set') {
      Object.assign(one, { fields: {}, fresh: true });
      merge(one, change.fields);
    }
  }
  return [...drafts].flatMap(([id, one]) => writeOf(schema, id, one) ?? []);
};

const merge = (draft: Draft, fields: { readonly [field: string]: Json }): void => {
  draft.fields = { ...draft.fields, ...(JSON.parse(JSON.stringify(fields)) as Fields) };
  for (const field of Object.keys(fields)) draft.touched.add(field);
};

const writeOf = (schema: ListSchema, id: string, { there, fields, fresh, touched }: Draft): Write | null => {
  if (fields === null) return there === 'live' ? { do: 'replace', id, content: removed } : null;
  if (fresh) return { do: there === 'none' ? 'insert' : 'replace', id, content: contentOf(schema, fields) };
  return touched.size === 0 ? null : { do: 'set', id, fields: changesTo(schema, fields, touched) };
};
