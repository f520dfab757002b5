// The thread that alone writes one SQLite file: many commands, one transaction, one fsync.
import { DatabaseSync } from 'node:sqlite';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { standBack } from '../node/standBack.ts';
import { DataRefused, isUnavailable } from './errors.ts';
import type { Answer, Handler, Outcome, Post, StoreModule, ThrownAway, WorkerData } from './groupCommitProtocol.ts';
import { checkIdentity, migrate } from './schema.ts';

const { file, module, synchronous } = workerData as WorkerData;
const port = parentPort!;
const answer = (what: Answer) => port.postMessage(what);

standBack();

const thrown = (error: unknown): ThrownAway => {
  if (error instanceof DataRefused) return { error, kind: 'refused', refusal: error.code };
  return { error, kind: isUnavailable(error) ? 'unavailable' : 'mistake' };
};

const open = async (): Promise<{ db: DatabaseSync; handler: Handler<unknown, unknown> }> => {
  const { schema, handlers } = (await import(module)) as StoreModule<unknown, unknown>;
  const db = new DatabaseSync(file, { timeout: 5_000 });
  try {
    checkIdentity(db, file, schema);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF`);
    migrate(db, file, schema);
    return { db, handler: handlers(db) };
  } catch (error) {
    db.close();
    throw error;
  }
};

const serve = (db: DatabaseSync, handler: Handler<unknown, unknown>) => {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const savepoint = db.prepare('SAVEPOINT command');
  const release = db.prepare('RELEASE command');

  const runOne = (message: unknown): Outcome => {
    savepoint.run();
    try {
      const result = handler(message);
      release.run();
      return { result };
    } catch (error) {
      // SQLite may have undone the whole transaction by itself: then nobody's command stands.
      if (!db.isTransaction) throw error;
      db.exec('ROLLBACK TO command; RELEASE command');
      return thrown(error);
    }
  };

  const runAll = (messages: readonly unknown[]): readonly Outcome[] => {
    try {
      begin.run();
      const outcomes = messages.map(runOne);
      commit.run();
      handler.afterCommit?.();
      return outcomes;
    } catch (error) {
      // A rollback that fails ends this thread, and with it the connection: the next one starts from what is on disk.
      if (db.isTransaction) db.exec('ROLLBACK');
      const failed = thrown(error);
      return messages.map(() => failed);
    }
  };

  port.on('message', (first: Post) => {
    const messages: unknown[] = [];
    let post: Post | undefined = first;
    while (post !== undefined && post !== 'close') {
      for (const message of post) messages.push(message);
      post = receiveMessageOnPort(port)?.message as Post | undefined;
    }
    if (messages.length > 0) answer({ outcomes: runAll(messages) });
    if (post === 'close') {
      db.close();
      port.close();
    }
  });
};

try {
  const { db, handler } = await open();
  serve(db, handler);
  answer({ ready: true });
} catch (error) {
  answer({ refused: thrown(error) });
  port.close();
}
