import { type Db, type DbOptions, MongoClient, type MongoClientOptions, ReadConcern } from 'mongodb';
import type { Scheduler } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';
import './driver.ts';
import { asked } from './errors.ts';

/** Runs what asks the driver. @throws Failure `store-unavailable` where MongoDB cannot answer, or after `close` */
export type Ask = <Answer>(work: () => Promise<Answer>) => Promise<Answer>;

export type Connection = {
  readonly db: Db;
  readonly ask: Ask;
  /** For what somebody waits for: also where MongoDB does not answer soon. What was asked may be done later all the same. */
  readonly askSoon: Ask;
  readonly close: () => Promise<void>;
};

// What the promises of the ports rest on: no address may weaken it. Given to the database, because the client takes some of
// it from the address all the same.
const durable = {
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: 10_000 },
  readConcern: new ReadConcern('majority'),
  readPreference: 'primary',
} as const satisfies DbOptions;

const retried = { retryWrites: true, retryReads: true } as const satisfies MongoClientOptions;

// A caller learns soon that nobody is there. A socket's time is above `wtimeoutMS`, so that the server says it first.
// Without an end to waiting for a connection, a silent server would have callers pile up before it.
const limits = {
  serverSelectionTimeoutMS: 2_000,
  connectTimeoutMS: 2_000,
  waitQueueTimeoutMS: 2_000,
  socketTimeoutMS: 30_000,
} as const;

/**
 * The driver tries everything twice, each time for as long as a socket may be silent: nobody waits that long for an answer.
 * What was given up may still be done, as with every error whose outcome is open. It does no harm because each write is
 * bound to a version, or to an id that nobody uses for anything else, or says what is as good later.
 */
const soonMs = 4_000;

/**
 * One database at `url`. The driver looks for the server whenever it is asked: nothing here fails because none is there.
 * @param url `mongodb://…` or `mongodb+srv://…`, with user, password, TLS and the like; a database in it is where users are looked up
 */
export const connect = (url: string, database: string, scheduler?: Scheduler): Connection => {
  const client = new MongoClient(url, { appName: 'keyledger', ...limits, ...retried });
  let closed = false;
  const ask: Ask = async (work) => {
    if (closed) throw new Failure('store-unavailable', 'The connection to MongoDB is closed.');
    return asked(work);
  };
  return {
    db: client.db(database, durable),
    ask,
    askSoon: scheduler === undefined ? ask : (work) => soon(scheduler, ask(work)),
    close: async () => {
      closed = true;
      await client.close();
    },
  };
};

const soon = async <Answer>(scheduler: Scheduler, answer: Promise<Answer>): Promise<Answer> => {
  const answered = new AbortController();
  const late = scheduler.sleep(soonMs, answered.signal).then(() => {
    if (answered.signal.aborted) return answer;
    throw new Failure('store-unavailable', `MongoDB: no answer for ${soonMs} ms`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    answered.abort();
    // The loser of the race is nobody's error.
    late.catch(() => {});
    answer.catch(() => {});
  }
};
