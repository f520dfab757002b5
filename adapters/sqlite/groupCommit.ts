import { closeSync, openSync } from 'node:fs';
import { type Transferable, Worker } from 'node:worker_threads';
import { Failure } from '../../commands/failure.ts';
import { turns } from '../node/turns.ts';
import { DataRefused } from './errors.ts';
import type { Answer, Outcome, ThrownAway, WorkerData } from './groupCommitProtocol.ts';

export type WriterOptions = {
  readonly file: string;
  /** The store's worker module (a `StoreModule`), as `new URL('./x.ts', import.meta.url)`. */
  readonly module: URL;
  /** `FULL`: what was answered survives the loss of power. `NORMAL`: only that of the process. */
  readonly synchronous?: 'FULL' | 'NORMAL';
};

export type Writer<Message, Result> = {
  /**
   * Resolves after the COMMIT that holds the command; commands take effect in the order of these calls. Rejects with a
   * `Failure` of code `store-unavailable` where disk, file or thread failed (whether it was written is open if the thread
   * died), else with what the handler threw. The message is copied to the thread: strings and numbers are cheapest.
   */
  readonly run: (message: Message, transfer?: readonly Transferable[]) => Promise<Result>;
  /** Finishes what was accepted. */
  readonly close: () => Promise<void>;
};

/** Commands with the thread at once, and so in one transaction at most: an fsync is shared well before. The rest wait here. */
const maxPosted = 512;

type Job = {
  readonly message: unknown;
  readonly transfer: readonly Transferable[];
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * The one writer of a SQLite file, in a thread of its own, so that no fsync stalls this one. All commands that wait share
 * one transaction, each in its own savepoint. The file is made, 0600, where it is missing. A thread that died is
 * replaced at the next command.
 * @throws DataRefused for a file that is foreign, newer or damaged; Failure `store-unavailable` where it cannot be opened
 */
export const openWriter = async <Message, Result>(options: WriterOptions): Promise<Writer<Message, Result>> => {
  let waiting: Job[] = [];
  let posted: Job[] = [];
  let worker: Worker | null = null;
  let starting: Promise<void> | null = null;
  let flushing = false;
  let closing: Promise<void> | null = null;
  let idle: (() => void) | null = null;

  const fail = (jobs: readonly Job[], error: unknown) => {
    for (const job of jobs) job.reject(error);
  };

  const failAll = (error: unknown) => {
    const jobs = [...posted, ...waiting];
    posted = [];
    waiting = [];
    fail(jobs, error);
    idle?.();
  };

  const flush = () => {
    flushing = false;
    if (worker === null) return;
    const jobs = waiting.splice(0, maxPosted - posted.length);
    if (jobs.length === 0) return;
    posted.push(...jobs);
    try {
      worker.postMessage(
        jobs.map((job) => job.message),
        jobs.flatMap((job) => job.transfer),
      );
    } catch (error) {
      posted.splice(posted.length - jobs.length);
      fail(jobs, error);
    }
  };

  const settle = (outcomes: readonly Outcome[]) => {
    const jobs = posted.splice(0, outcomes.length);
    if (waiting.length > 0) flush();
    // One transaction is the answer to many callers: all at once they would hold the thread for long.
    outcomes.forEach((outcome, index) => {
      const job = jobs[index]!;
      turns.take(() => {
        if ('result' in outcome) job.resolve(outcome.result as never);
        else job.reject(revive(outcome));
      });
    });
    if (posted.length === 0 && waiting.length === 0) idle?.();
  };

  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const thread = startThread(options);
      let ready = false;
      const ended = (error: unknown) => {
        if (worker === thread) worker = null;
        reject(error);
        if (ready) failAll(error);
      };
      thread.on('message', (answer: Answer) => {
        if ('outcomes' in answer) return settle(answer.outcomes);
        if ('refused' in answer) return ended(revive(answer.refused));
        ready = true;
        worker = thread;
        resolve();
      });
      thread.on('error', (error) => ended(gone(error)));
      thread.on('exit', () => ended(gone()));
    });

  const ensureStarted = () => {
    starting ??= start()
      .then(flush, (error: unknown) => failAll(error instanceof Failure ? error : gone(error)))
      .finally(() => (starting = null));
  };

  const run = (message: Message, transfer: readonly Transferable[] = []): Promise<Result> =>
    new Promise((resolve, reject) => {
      if (closing !== null) return reject(new Failure('store-unavailable', 'the store is closed'));
      waiting.push({ message, transfer, resolve, reject });
      if (worker === null) return ensureStarted();
      if (flushing) return;
      // While others ask something of this thread, one transaction at a time is enough: the next is handed over whole.
      if (posted.length > 0 && turns.isHurried()) return;
      flushing = true;
      // What else comes now goes with it: handing over one is expensive, and many cost hardly more.
      if (turns.isHurried()) setImmediate(flush);
      else queueMicrotask(flush);
    });

  const finish = async () => {
    if (posted.length > 0 || waiting.length > 0) await new Promise<void>((resolve) => (idle = resolve));
    await starting;
    const thread = worker;
    worker = null;
    if (thread === null) return;
    const exited = new Promise((resolve) => thread.once('exit', resolve));
    thread.postMessage('close');
    await exited;
  };

  await start();
  return { run, close: () => (closing ??= finish()) };
};

const startThread = ({ file, module, synchronous = 'FULL' }: WriterOptions): Worker => {
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    throw new Failure('store-unavailable', `${file} cannot be opened: ${(error as Error).message}`, { cause: error });
  }
  const workerData: WorkerData = { file, module: module.href, synchronous };
  return new Worker(new URL('./groupCommitWorker.ts', import.meta.url), { workerData });
};

const gone = (cause?: unknown) => new Failure('store-unavailable', 'the writing thread ended', { cause });

const revive = ({ error, kind, refusal }: ThrownAway): unknown => {
  const message = error instanceof Error ? error.message : String(error);
  if (kind === 'unavailable') return new Failure('store-unavailable', `SQLite: ${message}`, { cause: error });
  if (refusal !== undefined) return new DataRefused(refusal, message, { cause: error });
  return error;
};
