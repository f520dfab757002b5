import { Failure } from '../../commands/failure.ts';
import type {
  Batch,
  Build,
  Change,
  Checkpoint,
  Condition,
  Document,
  ListSchema,
  Lists,
  ParkedStream,
  Query,
} from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import { checkConditions, checkFields, checkPatch, checkQuery, checkSchema } from '../node/listSchema.ts';
import { compareTexts, folded } from '../node/textOrder.ts';

type Filling = {
  readonly id: string;
  readonly schema: ListSchema;
  readonly documents: Map<string, Document>;
  readonly parked: Map<string, ParkedStream>;
  current: boolean;
  complete: boolean;
  checkpoint: Checkpoint | null;
};

/** Lists that last as long as their process: for tests and simulations. A query looks at every document. */
export const createMemoryLists = (): Lists => {
  const fillings = new Map<string, Filling>();
  const blobs = new Map<string, Uint8Array>();
  let created = 0;
  let closed = false;

  const open = () => {
    if (closed) throw new Failure('store-unavailable', 'The lists are closed.');
  };
  const filling = (buildId: string): Filling => {
    open();
    const found = fillings.get(buildId);
    if (found === undefined) throw new Failure('store-unavailable', `There is no build ${buildId} of a list any more.`);
    return found;
  };
  const sameList = ({ schema }: Filling) =>
    [...fillings.values()].filter(
      (other) => other.schema.name === schema.name && other.schema.version === schema.version,
    );

  return {
    builds: async () => {
      open();
      return [...fillings.values()].map(asBuild);
    },
    createBuild: async (schema, current) => {
      open();
      checkSchema(schema);
      created += 1;
      const made: Filling = {
        id: `${schema.name}-${schema.version}-${created}`,
        schema,
        documents: new Map(),
        parked: new Map(),
        current: false,
        complete: false,
        checkpoint: null,
      };
      made.current = current && sameList(made).length === 0;
      fillings.set(made.id, made);
      return asBuild(made);
    },
    switchTo: async (buildId) => {
      const chosen = filling(buildId);
      for (const other of sameList(chosen)) other.current = other === chosen;
    },
    dropBuild: async (buildId) => {
      open();
      fillings.delete(buildId);
    },
    markComplete: async (buildId) => {
      filling(buildId).complete = true;
    },

    apply: async (buildId, batch) => {
      const list = filling(buildId);
      if (!sameCheckpoint(list.checkpoint, batch.after)) return false;
      if (!batch.waiting.every((stream) => list.parked.has(stream))) return false;
      applyBatch(list, batch);
      return true;
    },
    patch: async (buildId, changes) => {
      const { schema, documents } = filling(buildId);
      for (const { fields } of changes) checkPatch(schema, fields);
      for (const { id, fields } of changes) {
        const document = documents.get(id);
        if (document !== undefined) documents.set(id, merged(document, fields));
      }
    },
    parked: async (buildId) =>
      [...filling(buildId).parked.values()].sort((a, b) => compareTexts(a.position, b.position)),

    get: async (buildId, id) => copyOf(filling(buildId).documents.get(id) ?? null),
    query: async (buildId, query) => {
      const { schema, documents } = filling(buildId);
      checkQuery(schema, query);
      return copyOf(answer([...documents.values()], query));
    },
    count: async (buildId, where) => {
      const { schema, documents } = filling(buildId);
      checkConditions(schema, where);
      return [...documents.values()].filter(holdsAll(where)).length;
    },

    getBlob: async (name) => {
      open();
      return blobs.get(name)?.slice() ?? null;
    },
    putBlob: async (name, bytes) => {
      open();
      blobs.set(name, bytes.slice());
    },
    removeBlobs: async (prefix) => {
      open();
      for (const name of blobs.keys()) if (name.startsWith(prefix)) blobs.delete(name);
    },

    close: async () => {
      closed = true;
    },
  };
};

const asBuild = ({ id, schema, current, checkpoint, complete }: Filling): Build => ({
  id,
  list: schema.name,
  version: schema.version,
  current,
  checkpoint,
  complete,
});

const sameCheckpoint = (a: Checkpoint | null, b: Checkpoint | null): boolean =>
  a === b || (a !== null && b !== null && a.position === b.position && a.eventId === b.eventId);

const applyBatch = (list: Filling, { checkpoint, applied, park, unpark }: Batch): void => {
  const changes = applied.flatMap((event) => event.changes);
  // All is looked at before anything is changed: a batch that does not fit changes nothing.
  for (const change of changes) {
    if (change.op !== 'remove') checkFields(list.schema, change.fields);
    if (change.op === 'updateWhere')
      checkConditions(list.schema, [{ column: change.column, op: 'eq', value: change.equals }]);
  }
  for (const change of changes) applyChange(list.documents, change);
  for (const stream of unpark) list.parked.delete(stream);
  for (const parked of park) list.parked.set(parked.stream, { ...parked });
  list.checkpoint = { ...checkpoint };
};

const applyChange = (documents: Map<string, Document>, change: Change): void => {
  if (change.op === 'remove') {
    documents.delete(change.id);
  } else if (change.op === 'updateWhere') {
    for (const [id, document] of documents) {
      if (document[change.column] === change.equals) documents.set(id, merged(document, change.fields));
    }
  } else {
    const document = documents.get(change.id) ?? (change.op === 'set' ? { id: change.id } : undefined);
    if (document !== undefined) documents.set(change.id, merged(document, change.fields));
  }
};

type Fields = { readonly [field: string]: Json | undefined };

const merged = (document: Document, fields: Fields): Document => ({ ...document, ...copyOf(fields) });

// As a store on disk would give it back: without `undefined`, and nobody else's to change.
const copyOf = <T extends Json | readonly Document[] | Document | null | Fields>(json: T): T =>
  JSON.parse(JSON.stringify(json)) as T;

const answer = (documents: readonly Document[], { where, sort, after, limit }: Query): readonly Document[] => {
  const keys = [...sort, { column: 'id', descending: sort.at(-1)?.descending ?? false }];
  const keyOf = (document: Document) => keys.map(({ column }) => document[column] ?? null);
  const compareKeys = (a: readonly Json[], b: readonly Json[]): number => {
    for (const [at, { descending }] of keys.entries()) {
      const order = compareValues(a[at]!, b[at]!);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  };
  return documents
    .filter(holdsAll(where))
    .map((document) => ({ document, key: keyOf(document) }))
    .filter(({ key }) => after === null || compareKeys(key, after) > 0)
    .sort((a, b) => compareKeys(a.key, b.key))
    .slice(0, limit)
    .map(({ document }) => document);
};

/** Null lowest, `false` before `true`; within a column all else is of one type. */
const compareValues = (a: Json, b: Json): number => {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return typeof a === 'string' ? compareTexts(a, b as string) : Number(a) - Number(b);
};

const holdsAll =
  (where: readonly Condition[]) =>
  (document: Document): boolean =>
    where.every((condition) => holds(condition, document));

const holds = (condition: Condition, document: Document): boolean => {
  if ('any' in condition) return condition.any.some((alternative) => holdsAll(alternative)(document));
  const value = document[condition.column] ?? null;
  if (condition.op === 'null') return value === null;
  if (value === null) return false;
  switch (condition.op) {
    case 'present':
      return true;
    case 'eq':
      return value === condition.value;
    case 'lt':
      return compareValues(value, condition.value) < 0;
    case 'lte':
      return compareValues(value, condition.value) <= 0;
    case 'gt':
      return compareValues(value, condition.value) > 0;
    case 'gte':
      return compareValues(value, condition.value) >= 0;
    case 'in':
      return (condition.values as readonly Json[]).includes(value);
    case 'has':
      return (value as readonly Json[]).includes(condition.value);
    case 'contains':
      return folded(value as string).includes(folded(condition.value));
  }
};
