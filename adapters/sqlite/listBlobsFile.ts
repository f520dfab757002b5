import type { DatabaseSync } from 'node:sqlite';

export type BlobCommand =
  | { readonly do: 'beginBlob'; readonly name: string; readonly size: number }
  | { readonly do: 'putChunk'; readonly upload: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly do: 'endBlob'; readonly upload: number }
  | { readonly do: 'removeBlobs'; readonly prefix: string };

/** Stored shape. A blob of a name is there once its upload is complete. */
export const createBlobs = `
  CREATE TABLE blobs (
    upload INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, size INTEGER NOT NULL, complete INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX blobsByName ON blobs (name);
  CREATE TABLE chunks (upload INTEGER NOT NULL, at INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (upload, at)) STRICT;`;

/** @returns what runs a command about blobs in the writing thread: the upload's number where one begins, else null */
export const blobHandler = (db: DatabaseSync): ((command: BlobCommand) => number | null) => {
  // Uploads that a process or thread did not finish.
  db.exec(`DELETE FROM chunks WHERE upload IN (SELECT upload FROM blobs WHERE complete = 0);
           DELETE FROM blobs WHERE complete = 0`);

  const insertBlob = db.prepare('INSERT INTO blobs (name, size, complete) VALUES (?, ?, 0) RETURNING upload');
  const insertChunk = db.prepare('INSERT INTO chunks (upload, at, bytes) VALUES (?, ?, ?)');
  const selectUpload = db.prepare('SELECT name FROM blobs WHERE upload = ? AND complete = 0');
  const completeBlob = db.prepare('UPDATE blobs SET complete = 1 WHERE upload = ?');
  const selectNamed = db.prepare('SELECT upload FROM blobs WHERE complete = 1 AND name = ?');
  const selectPrefixed = db.prepare('SELECT upload FROM blobs WHERE complete = 1 AND substr(name, 1, length(?1)) = ?1');
  const deleteChunks = db.prepare('DELETE FROM chunks WHERE upload = ?');
  const deleteBlob = db.prepare('DELETE FROM blobs WHERE upload = ?');

  const remove = (uploads: ReturnType<typeof selectNamed.all>) => {
    for (const { upload } of uploads) {
      deleteChunks.run(upload!);
      deleteBlob.run(upload!);
    }
  };

  const end = (upload: number) => {
    const row = selectUpload.get(upload);
    if (row === undefined) throw new Error('the upload of a blob was lost with the thread that took it');
    remove(selectNamed.all(row.name!));
    completeBlob.run(upload);
  };

  return (command) => {
    if (command.do === 'beginBlob') return insertBlob.get(command.name, command.size)!.upload as number;
    if (command.do === 'putChunk') insertChunk.run(command.upload, command.at, command.bytes);
    else if (command.do === 'endBlob') end(command.upload);
    else remove(selectPrefixed.all(command.prefix));
    return null;
  };
};
