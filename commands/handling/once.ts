import { isRejection, type Rejection } from '../../domain/decider.ts';
import type { Json } from '../../domain/json.ts';
import type { Done, Outcome, Request, Run } from '../command.ts';
import type { Cryptography } from '../environment.ts';
import type { Position } from '../ports/eventStore.ts';
import { derivedFrom } from './eventIds.ts';
import type { Folds } from './folds.ts';
import type { HighWaterMark } from './mark.ts';
import { persistently, type Waiting } from './patience.ts';
import { personOfStream } from './persons.ts';
import type { Running, TakeStep } from './step.ts';

/** One run of a command, with everything that makes it the same as any other run of it. */
export type Job<R extends Json> = {
  readonly request: Request;
  readonly commandId: string;
  /** 32 random bytes. */
  readonly seed: Uint8Array;
  /** It may have run before. */
  readonly repeated: boolean;
  readonly run: (run: Run) => Promise<Done<R> | Rejection>;
};

/** `settle` keeps what is to be kept of the outcome; the answer waits for it, beside the index. */
export type Once = <R extends Json>(
  job: Job<R>,
  running: Running,
  settle: (outcome: Outcome<R>) => Promise<void>,
) => Promise<Outcome<R>>;

export const newRunning = (crypto: Cryptography, job: Job<Json>): Running => ({
  request: job.request,
  derived: derivedFrom(crypto, job.commandId, job.request.at, job.seed),
  repeated: job.repeated,
  lent: [],
  persons: new Set(),
  appended: null,
  decidedAt: null,
  narrowed: false,
  attempted: false,
  found: false,
});

/** Runs a command to where it can be answered: appended, the mark raised, the index past it. */
export const runOnce = (deps: {
  folds: Folds;
  takeStep: TakeStep;
  mark: HighWaterMark;
  waiting: Waiting;
  afterAppend: (position: Position) => Promise<void>;
}): Once => {
  const { folds, takeStep, mark } = deps;

  const runFor = (job: Job<Json>, running: Running): Run => ({
    request: job.request,
    commandId: job.commandId,
    ...running.derived,
    load: async (fold, stream) => {
      const lent = await folds.load(fold, stream);
      running.lent.push(lent);
      const person = personOfStream(stream);
      if (person !== null && lent.revision >= 0) running.persons.add(person);
      return { state: lent.state, revision: lent.revision, position: lent.position };
    },
    step: (aggregate, stream, decide, options) => takeStep(running, aggregate, stream, decide, options),
  });

  return async (job, running, settle) => {
    const done = await runAndCopy(job, runFor(job, running), running);
    const { appended } = running;
    const outcome = isRejection(done)
      ? done
      : { ...done, position: appended?.position ?? running.decidedAt, replayed: running.found };
    // That a right ended is in the mark before anybody is told, now or by a repeat.
    if (appended && running.narrowed) await persistently(deps.waiting, () => mark.raise(appended));
    else if (appended) mark.note(appended);
    await Promise.all([appended && deps.afterAppend(appended.position), settle(outcome)]);
    return outcome;
  };
};

/** A result may hold parts of a state; once that is given back, the next event may change it. */
const runAndCopy = async <R extends Json>(job: Job<R>, run: Run, running: Running): Promise<Done<R> | Rejection> => {
  try {
    const done = await job.run(run);
    return isRejection(done) ? done : { ...done, result: structuredClone(done.result) };
  } finally {
    for (const lent of running.lent) lent.release();
  }
};
