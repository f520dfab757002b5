import type { Collection } from 'mongodb';
import type { Scheduler } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';
import type { Batch, Build, Document, ListSchema, Lists, Query } from '../../commands/ports/lists.ts';
import { checkConditions, checkFields, checkPatch, checkQuery, checkSchema } from '../node/listSchema.ts';
import { compareTexts } from '../node/textOrder.ts';
import { type Connection, connect } from './connection.ts';
import { isDuplicate } from './errors.ts';
import { batchesOf } from './listBatches.ts';
import { blobsOf } from './listBlobs.ts';
import { type BuildDocument, type CurrentDocument, collectionName, listId, toBuild } from './listBuild.ts';
import { checkNames, fieldsToSet, indexesOf, type ListDocument, toDocument } from './listDocument.ts';
import { filterOf, rangesOf } from './listQuery.ts';
import type { Count } from './versions.ts';

export type MongoLists = {
  readonly url: string;
  /** A database of its own: nothing in it is a record, and it may be dropped. */
  readonly database?: string;
  /** With it, nothing that is read is waited for longer than somebody waits for an answer. */
  readonly scheduler?: Scheduler;
};

const defaultDatabase = 'keyledger-lists';

type OpenList = { readonly schema: ListSchema; readonly documents: Collection<ListDocument> };

/**
 * Lists in a MongoDB database: a collection for each build. How a batch stays whole without a transaction: listBatches.ts.
 * @throws Failure `store-unavailable` where MongoDB cannot be reached
 */
export const openLists = async ({ url, database = defaultDatabase, scheduler }: MongoLists): Promise<Lists> => {
  const connection = connect(url, database, scheduler);
  try {
    await connection.ask(() => dropOrphans(connection));
    await blobsOf(connection.db, connection.ask).sweep();
  } catch (error) {
    await connection.close();
    throw error;
  }
  return listsOf(connection);
};

/** What lists are there, before anything is written. */
export const readBuilds = async ({ url, database = defaultDatabase }: MongoLists): Promise<readonly Build[]> => {
  const connection = connect(url, database);
  return listsOf(connection).builds().finally(connection.close);
};

/** Every list, and every snapshot beside them. */
export const dropLists = async ({ url, database = defaultDatabase }: MongoLists): Promise<void> => {
  const connection = connect(url, database);
  await connection.ask(() => connection.db.dropDatabase()).finally(connection.close);
};

const buildsIn = ({ db }: Connection) => db.collection<BuildDocument>('builds');

/** A process that wrote to a build while it was dropped has made its collection again. A build is written before its collection. */
const dropOrphans = async (connection: Connection): Promise<void> => {
  const { db } = connection;
  const found = await db.listCollections({}, { nameOnly: true }).toArray();
  const all = await buildsIn(connection).find({}).project<{ number: number }>({ number: 1 }).toArray();
  const known = new Set(all.map(({ number }) => collectionName(number)));
  for (const { name } of found) if (/^list-\d+$/.test(name) && !known.has(name)) await db.dropCollection(name);
};

const listsOf = (connection: Connection): Lists => {
  const { db, ask, askSoon, close } = connection;
  const builds = buildsIn(connection);
  const currents = db.collection<CurrentDocument>('currents');
  const batches = batchesOf(db, builds);
  const { getBlob, putBlob, removeBlobs } = blobsOf(db, ask);
  const known = new Map<string, OpenList>();

  const buildOf = async (id: string): Promise<BuildDocument> => {
    const build = await builds.findOne({ _id: `${id}` });
    if (build !== null) return build;
    known.delete(id);
    throw new Failure('store-unavailable', `There is no build ${id} of a list any more.`);
  };
  const listOf = async (id: string): Promise<OpenList> => {
    const open = known.get(id);
    if (open !== undefined) return open;
    const { schema, number } = await buildOf(id);
    const list = { schema: JSON.parse(schema), documents: db.collection<ListDocument>(collectionName(number)) };
    known.set(id, list);
    return list;
  };
  /** A collection that is gone answers like an empty one. */
  const orGone = async <Answer>(id: string, answer: Answer, isEmpty: boolean): Promise<Answer> => {
    if (isEmpty) await buildOf(id);
    return answer;
  };

  const index = async ({ schema, documents }: OpenList): Promise<void> => {
    for (const { key, name } of indexesOf(schema)) await documents.createIndex(key, { name });
  };
  /** Among the builds of its list and version. @returns whether it is the current one */
  const enlist = async (_id: string, id: string, wanted: boolean): Promise<boolean> => {
    const first = { builds: [id], current: wanted ? id : null };
    try {
      await currents.insertOne({ _id, ...first });
      return wanted;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    const emptied = await currents.updateOne({ _id, 'builds.0': { $exists: false } }, { $set: first });
    if (emptied.matchedCount === 1) return wanted;
    await currents.updateOne({ _id }, { $push: { builds: id } });
    return false;
  };

  return {
    builds: () =>
      askSoon(async () => {
        const found = await builds.find({}).project<BuildDocument>({ parked: 0, pending: 0, schema: 0 }).toArray();
        const current = new Map((await currents.find({}).toArray()).map((one) => [one._id, one.current]));
        return found.sort((a, b) => a.number - b.number).map((build) => toBuild(build, current.get(listId(build))));
      }),
    createBuild: (schema, current) =>
      ask(async (): Promise<Build> => {
        checkSchema(schema);
        checkNames(schema);
        const counts = db.collection<Count>('counts');
        const counted = await counts.findOneAndUpdate(
          { _id: 'builds' },
          { $inc: { next: 1 } },
          { upsert: true, returnDocument: 'after' },
        );
        const number = counted!.next;
        const { name: list, version } = schema;
        const build: BuildDocument = {
          _id: `${list}-${version}-${number}`,
          number,
          list,
          version,
          schema: JSON.stringify(schema),
          complete: false,
          seq: 0,
          checkpoint: null,
          parked: [],
          pending: null,
        };
        await builds.insertOne(build);
        await index(await listOf(build._id));
        const isCurrent = await enlist(listId(build), build._id, current);
        return toBuild(build, isCurrent ? build._id : null);
      }),
    switchTo: (id) =>
      ask(async () => {
        await currents.updateOne({ _id: listId(await buildOf(id)) }, { $set: { current: `${id}` } });
      }),
    dropBuild: (id) =>
      ask(async () => {
        known.delete(id);
        const build = await builds.findOneAndDelete({ _id: `${id}` });
        if (build === null) return;
        const _id = listId(build);
        await currents.updateOne({ _id, current: { $eq: build._id } }, { $set: { current: null } });
        await currents.updateOne({ _id }, { $pull: { builds: build._id } });
        await batches.forget(id);
        await db.collection(collectionName(build.number)).drop();
      }),
    markComplete: (id) =>
      ask(async () => {
        // Once more: whoever made the build may have ended before its indexes.
        await index(await listOf(id));
        const { matchedCount } = await builds.updateOne({ _id: `${id}` }, { $set: { complete: true } });
        await orGone(id, undefined, matchedCount === 0);
      }),

    apply: (id, batch) =>
      ask(async () => {
        const { schema } = await listOf(id);
        checkBatch(schema, batch);
        const applied = await batches.apply(id, schema, batch);
        return orGone(id, applied === true, applied === null);
      }),
    patch: (id, changes) =>
      ask(async () => {
        const { schema, documents } = await listOf(id);
        for (const { fields } of changes) checkPatch(schema, fields);
        const patches = changes.map(({ id: _id, fields }) => ({
          updateOne: {
            filter: { _id: `${_id}`, gone: false },
            update: { $set: fieldsToSet(schema, fields, Object.keys(fields)) },
          },
        }));
        const matched = patches.length === 0 ? 0 : (await documents.bulkWrite(patches)).matchedCount;
        await orGone(id, undefined, matched === 0);
      }),
    parked: (id) =>
      askSoon(async () => (await buildOf(id)).parked.toSorted((a, b) => compareTexts(a.position, b.position))),

    get: (id, documentId) =>
      askSoon(async () => {
        const { schema, documents } = await listOf(id);
        const stored = await documents.findOne({ _id: `${documentId}` });
        const document = stored === null || stored.gone ? null : toDocument(schema, stored);
        return orGone(id, document, document === null);
      }),
    query: (id, query) =>
      askSoon(async () => {
        const { schema, documents } = await listOf(id);
        checkQuery(schema, query);
        const found = await pageOf(documents, query);
        const page: readonly Document[] = found.map((stored) => toDocument(schema, stored));
        return orGone(id, page, page.length === 0);
      }),
    count: (id, where) =>
      askSoon(async () => {
        const { schema, documents } = await listOf(id);
        checkConditions(schema, where);
        const count = await documents.countDocuments(filterOf(where) as object);
        return orGone(id, count, count === 0);
      }),

    getBlob,
    putBlob,
    removeBlobs,
    close,
  };
};

const checkBatch = (schema: ListSchema, { applied }: Batch): void => {
  for (const change of applied.flatMap(({ changes }) => changes)) {
    if (change.op !== 'remove') checkFields(schema, change.fields);
    if (change.op === 'updateWhere') {
      checkConditions(schema, [{ column: change.column, op: 'eq', value: change.equals }]);
    }
  }
};

const pageOf = async (documents: Collection<ListDocument>, query: Query): Promise<readonly ListDocument[]> => {
  // By id: what is changed between two ranges may be found in both.
  const page = new Map<string, ListDocument>();
  for (const { filter, sort } of rangesOf(query)) {
    const missing = query.limit - page.size;
    if (missing === 0) break;
    for (const found of await documents
      .find(filter as object)
      .sort(sort)
      .limit(missing)
      .toArray()) {
      if (!page.has(found._id)) page.set(found._id, found);
    }
  }
  return [...page.values()];
};
