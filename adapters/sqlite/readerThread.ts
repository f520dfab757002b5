import { Worker } from 'node:worker_threads';
import { Failure } from '../../commands/failure.ts';
import type { Sql } from './listQuery.ts';
import type { ReadAnswer, ReadRequest } from './readerThreadWorker.ts';
import type { Row } from './statements.ts';

/** Reads that may take long, in a thread and on a connection of their own, one after the other. */
export type ReaderThread = {
  /** Statements are run in order until there are `limit` rows. Rejects like a port; the thread starts at the first call. */
  readonly rows: (statements: readonly Sql[], limit: number) => Promise<readonly Row[]>;
  readonly close: () => Promise<void>;
};

type Waiting = { readonly resolve: (rows: readonly Row[]) => void; readonly reject: (error: unknown) => void };

/** @param file must be there */
export const createReaderThread = (file: string): ReaderThread => {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | null = null;
  let asked = 0;
  let closed = false;

  const start = (): Worker => {
    const thread = new Worker(new URL('./readerThreadWorker.ts', import.meta.url), { workerData: { file } });
    // A read that nobody waits for any more keeps no process alive.
    thread.unref();
    const ended = (cause?: unknown) => {
      if (worker !== thread) return;
      worker = null;
      const failure = new Failure('store-unavailable', 'the reading thread ended', { cause });
      for (const { reject } of waiting.values()) reject(failure);
      waiting.clear();
    };
    thread.on('message', (answer: ReadAnswer) => {
      const asker = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (waiting.size === 0) thread.unref();
      if ('rows' in answer) asker?.resolve(answer.rows);
      else
        asker?.reject(
          answer.unavailable ? new Failure('store-unavailable', answer.message) : new Error(answer.message),
        );
    });
    thread.on('error', ended);
    thread.on('exit', () => ended());
    return thread;
  };

  return {
    rows: (statements, limit) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Failure('store-unavailable', 'the store is closed'));
        worker ??= start();
        worker.ref();
        asked += 1;
        waiting.set(asked, { resolve, reject });
        worker.postMessage({ id: asked, statements, limit } satisfies ReadRequest);
      }),
    close: async () => {
      closed = true;
      await worker?.terminate();
    },
  };
};
