import { type Db, MongoClient, type MongoClientOptions } from 'mongodb';
import { Failure } from '../../commands/failure.ts';
import { asked } from './errors.ts';

export type Connection = {
  readonly db: Db;
  /** Runs what asks the driver. @throws Failure `store-unavailable` where MongoDB cannot answer, or after `close` */
  readonly ask: <Answer>(work: () => Promise<Answer>) => Promise<Answer>;
  readonly close: () => Promise<void>;
};

// What the promises of the ports rest on: no address may weaken it.
const durable = {
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: 10_000 },
  readConcern: { level: 'majority' },
  readPreference: 'primary',
  retryWrites: true,
  retryReads: true,
} as const satisfies MongoClientOptions;

// A caller learns soon that nobody is there. A socket's time is above `wtimeoutMS`, so that the server says it first.
const limits = { serverSelectionTimeoutMS: 2_000, connectTimeoutMS: 2_000, socketTimeoutMS: 30_000 } as const;

/**
 * One database at `url`. The driver looks for the server whenever it is asked: nothing here fails because none is there.
 * @param url `mongodb://…` or `mongodb+srv://…`, with user, password, TLS and the like; a database in it is where users are looked up
 */
export const connect = (url: string, database: string): Connection => {
  const client = new MongoClient(url, { appName: 'keyledger', ...limits, ...durable });
  let closed = false;
  return {
    db: client.db(database),
    ask: async (work) => {
      if (closed) throw new Failure('store-unavailable', 'The connection to MongoDB is closed.');
      return asked(work);
    },
    close: async () => {
      closed = true;
      await client.close();
    },
  };
};
