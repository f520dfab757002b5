import type { Position } from '../commands/ports/eventStore.ts';
import type { Condition, Document, Lists, Sort } from '../commands/ports/lists.ts';
import type { Json } from '../domain/json.ts';
import type { Cursors } from './cursor.ts';
import { filterText, type Page, startOf } from './paging.ts';

/** How far the build that answers has come, and how long the oldest event that it lacks has been waiting. */
export type AsOf = { readonly position: Position | null; readonly lagMs: number };

export type OpenList = AsOf & { readonly buildId: string };

/** What answering from a list takes. */
export type ListingContext = {
  readonly lists: Pick<Lists, 'get' | 'query' | 'count'>;
  readonly listReader: {
    /** @throws Failure not-caught-up while the list was never at the log's end */
    readonly current: (list: string) => Promise<OpenList>;
    readonly reached: (list: string, position: Position, maxMs: number) => Promise<boolean>;
    /** @throws Failure not-caught-up */
    readonly waitFor: (list: string, position: Position, maxMs: number) => Promise<void>;
  };
  /** The furthest that anybody's command has come in this process; null: none yet. */
  readonly newestWrite: () => Position | null;
  readonly cursors: Cursors;
};

const ownWriteMs = 1_000;
const askedPositionMs = 2_000;

/**
 * The build of a list that answers, once it holds what was asked for, and if that does not take too long, what this
 * process wrote: whoever made a key here finds it in the list.
 * @param minPosition from Keyledger-Min-Position
 * @throws Failure not-caught-up
 */
export const openList = async (
  { listReader, newestWrite }: Pick<ListingContext, 'listReader' | 'newestWrite'>,
  list: string,
  minPosition: Position | null,
): Promise<OpenList> => {
  if (minPosition !== null) await listReader.waitFor(list, minPosition, askedPositionMs);
  const own = newestWrite();
  if (own !== null) await listReader.reached(list, own, ownWriteMs);
  return listReader.current(list);
};

export type ListPage = {
  readonly documents: readonly Document[];
  readonly nextCursor: string | null;
  readonly asOf: AsOf;
  /** Where it was asked for. */
  readonly total: { readonly total?: number };
};

/**
 * One page of a list.
 * @param query of the request, whole: a cursor goes on only where all of it but its paging is the same
 * @throws Refusal cursor-mismatch; Failure not-caught-up
 */
export const listPage = async (
  context: ListingContext,
  list: string,
  query: Page & { readonly [name: string]: unknown },
  find: { readonly where: readonly Condition[]; readonly sort: Sort; readonly minPosition: Position | null },
): Promise<ListPage> => {
  const { lists, cursors } = context;
  const { where, sort, minPosition } = find;
  const filter = filterText(list, query);
  const after = startOf(cursors, query.cursor, filter);
  const { buildId, position, lagMs } = await openList(context, list, minPosition);
  const [found, total] = await Promise.all([
    lists.query(buildId, { where, sort: [sort], after, limit: query.limit + 1 }),
    query.count ? lists.count(buildId, where) : null,
  ]);
  const documents = found.slice(0, query.limit);
  const last = found.length > query.limit ? documents.at(-1) : undefined;
  return {
    documents,
    nextCursor: last === undefined ? null : cursors.write(placeOf(last, sort), filter),
    asOf: { position, lagMs },
    total: total === null ? {} : { total },
  };
};

/** Where a document stands in an order: what a query goes on after. */
export const placeOf = (document: Document, { column }: Sort): readonly Json[] => [
  document[column] ?? null,
  document.id,
];

/**
 * All documents, a page at a time, so that memory holds one page. Each page asks anew which build answers: a rebuild
 * that ends meanwhile holds the same documents in the same order, and the old build is gone soon after.
 */
export async function* allDocuments(
  { lists, listReader }: Pick<ListingContext, 'lists' | 'listReader'>,
  list: string,
  { where, sort }: { readonly where: readonly Condition[]; readonly sort: Sort },
  pageSize = 500,
): AsyncGenerator<readonly Document[]> {
  for (let after: readonly Json[] | null = null; ; ) {
    const { buildId } = await listReader.current(list);
    const documents: readonly Document[] = await lists.query(buildId, { where, sort: [sort], after, limit: pageSize });
    if (documents.length > 0) yield documents;
    const last = documents.at(-1);
    if (last === undefined || documents.length < pageSize) return;
    after = placeOf(last, sort);
  }
}
