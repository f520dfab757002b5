import { type Decider, type Decision, isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { Recorded } from '../../domain/event.ts';
import type { Loaded, Request, Step } from '../command.ts';
import { Failure } from '../failure.ts';
import type { EventStore, Position } from '../ports/eventStore.ts';
import type { PersonKeys } from '../sealing/personKeys.ts';
import { agentWithin } from './appendSize.ts';
import { createAppends } from './appends.ts';
import type { EventCodec, SealedEvent } from './eventCodec.ts';
import type { Derived } from './eventIds.ts';
import type { Folds, Lent, Read } from './folds.ts';
import type { Mark } from './mark.ts';
import { patience, type Waiting } from './patience.ts';
import { personOfStream } from './persons.ts';
import type { StreamQueue } from './streamQueue.ts';

/** One run of a command, as its steps share it. */
export type Running = {
  readonly request: Request;
  readonly derived: Derived;
  /** It may have run before, here or elsewhere: its events are looked for before anything is decided. */
  readonly repeated: boolean;
  /** Given back when the command ends: until then no state changes under its feet. */
  readonly lent: Lent<unknown>[];
  /** Everybody whom its answer may speak of. */
  readonly persons: Set<string>;
  /** The last event appended in any run of it. */
  appended: Mark | null;
  /** Where the stream ended that was last decided on and left as it was. */
  decidedAt: Position | null;
  narrowed: boolean;
  /** An append was tried: it may stand in the log even where its answer got lost. */
  attempted: boolean;
  /** Events of an earlier run were found. */
  found: boolean;
};

export type TakeStep = ReturnType<typeof stepTaker>;

type Decide<S, E> = (state: S, loaded: Loaded<S>) => Decision<E> | Promise<Decision<E>>;
type Options<S> = {
  readonly revisionOf?: (state: S) => number | null;
  readonly newPerson?: string;
  readonly reason?: string | null;
  readonly policyRevision?: () => number | null;
  readonly firstEventId?: string;
  readonly eventsFrom?: number;
};

const idOf = <S>({ derived }: Running, stream: string, n: number, options: Options<S>): string => {
  const { firstEventId, eventsFrom = 0 } = options;
  return n === 0 && firstEventId !== undefined ? firstEventId : derived.eventId(stream, eventsFrom + n);
};

/** How often a decision may say that what it took from another stream was too old, before that is a fault. */
const staleLimit = 5;

export const stepTaker = (deps: {
  store: Pick<EventStore, 'append' | 'readStream'>;
  folds: Folds;
  codec: EventCodec;
  keys: PersonKeys;
  queue: StreamQueue;
  waiting: Waiting;
}) => {
  const { folds, codec, keys, queue, waiting } = deps;
  const appends = createAppends(deps);

  /** The state is given back as soon as it is decided on: what `decide` wants to keep of it, it copies. */
  const decided = async <S, E>(
    { request }: Running,
    current: Lent<S>,
    decide: Decide<S, E>,
    options: Options<S>,
  ): Promise<Decision<E>> => {
    try {
      const { state, revision, position } = current;
      const stands = request.ifMatch === null ? null : (options.revisionOf?.(state) ?? null);
      if (stands !== null && request.ifMatch !== '*' && request.ifMatch !== String(stands)) {
        return reject('revision-mismatch', { revision: String(stands) });
      }
      return await decide(state, { state, revision, position });
    } finally {
      current.release();
    }
  };

  const sealedFor = async <S, E extends { type: string; data: object }>(
    running: Running,
    stream: string,
    events: readonly E[],
    options: Options<S>,
  ): Promise<readonly SealedEvent[]> => {
    if (options.newPerson !== undefined && (await keys.ensure(options.newPerson)) === null) {
      throw new Error(`person ${options.newPerson} was erased`);
    }
    const { request } = running;
    const named = events.map(({ type, data }, n) => ({
      type,
      data: data as SealedEvent['toAppend']['data'],
      id: idOf(running, stream, n, options),
    }));
    return codec.seal(stream, named, {
      at: request.at,
      correlationId: request.correlationId,
      causationId: request.causationId,
      actor: request.actor,
      ip: request.ip,
      userAgent: agentWithin(request.userAgent, events.length),
      requestId: request.requestId,
      policyRevision: options.policyRevision?.() ?? null,
      reason: options.reason ?? null,
    });
  };

  /** The stream's state with these events in it, lent until the command ends. */
  const stood = async <S, C, E>(
    running: Running,
    aggregate: Decider<S, C, E>,
    stream: string,
    events: readonly Read[],
    revision: number,
  ): Promise<Step<S, E>> => {
    const cached = folds.peek(aggregate, stream);
    const enough = cached !== null && cached.revision >= revision;
    if (!enough) cached?.release();
    const lent = enough ? cached : await folds.load(aggregate, stream);
    running.lent.push(lent);
    return {
      state: lent.state,
      revision: lent.revision,
      position: lent.position,
      events: events.map(({ opened }) => opened as unknown as Recorded<E>),
    };
  };

  /** What the whole run remembers of events that are its own. */
  const took = (running: Running, stream: string, events: readonly Read[]) => {
    const last = events.at(-1)!.opened;
    if (running.appended === null || last.position > running.appended.position) {
      running.appended = { position: last.position, eventId: last.eventId };
    }
    running.narrowed ||= events.some(({ opened }) => codec.narrows(opened.type));
    const owner = personOfStream(stream);
    if (owner !== null) running.persons.add(owner);
    for (const { persons } of events) for (const person of persons) running.persons.add(person);
  };

  /** What this command did to the stream before: in an earlier run, in its other run elsewhere, or by an append whose answer got lost. */
  const foundAgain = async <S, C, E>(
    running: Running,
    aggregate: Decider<S, C, E>,
    stream: string,
    from: number,
    options: Options<S>,
  ): Promise<Step<S, E> | null> => {
    const events = await appends.find(stream, from, (n) => idOf(running, stream, n, options));
    if (!events) return null;
    running.found = true;
    took(running, stream, events);
    return stood(running, aggregate, stream, events, events.at(-1)!.opened.revision);
  };

  const decideAndAppend = async <S, C, E extends { type: string; data: object }>(
    running: Running,
    aggregate: Decider<S, C, E>,
    stream: string,
    decide: Decide<S, E>,
    options: Options<S>,
  ): Promise<Step<S, E> | Rejection> => {
    const trying = patience(waiting);
    let stale = 0;
    // The cached state will do for a first decision: an append on an old one conflicts, and nothing else is final.
    const cached = folds.peek(aggregate, stream);
    let fresh = cached === null;
    let current = cached ?? (await folds.load(aggregate, stream));
    const reload = async () => {
      current = await folds.load(aggregate, stream);
      fresh = true;
    };

    for (;;) {
      const { revision, position } = current;
      const decision = await decided(running, current, decide, options);

      if (isRejection(decision) && decision.rejected === 'stale-owner-epoch') {
        stale += 1;
        if (stale > staleLimit) throw new Failure('store-unavailable', `${stream} is ahead of what it is decided by`);
        if (stale > 1 && !(await trying.another())) throw contended(stream);
        await reload();
        continue;
      }
      if (isRejection(decision) || decision.length === 0) {
        if (!fresh) {
          await reload();
          if (current.revision !== revision) continue;
          current.release();
        }
        // Where somebody else may take this very step, what it met may be the step itself.
        const shared = running.repeated || options.firstEventId !== undefined;
        const own = shared ? await foundAgain(running, aggregate, stream, 0, options) : null;
        if (own) return own;
        running.decidedAt = position;
        return isRejection(decision) ? decision : stood(running, aggregate, stream, [], revision);
      }

      const sealed = await sealedFor(running, stream, decision, options);
      const expected = revision === -1 ? 'no-stream' : revision;
      running.attempted = true;
      const toAppend = sealed.map((event) => event.toAppend);
      const result = await appends.append(stream, expected, toAppend, trying);
      if (result.appended) {
        const events = await appends.appended(stream, sealed, result);
        took(running, stream, events);
        folds.advance(aggregate, stream, events);
        return stood(running, aggregate, stream, events, result.revision);
      }
      const own = await foundAgain(running, aggregate, stream, revision + 1, options);
      if (own) return own;
      if (fresh && !(await trying.another())) throw contended(stream);
      await reload();
    }
  };

  return <S, C, E extends { type: string; data: object }>(
    running: Running,
    aggregate: Decider<S, C, E>,
    stream: string,
    decide: Decide<S, E>,
    options: Options<S> = {},
  ): Promise<Step<S, E> | Rejection> =>
    queue(stream, async () => {
      const earlier = running.repeated ? await foundAgain(running, aggregate, stream, 0, options) : null;
      return earlier ?? decideAndAppend(running, aggregate, stream, decide, options);
    });
};

const contended = (stream: string) =>
  new Failure('store-unavailable', `${stream} did not stand still long enough to be decided on`);
