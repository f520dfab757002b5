import { type Binary, type Db, ObjectId } from 'mongodb';
import type { Lists } from '../../commands/ports/lists.ts';
import type { Connection } from './connection.ts';

type BlobDocument = { readonly _id: string; readonly upload: string; readonly chunks: number; readonly size: number };
type ChunkDocument = { readonly _id: string; readonly upload: string; readonly bytes: Binary | Buffer };

const chunkSize = 2 * 1024 * 1024;
/** After so long, an upload that nothing names is one that was cut off. */
const abandonedSeconds = 60 * 60;

type Blobs = Pick<Lists, 'getBlob' | 'putBlob' | 'removeBlobs'>;

/** Bytes in chunks under an upload's own name; one write of the blob's document makes them the blob's. */
export const blobsOf = (db: Db, ask: Connection['ask']): Blobs & { readonly sweep: () => Promise<void> } => {
  const blobs = db.collection<BlobDocument>('blobs');
  const chunks = db.collection<ChunkDocument>('chunks');
  const chunkId = (upload: string, n: number) => `${upload}/${n}`;
  const idsOf = ({ upload, chunks: count }: BlobDocument) =>
    Array.from({ length: count }, (_, n) => chunkId(upload, n));
  const removeChunks = (blob: BlobDocument) => chunks.deleteMany({ _id: { $in: idsOf(blob) } });

  const bytesOf = async (blob: BlobDocument): Promise<Uint8Array | null> => {
    const bytes = new Uint8Array(blob.size);
    for (const [n, _id] of idsOf(blob).entries()) {
      const chunk = await chunks.findOne({ _id });
      if (chunk === null) return null;
      bytes.set((chunk.bytes as Binary).value(), n * chunkSize);
    }
    return bytes;
  };

  return {
    getBlob: (name) =>
      ask(async () => {
        let seen: string | null = null;
        for (;;) {
          const blob = await blobs.findOne({ _id: `${name}` });
          // The same upload without its chunks: it is damaged, and can be made again.
          if (blob === null || blob.upload === seen) return null;
          const bytes = await bytesOf(blob);
          if (bytes !== null) return bytes;
          seen = blob.upload;
        }
      }),
    putBlob: (name, bytes) =>
      ask(async () => {
        const upload = new ObjectId().toHexString();
        const blob = { upload, chunks: Math.ceil(bytes.length / chunkSize), size: bytes.length };
        for (let n = 0; n < blob.chunks; n++) {
          const chunk = Buffer.from(bytes.subarray(n * chunkSize, (n + 1) * chunkSize));
          await chunks.insertOne({ _id: chunkId(upload, n), upload, bytes: chunk });
        }
        const before = await blobs.findOneAndReplace({ _id: `${name}` }, blob, { upsert: true });
        if (before) await removeChunks(before);
      }),
    removeBlobs: (prefix) =>
      ask(async () => {
        for await (const blob of blobs.find({ _id: { $gte: `${prefix}` } }).sort({ _id: 1 })) {
          if (!blob._id.startsWith(prefix)) return;
          const { deletedCount } = await blobs.deleteOne({ _id: blob._id, upload: { $eq: blob.upload } });
          if (deletedCount === 1) await removeChunks(blob);
        }
      }),
    sweep: () =>
      ask(async () => {
        const { localTime } = await db.command({ hello: 1 });
        const before = ObjectId.createFromTime((localTime as Date).getTime() / 1000 - abandonedSeconds).toHexString();
        const named = new Set((await blobs.find({}).toArray()).map(({ upload }) => upload));
        const old = chunks.find({ _id: { $lt: before } }).project<{ _id: string; upload: string }>({ upload: 1 });
        for await (const { _id, upload } of old) if (!named.has(upload)) await chunks.deleteOne({ _id });
      }),
  };
};
