import type { Document, ListSchema, Lists } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';

/** `stored` and `replayed` may hold personal data: for who asked, never for a log. Null where the field is not there. */
export type Difference = {
  readonly id: string;
  readonly field: string;
  readonly stored: Json;
  readonly replayed: Json;
};

const pageSize = 500;

/** All documents of two builds, side by side in the order of their ids, field by field. What came from outside the log is left out. */
export const differencesBetween = async function* (
  lists: Lists,
  schema: ListSchema,
  stored: string,
  replayed: string,
): AsyncIterable<Difference | { readonly compared: number }> {
  const left = documentsIn(lists, stored);
  const right = documentsIn(lists, replayed);
  let [a, b] = await Promise.all([left.next(), right.next()]);
  let compared = 0;
  while (!a.done || !b.done) {
    const [x, y] = [a.done ? null : a.value, b.done ? null : b.value];
    const first = x === null ? y! : y === null || before(x.id, y.id) ? x : y;
    const both = { x: x?.id === first.id ? x : null, y: y?.id === first.id ? y : null };
    yield* fieldsThatDiffer(schema, first.id, both.x, both.y);
    if (both.x) a = await left.next();
    if (both.y) b = await right.next();
    if (++compared % pageSize === 0) yield { compared };
  }
  yield { compared };
};

async function* documentsIn(lists: Lists, buildId: string): AsyncGenerator<Document, void, undefined> {
  let after: readonly Json[] | null = null;
  for (;;) {
    const page: readonly Document[] = await lists.query(buildId, { where: [], sort: [], after, limit: pageSize });
    yield* page;
    if (page.length < pageSize) return;
    after = [page.at(-1)!.id];
  }
}

/** One document, as two builds have it. */
export function* fieldsThatDiffer(
  schema: ListSchema,
  id: string,
  stored: Document | null,
  replayed: Document | null,
): Generator<Difference> {
  if (stored === null || replayed === null) {
    yield { id, field: 'id', stored: stored && id, replayed: replayed && id };
    return;
  }
  for (const field of new Set([...Object.keys(stored), ...Object.keys(replayed)])) {
    if (field === 'id' || schema.volatile.includes(field)) continue;
    const values = { stored: stored[field] ?? null, replayed: replayed[field] ?? null };
    if (canonical(values.stored) !== canonical(values.replayed)) yield { id, field, ...values };
  }
}

/** The ids of our documents are ASCII, where every store's order is this one. */
const before = (a: string, b: string): boolean => a < b;

const canonical = (value: Json): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
