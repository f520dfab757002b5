import { createHash } from 'node:crypto';
import { BSON, type Document, MongoClient } from 'mongodb';

/** Everything in some databases: documents by database and collection, in the order of their ids. */
export type MongoCopy = { readonly [database: string]: { readonly [collection: string]: readonly Document[] } };

const connected = async <R>(url: string, work: (client: MongoClient) => Promise<R>): Promise<R> => {
  const client = new MongoClient(url);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
};

/** What lies in these databases. Nobody may be writing there. */
export const copyOfMongo = (url: string, databases: readonly string[]): Promise<MongoCopy> =>
  connected(url, async (client) => {
    const copy: { [database: string]: { [collection: string]: Document[] } } = {};
    for (const name of databases) {
      copy[name] = {};
      const db = client.db(name);
      const found = await db.listCollections({}, { nameOnly: true }).toArray();
      for (const collection of found.map((one) => one.name).sort())
        copy[name][collection] = await db
          .collection(collection)
          .find({}, { promoteValues: false })
          .sort({ _id: 1 })
          .toArray();
    }
    return copy;
  });

/** Puts it there in place of all that is in that database. @param from which of the copy's databases */
export const putInMongo = (url: string, copy: MongoCopy, from: string, to: string): Promise<void> =>
  connected(url, async (client) => {
    const db = client.db(to);
    await db.dropDatabase();
    for (const [collection, documents] of Object.entries(copy[from]!))
      if (documents.length > 0) await db.collection<Document>(collection).insertMany([...documents]);
  });

/** The same for equal content; collections that hold nothing count as well. */
export const fingerprintOf = (copy: MongoCopy): string => {
  const hash = createHash('sha256');
  for (const [database, collections] of Object.entries(copy))
    for (const [collection, documents] of Object.entries(collections)) {
      hash.update(`${database} ${collection}\n`);
      for (const document of documents) hash.update(BSON.serialize(document));
    }
  return hash.digest('hex');
};
