import {
  type AnyBulkWriteOperation,
  type Binary,
  BSON,
  type Collection,
  type Db,
  type MatchKeysAndValues,
  ObjectId,
} from 'mongodb';
import { Failure } from '../../commands/failure.ts';
import type { Batch, ListSchema } from '../../commands/ports/lists.ts';
import { isOnlyDuplicates } from './errors.ts';
import { type BuildDocument, collectionName, type Pending, parkedAfter, sameCheckpoint } from './listBuild.ts';
import type { ListDocument } from './listDocument.ts';
import { type Write, writesOf } from './listDrafts.ts';

type JournalDocument = {
  readonly _id: string;
  readonly build: string;
  readonly seq: number;
  readonly bytes: Binary | Buffer;
};

const chunkSize = 8 * 1024 * 1024;
/** MongoDB takes 16 MiB. */
const largestDocument = 15 * 1024 * 1024;

/**
 * Batches of a build, each whole or not at all, without a transaction over documents and checkpoint.
 *
 * First all that a batch does to each document is worked out and laid down in a journal. Then one conditional write of the
 * build's document decides: it names the journal and raises `seq`, and only one process can do that from where the build
 * stands. From then on the batch is carried out, by whoever comes by: each document is written where its own `seq` is
 * lower, so twice is like once, and a process that wakes up later finds every document taken. When all are written the
 * checkpoint moves and the journal goes.
 *
 * This is stricter than a guard per source stream (`applied: {stream: revision}`) in each document: such a guard does not
 * know a document that a late `updateWhere` of an old event finds because it was made since.
 */
export const batchesOf = (db: Db, builds: Collection<BuildDocument>) => {
  const journals = db.collection<JournalDocument>('journal');
  const documentsOf = ({ number }: BuildDocument) => db.collection<ListDocument>(collectionName(number));

  /** @returns whether the batch is now a part of the build; null: there is no such build */
  const apply = async (id: string, schema: ListSchema, batch: Batch): Promise<boolean | null> => {
    let build = await builds.findOne({ _id: `${id}` });
    if (build?.pending) {
      await finish(build, build.pending, null);
      build = await builds.findOne({ _id: `${id}` });
    }
    if (build === null) return null;
    // Somebody else has decided on another one already.
    if (build.pending !== null || !sameCheckpoint(build.checkpoint, batch.after)) return false;
    const { parked } = build;
    if (!batch.waiting.every((waiting) => parked.some(({ stream }) => stream === waiting))) return false;

    const changes = batch.applied.flatMap((event) => event.changes);
    const writes = changes.length === 0 ? [] : await writesOf(schema, documentsOf(build), changes);
    const next = { checkpoint: { ...batch.checkpoint }, parked: parkedAfter(build.parked, batch) };
    const here = { _id: build._id, seq: { $eq: build.seq }, pending: { $eq: null } };
    const seq = build.seq + 1;
    if (writes.length === 0) {
      return (await builds.updateOne(here, { $set: { ...next, seq } })).matchedCount === 1;
    }
    const journal = new ObjectId().toHexString();
    const pending = { ...next, seq, journal, chunks: await lay(build._id, seq, journal, writes) };
    const decided = await builds.updateOne(here, { $set: { seq, pending } });
    if (decided.matchedCount === 0) {
      await journals.deleteMany({ _id: { $in: chunkIds(pending) } });
      return false;
    }
    await finish(build, pending, writes);
    return true;
  };

  const lay = async (build: string, seq: number, journal: string, writes: readonly Write[]): Promise<number> => {
    for (const { id, ...write } of writes) {
      if (BSON.calculateObjectSize(write) > largestDocument)
        throw new RangeError(`document ${id} is too large for MongoDB`);
    }
    const bytes = Buffer.from(JSON.stringify(writes));
    const chunks = Math.ceil(bytes.length / chunkSize);
    for (let n = 0; n < chunks; n++) {
      const chunk = bytes.subarray(n * chunkSize, (n + 1) * chunkSize);
      await journals.insertOne({ _id: `${journal}/${n}`, build, seq, bytes: chunk });
    }
    return chunks;
  };

  /** @returns null where it is gone, because somebody else has finished it */
  const read = async (build: BuildDocument, pending: Pending): Promise<readonly Write[] | null> => {
    const found = await journals.find({ _id: { $in: chunkIds(pending) } }).toArray();
    if (found.length === pending.chunks) {
      const chunk = new Map(found.map(({ _id, bytes }) => [_id, (bytes as Binary).value()]));
      return JSON.parse(Buffer.concat(chunkIds(pending).map((id) => chunk.get(id)!)).toString());
    }
    const now = await builds.findOne({ _id: build._id });
    if (now?.pending?.seq !== pending.seq) return null;
    throw new Failure('store-unavailable', `The list ${build._id} lacks its journal: drop it, and it is filled again.`);
  };

  const finish = async (build: BuildDocument, pending: Pending, known: readonly Write[] | null): Promise<void> => {
    const writes = known ?? (await read(build, pending));
    if (writes === null) return;
    await carryOut(documentsOf(build), pending.seq, writes);
    const { seq, checkpoint, parked } = pending;
    await builds.updateOne(
      { _id: build._id, 'pending.seq': { $eq: seq } },
      { $set: { checkpoint, parked, pending: null } },
    );
    await journals.deleteMany({ build: { $eq: build._id }, seq: { $lte: seq } });
  };

  return { apply, forget: (build: string) => journals.deleteMany({ build: { $eq: `${build}` } }) };
};

const chunkIds = ({ journal, chunks }: Pending): string[] =>
  Array.from({ length: chunks }, (_, n) => `${journal}/${n}`);

const carryOut = async (documents: Collection<ListDocument>, seq: number, writes: readonly Write[]): Promise<void> => {
  const inserts = writes.flatMap((write) =>
    write.do === 'insert' ? [{ _id: write.id, ...write.content, seq } as ListDocument] : [],
  );
  const others = writes.flatMap((write): AnyBulkWriteOperation<ListDocument>[] => {
    const filter = { _id: write.id, seq: { $lt: seq } };
    if (write.do === 'insert') return [];
    return write.do === 'set'
      ? [{ updateOne: { filter, update: { $set: { ...write.fields, seq } as MatchKeysAndValues<ListDocument> } } }]
      : [{ replaceOne: { filter, replacement: { ...write.content, seq } as ListDocument } }];
  });
  if (inserts.length > 0) {
    try {
      await documents.insertMany(inserts, { ordered: false });
    } catch (error) {
      // Somebody else was here before: what is there is this write's work or a later one's.
      if (!isOnlyDuplicates(error)) throw error;
    }
  }
  if (others.length > 0) await documents.bulkWrite(others, { ordered: false });
};
