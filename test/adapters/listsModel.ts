import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Change, Condition, Document, Query, Sort } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import { suite } from '../support/suite.ts';
import { batch, type ListsHarness, schema } from './listsSuite.ts';
import type { TestServer } from './vaultSuite.ts';

/** Random changes and queries, on lists and on plain arrays that are filtered and sorted as naively as can be. */
export const listsModel = (
  name: string,
  open: () => Promise<ListsHarness>,
  numRuns: number,
  server: TestServer | null = null,
): void => {
  const test = suite(`lists: ${name}: against a model`);
  if (server !== null) test.skipUnless(server.missing);
  let harness: ListsHarness;

  test.before(async () => {
    harness = await open();
  });
  test.after(async () => {
    await harness.dispose();
    await server?.after();
  });

  test('holds, finds and sorts what plain arrays do, page by page', async () => {
    const { lists } = harness;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 12 }), { minLength: 1, maxLength: 6 }),
        fc.array(query, { minLength: 5, maxLength: 15 }),
        fc.nat({ max: 7 }),
        async (batches, queries, completeAfter) => {
          const { id: build } = await lists.createBuild(schema, false);
          for (const [at, changes] of batches.entries()) {
            if (at === completeAfter) await lists.markComplete(build);
            await lists.apply(build, batch(at + 1, changes));
          }
          if (batches.length === completeAfter) await lists.markComplete(build);
          const documents = batches.flat().reduce(changed, []);

          for (const { where, sort, limit } of queries) {
            const expected = documents.filter((document) => where.every((one) => holds(one, document))).sort(by(sort));
            assert.is(await lists.count(build, where), expected.length);
            const read: Document[] = [];
            for (let after: Query['after'] = null; ; ) {
              const page: readonly Document[] = await lists.query(build, { where, sort, after, limit });
              read.push(...page);
              assert.ok(page.length <= limit);
              if (page.length < limit) break;
              after = [...sort.map(({ column }) => page.at(-1)![column] ?? null), page.at(-1)!.id];
            }
            assert.equal(read, expected);
          }
          for (const { id } of documents) {
            assert.equal(await lists.get(build, id), documents.find((one) => one.id === id)!);
          }
          await lists.dropBuild(build);
        },
      ),
      { numRuns },
    );
  });

  test.run();
};

const ids = ['a', 'b', 'c', 'ä', '\uffee', '\u{1f511}', 'k1', 'k2'];
const texts = ['x', 'X', 'y', '', 'ß', '\uffee', '\u{1f511}', '%_'];
const numbers = [0, 1, -1, 1.5, 2 ** 40];

const id = fc.constantFrom(...ids);
const text = fc.constantFrom(...texts);
const number = fc.constantFrom(...numbers);
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 3 });

const fields = fc.record(
  {
    owner: orNull(text),
    name: orNull(text),
    size: orNull(number),
    live: orNull(fc.boolean()),
    tags: orNull(fc.array(text, { maxLength: 3 })),
    other: orNull(text),
  },
  { requiredKeys: [] },
);

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('set' as const), id, fields }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('update' as const), id, fields }) },
  fc.record({ op: fc.constant('remove' as const), id }),
  fc.record({
    op: fc.constant('updateWhere' as const),
    column: fc.constantFrom('owner', 'name', 'used'),
    equals: text,
    fields,
  }),
);

const comparison = <T extends string | number | boolean>(columns: readonly string[], value: fc.Arbitrary<T>) =>
  fc.record({
    column: fc.constantFrom(...columns),
    op: fc.constantFrom('eq' as const, 'lt' as const, 'lte' as const, 'gt' as const, 'gte' as const),
    value: value as fc.Arbitrary<string | number | boolean>,
  });

const simple: fc.Arbitrary<Condition> = fc.oneof(
  comparison(['owner', 'name', 'id'], text),
  comparison(['size'], number),
  comparison(['live'], fc.boolean()),
  fc.record({
    column: fc.constantFrom('owner', 'name'),
    op: fc.constant('in' as const),
    values: fc.array(text, { maxLength: 3 }),
  }),
  fc.record({
    column: fc.constant('size'),
    op: fc.constant('in' as const),
    values: fc.array(number, { maxLength: 3 }),
  }),
  fc.record({ column: fc.constant('tags'), op: fc.constant('has' as const), value: text }),
  fc.record({
    column: fc.constantFrom('owner', 'size', 'live', 'tags'),
    op: fc.constantFrom('null' as const, 'present' as const),
  }),
  fc.record({
    column: fc.constantFrom('owner', 'name'),
    op: fc.constant('contains' as const),
    value: fc.constantFrom('x', 'SS', '%', '', '\u{1f511}'),
  }),
);

const condition: fc.Arbitrary<Condition> = fc.oneof(
  { weight: 4, arbitrary: simple },
  fc.record({ any: fc.array(fc.array(simple, { maxLength: 2 }), { maxLength: 3 }) }),
);

const sortable = ['owner', 'name', 'size', 'live', 'id'];

const query = fc.record({
  where: fc.array(condition, { maxLength: 2 }),
  sort: fc
    .subarray(sortable, { maxLength: 3 })
    .chain((columns) => fc.shuffledSubarray(columns, { minLength: columns.length }))
    .chain((columns) =>
      fc.tuple(...columns.map((column) => fc.record({ column: fc.constant(column), descending: fc.boolean() }))),
    ),
  limit: fc.integer({ min: 1, max: 5 }),
});

const changed = (documents: readonly Document[], change: Change): readonly Document[] => {
  if (change.op === 'remove') return documents.filter(({ id }) => id !== change.id);
  if (change.op === 'set' && !documents.some(({ id }) => id === change.id)) {
    return [...documents, { id: change.id, ...change.fields }];
  }
  const meant = (document: Document) =>
    change.op === 'updateWhere' ? document[change.column] === change.equals : document.id === change.id;
  return documents.map((document) => (meant(document) ? { ...document, ...change.fields } : document));
};

const holds = (condition: Condition, document: Document): boolean => {
  if ('any' in condition) return condition.any.some((all) => all.every((one) => holds(one, document)));
  const value = document[condition.column] ?? null;
  if (condition.op === 'null' || condition.op === 'present') return (value === null) === (condition.op === 'null');
  if (value === null) return false;
  if (condition.op === 'in') return (condition.values as readonly Json[]).includes(value);
  if (condition.op === 'has') return (value as string[]).includes(condition.value);
  if (condition.op === 'contains') {
    const upper = (of: string) => of.toUpperCase();
    return upper(value as string).includes(upper(condition.value));
  }
  if (!('value' in condition)) throw new Error('a condition the model does not know');
  const order = compared(value, condition.value);
  return { eq: order === 0, lt: order < 0, lte: order <= 0, gt: order > 0, gte: order >= 0 }[condition.op];
};

const by =
  (sort: readonly Sort[]) =>
  (a: Document, b: Document): number => {
    for (const { column, descending } of [...sort, { column: 'id', descending: sort.at(-1)?.descending ?? false }]) {
      const order = compared(a[column] ?? null, b[column] ?? null);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };

const compared = (a: Json, b: Json): number => {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  return Number(a) - Number(b);
};
