import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { KeyId } from '../../domain/ids.ts';
import { instant, millis } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import type { Command, Done, Execute, Outcome, Request, Run } from '../command.ts';
import type { Clock, Cryptography, Randomness, Scheduler } from '../environment.ts';
import type { EventStore, Position } from '../ports/eventStore.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { fromBase64, toBase64 } from '../sealing/encoding.ts';
import type { PersonKeys } from '../sealing/personKeys.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';
import type { EventCodec } from './eventCodec.ts';
import { uuid7 } from './eventIds.ts';
import type { Folds } from './folds.ts';
import { type Answer, createIntents, type Held, type Intent, type Intents } from './intents.ts';
import { highWaterMark } from './mark.ts';
import { newRunning, runOnce } from './once.ts';
import { persistently, type Waiting } from './patience.ts';
import { personOfActor } from './persons.ts';
import { createRepeats } from './repeats.ts';
import { createShownOnce } from './shownOnce.ts';
import { stepTaker } from './step.ts';
import { streamQueue } from './streamQueue.ts';

export type HandlerDeps = {
  readonly store: EventStore;
  readonly vault: Vault;
  readonly folds: Folds;
  readonly codec: EventCodec;
  readonly keys: PersonKeys;
  readonly boxes: Boxes;
  readonly purposeKeys: PurposeKeys;
  readonly crypto: Cryptography;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly scheduler: Scheduler;
  /** Of this run of this process: never the same twice. */
  readonly processId: string;
  /** Awaited before a command is answered: this process's index has read past its append, or could not in time. */
  readonly afterAppend: (position: Position) => Promise<void>;
  /** Whether a key is known to have ended: its text is then not repeated, even before the copy of it is destroyed. */
  readonly keyEnded?: (keyId: KeyId) => boolean;
  /** What went wrong without keeping a command from being answered. */
  readonly report: (error: unknown, doing: string) => void;
};

/** Commands by their name, for what a crash left unfinished. */
export type Registry = { readonly [name: string]: Command<never, Json> };

export type Handler = {
  readonly execute: Execute;
  /**
   * Runs again what has no answer yet and does not run in this process: commands on several streams whose process died,
   * or that failed half way. Safe to run twice, also while the first run still goes on elsewhere.
   * @param olderThanMs how old they must be: 0 where there is no other process
   */
  readonly finishIntents: (
    registry: Registry,
    olderThanMs: number,
    signal?: AbortSignal,
  ) => Promise<{ readonly finished: number; readonly failed: number }>;
  readonly destroySecrets: Intents['destroySecrets'];
  /** To be awaited at shutdown, and now and then: the mark is in the vault, every snapshot begun is written. */
  readonly flush: () => Promise<void>;
};

/** Kept by a write whose own answer got lost, or by another run that did the same. */
const isAnswerOf = (kept: Answer, outcome: Outcome<Json>): boolean =>
  !isRejection(outcome) &&
  kept.position === outcome.position &&
  JSON.stringify(kept.result) === JSON.stringify(outcome.result);

/** How much time a run elsewhere gets to come to its end before its command is looked at again. */
const elsewhereMs = 50;

export const createHandler = (deps: HandlerDeps): Handler => {
  const { clock, randomness, scheduler, crypto, report } = deps;
  const waiting: Waiting = deps;
  const intents = createIntents(deps);
  const shownOnce = createShownOnce(deps);
  const mark = highWaterMark(deps);
  const takeStep = stepTaker({ ...deps, queue: streamQueue(), waiting });
  const once = runOnce({ ...deps, takeStep, mark, waiting });
  const repeats = createRepeats(waiting);

  const newCommandId = () => uuid7(instant(clock.now()), randomness.bytes(10));

  const newIntent = <I, R extends Json>(command: Command<I, R>, body: string, input: I, request: Request): Intent => ({
    command: command.name,
    body,
    commandId: newCommandId(),
    at: request.at,
    seed: toBase64(randomness.bytes(32)),
    process: deps.processId,
    unfinished: command.several ? { input: input as Json, request: { ...request, idempotency: null } } : null,
  });

  const withIntent = async <R extends Json>(
    held: Held,
    request: Request,
    repeated: boolean,
    run: (run: Run) => Promise<Done<R> | Rejection>,
  ): Promise<Outcome<R>> => {
    const { command, body, commandId, at, seed } = held.intent;
    const job = { request: { ...request, at }, commandId, seed: fromBase64(seed), repeated, run };
    const running = newRunning(crypto, job);
    let kept = true;
    // Its key may have ended since an earlier run made it.
    const ended = ({ secret }: Done<R>) =>
      running.found && secret !== undefined && deps.keyEnded?.(secret.keyId) === true;
    const settle = async (outcome: Outcome<R>) => {
      if (isRejection(outcome)) {
        // It is not kept, and not told before it is certain that nobody finishes the command after all.
        kept = await persistently(waiting, () => intents.forget(held));
        return;
      }
      const { result, position, shown } = outcome;
      const secret = outcome.secret ? { ...outcome.secret, text: ended(outcome) ? null : outcome.secret.text } : null;
      const actor = personOfActor(request.actor);
      const persons = actor === null ? [...running.persons] : [...running.persons, actor];
      const answer = { command, body, position, result, secret, ...(shown && { shown: true as const }) };
      const keep = async () => {
        if (shown !== undefined && body !== '') await shownOnce.keep(held.id, shown, persons);
        return intents.answer(held, answer, persons);
      };
      kept = await persistently(waiting, keep).catch((error: unknown) => {
        // What is done is done: a repeat finds it by the events' ids. Where nothing was left to do there are none to find.
        if (running.appended === null) throw error;
        report(error, `keeping the answer of ${command}`);
        return true;
      });
    };
    try {
      const outcome = await once(job, running, settle);
      if (!isRejection(outcome) && ended(outcome)) return reject('already-ended');
      return kept ? outcome : afterAnother(held, request, run, outcome, repeated);
    } catch (error) {
      // Nothing can have reached the log: the caller is told to try again, so no worker does it behind their back.
      if (!repeated && !running.attempted) {
        await intents.forget(held).catch((cause: unknown) => report(cause, `forgetting an intent of ${command}`));
      }
      throw error;
    }
  };

  /**
   * Another process ran the same command meanwhile: what refused it here, or left nothing to do, may have been that
   * run's own event. What came of that run counts; as long as it goes on, its events are looked for again.
   */
  const afterAnother = async <R extends Json>(
    held: Held,
    request: Request,
    run: (run: Run) => Promise<Done<R> | Rejection>,
    outcome: Outcome<R>,
    repeated: boolean,
  ): Promise<Outcome<R>> => {
    const found = await intents.look(held.id);
    if (found?.state === 'answered')
      return isAnswerOf(found.answer, outcome) ? outcome : repeatedAnswer<R>(held.id, found.answer);
    // Refused and forgotten, if by a write whose answer got lost: were it run again now, nothing would hold off a repeat.
    const forgotten = found === null && (repeated || (isRejection(outcome) && held.intent.body !== ''));
    if (forgotten) return outcome;
    await scheduler.sleep(elsewhereMs);
    const mine = found?.state === 'begun' ? await intents.takeOver(found, deps.processId) : held;
    return withIntent(mine ?? held, request, true, run);
  };

  const takenOver = <I, R extends Json>(command: Command<I, R>, held: Held, input: I, request: Request) => {
    const first = held.intent.unfinished;
    const given = first ? (first.input as I) : input;
    return withIntent(held, first?.request ?? request, true, (run) => command.run(given, run));
  };

  const repeatedAnswer = async <R extends Json>(id: string, answer: Answer): Promise<Outcome<R>> => {
    const { result, position, secret } = answer;
    const kept = { result: result as R, position, replayed: true };
    if (answer.shown) {
      const shown = await shownOnce.read(id);
      return shown === null ? reject('not-recoverable') : { ...kept, shown };
    }
    if (!secret) return kept;
    const { keyId, text } = secret;
    const ended = deps.keyEnded?.(keyId) ?? text === null;
    if (ended) return reject('already-ended');
    // Destroyed although the key lives on: the policy turned to showing every text once.
    return text === null ? reject('not-recoverable') : { ...kept, secret: { keyId, text } };
  };

  /** Begins it, takes it over from a run that is gone or elsewhere, or answers what was answered. */
  const beginOrRepeat = async <I, R extends Json>(
    command: Command<I, R>,
    input: I,
    request: Request,
    key: { readonly id: string; readonly body: string },
  ): Promise<Outcome<R>> => {
    const intent = newIntent(command, key.body, input, request);
    for (;;) {
      const started = await persistently(waiting, () => intents.begin(key.id, intent));
      if ('begun' in started) return withIntent(started.begun, request, false, (run) => command.run(input, run));
      const { found } = started;
      if (found.state === 'unreadable') return reject('not-found');
      const { body } = found.state === 'answered' ? found.answer : found.intent;
      if (body !== key.body) return reject('idempotency-key-reused');
      if (found.state === 'answered') return repeatedAnswer<R>(key.id, found.answer);
      const held = await intents.takeOver(found, deps.processId);
      if (held) return takenOver(command, held, input, request);
    }
  };

  const execute: Execute = async (command, input, request) => {
    const key = intents.keyOf(request);
    if (key) return repeats.inTurn(key.id, key.body, () => beginOrRepeat(command, input, request, key));

    const run = (run: Run) => command.run(input, run);
    if (!command.several) {
      const job = { request, commandId: newCommandId(), seed: randomness.bytes(32), repeated: false, run };
      return once(job, newRunning(crypto, job), async () => {});
    }
    const intent = newIntent(command, '', input, request);
    return repeats.inTurn(intent.commandId, '', async () => {
      const started = await persistently(waiting, () => intents.begin(intent.commandId, intent));
      if (!('begun' in started)) throw new Error('two commands have one id');
      return withIntent(started.begun, request, false, run);
    });
  };

  /** @returns false where another was faster */
  const finish = async (held: Held, registry: Registry): Promise<boolean> => {
    const { command: name, body, unfinished } = held.intent;
    const command = registry[name];
    if (!command || !unfinished) throw new Error(`no command is named ${name}`);
    const mine = await intents.takeOver(held, deps.processId);
    if (!mine) return false;
    await repeats.inTurn(held.id, body, () => takenOver(command, mine, unfinished.input as never, unfinished.request));
    return true;
  };

  return {
    execute,

    finishIntents: async (registry, olderThanMs, signal) => {
      let finished = 0;
      let failed = 0;
      for await (const held of intents.unfinished()) {
        if (signal?.aborted) break;
        if (repeats.runs(held.id) || clock.now() - millis(held.intent.at) < olderThanMs) continue;
        try {
          if (await finish(held, registry)) finished += 1;
        } catch (error) {
          failed += 1;
          report(error, `finishing ${held.intent.command}`);
        }
      }
      return { finished, failed };
    },

    destroySecrets: intents.destroySecrets,

    flush: async () => {
      await mark.flush();
      await deps.folds.settled();
    },
  };
};
