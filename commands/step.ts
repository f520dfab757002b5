import { type Decider, type Decision, isRejection, type Rejection, reject } from '../domain/decider.ts';
import type { Recorded } from '../domain/event.ts';
import type { Loaded, Request, Step } from './command.ts';
import type { Derived } from './eventIds.ts';
import { Failure, failedWith } from './failure.ts';
import { type EventCodec, type SealedEvent, sealedUnder } from './eventCodec.ts';
import type { Folds, Lent, Read } from './folds.ts';
import type { Mark } from './mark.ts';
import { type Patience, patience, type Waiting } from './patience.ts';
import type { PersonKeys } from './personKeys.ts';
import { personOfStream } from './persons.ts';
import type { AppendResult, EventStore, EventToAppend, ExpectedRevision, Position, StoredEvent } from './ports/eventStore.ts';
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
  /** Where the last append ended, and the stream last decided on. */
  appended: Mark | null;
  decidedAt: Position | null;
  narrowed: boolean;
  /** An append was tried: it may stand in the log even where its answer got lost. */
  attempted: boolean;
  /** Events of an earlier run were found. */
  found: boolean;
};

export type StepOptions<S> = {
  readonly revisionOf?: (state: S) => number | null;
  readonly newPerson?: string;
  readonly reason?: string | null;
  readonly policyRevision?: () => number | null;
};

type StepDeps = {
  store: Pick<EventStore, 'append' | 'readStream'>;
  folds: Folds;
  codec: EventCodec;
  keys: PersonKeys;
  queue: StreamQueue;
  waiting: Waiting;
};

export type TakeStep = <S, C, E extends { type: string; data: object }>(
  running: Running,
  aggregate: Decider<S, C, E>,
  stream: string,
  decide: (state: S, loaded: Loaded<S>) => Decision<E> | Promise<Decision<E>>,
  options?: StepOptions<S>,
) => Promise<Step<S, E> | Rejection>;

/** How often a decision may say that what it took from another stream was too old, before that is a fault. */
const staleLimit = 5;
const pageSize = 500;

export const stepTaker = (deps: StepDeps): TakeStep => {
  const { store, folds, codec, keys, queue, waiting } = deps;

  return (running, aggregate, stream, decide, options = {}) =>
    queue(stream, async () => {
      const earlier = running.repeated ? await findAppended(running, stream, 0) : null;
      if (earlier) return found(running, aggregate, stream, earlier);

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
          running.decidedAt = position;
          return isRejection(decision) ? decision : stood(running, aggregate, stream, []);
        }

        const expected: ExpectedRevision = revision === -1 ? 'no-stream' : revision;
        const sealed = await sealedFor(running, stream, decision, options);
        const events = sealed.map(({ toAppend }) => toAppend);
        running.attempted = true;
        const result = await appendSurely(stream, expected, events, trying);
        if (result.appended) return appended(running, aggregate, stream, sealed, result);

        // The winner may be this very command: its own append whose answer got lost, or its other run elsewhere.
        const own = await findAppended(running, stream, revision + 1);
        if (own) return found(running, aggregate, stream, own);
        if (fresh && !(await trying.another())) throw contended(stream);
        await reload();
      }
    });

  async function decided<S, E>(
    running: Running,
    current: Lent<S>,
    decide: (state: S, loaded: Loaded<S>) => Decision<E> | Promise<Decision<E>>,
    options: StepOptions<S>,
  ): Promise<Decision<E>> {
    try {
      const { state, revision, position } = current;
      const { ifMatch } = running.request;
      const stands = ifMatch === null || ifMatch === '*' ? null : (options.revisionOf?.(state) ?? null);
      if (stands !== null && String(stands) !== ifMatch) return reject('revision-mismatch', { revision: String(stands) });
      return await decide(state, { state, revision, position });
    } finally {
      current.release();
    }
  }

  async function sealedFor<S, E extends { type: string; data: object }>(
    running: Running,
    stream: string,
    events: readonly E[],
    options: StepOptions<S>,
  ): Promise<readonly SealedEvent[]> {
    if (options.newPerson !== undefined && (await keys.ensure(options.newPerson)) === null) {
      throw new Error(`person ${options.newPerson} was erased`);
    }
    const { idempotency: _, ifMatch: __, ...envelope } = running.request;
    const named = events.map((event, n) => ({
      type: event.type,
      data: event.data as SealedEvent['toAppend']['data'],
      id: running.derived.eventId(stream, n),
    }));
    const more = { reason: options.reason ?? null, policyRevision: options.policyRevision?.() ?? null };
    return codec.seal(stream, named, { ...envelope, ...more });
  }

  /** After an error the outcome is open: the same ids at the same revision again, until the store says which. */
  async function appendSurely(
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventToAppend[],
    trying: Patience,
  ): Promise<AppendResult> {
    for (;;) {
      try {
        return await store.append(stream, expected, events);
      } catch (error) {
        if (!failedWith(error, 'store-unavailable') || !(await trying.another())) throw error;
      }
    }
  }

  async function appended<S, C, E extends { type: string; data: object }>(
    running: Running,
    aggregate: Decider<S, C, E>,
    stream: string,
    sealed: readonly SealedEvent[],
    result: AppendResult & { appended: true },
  ): Promise<Step<S, E>> {
    const first = result.revision - sealed.length + 1;
    let events: readonly Read[];
    if (sealed.length === 1) {
      events = sealed.map(({ openedAt, toAppend }) => ({
        opened: openedAt(first, result.position),
        persons: sealedUnder(toAppend),
      }));
    } else {
      // An append tells the place of its last event only.
      const page = await store.readStream(stream, first, sealed.length);
      events = await opened(page.events);
    }
    took(running, stream, events);
    folds.advance(aggregate, stream, events);
    return stood(running, aggregate, stream, events, result.revision);
  }

  async function found<S, C, E extends { type: string; data: object }>(
    running: Running,
    aggregate: Decider<S, C, E>,
    stream: string,
    stored: readonly StoredEvent[],
  ): Promise<Step<S, E>> {
    running.found = true;
    const events = await opened(stored);
    took(running, stream, events);
    return stood(running, aggregate, stream, events, Number.POSITIVE_INFINITY);
  }

  /** The stream's state with these events in it, lent until the command ends. */
  async function stood<S, C, E extends { type: string; data: object }>(
    running: Running,
    aggregate: Decider<S, C, E>,
    stream: string,
    events: readonly Read[],
    revision = -1,
  ): Promise<Step<S, E>> {
    let lent = folds.peek(aggregate, stream);
    if (!lent || lent.revision < revision) {
      lent?.release();
      lent = await folds.load(aggregate, stream);
    }
    running.lent.push(lent);
    const { state, position } = lent;
    return { state, revision: lent.revision, position, events: events.map((read) => read.opened as unknown as Recorded<E>) };
  }

  const opened = async (stored: readonly StoredEvent[]): Promise<readonly Read[]> =>
    (await codec.openAll(stored)).map((event, n) => ({ opened: event, persons: sealedUnder(stored[n]!) }));

  const took = (running: Running, stream: string, events: readonly Read[]) => {
    const owner = personOfStream(stream);
    if (owner !== null) running.persons.add(owner);
    const last = events.at(-1)!.opened;
    if (running.appended === null || last.position > running.appended.position) {
      running.appended = { position: last.position, eventId: last.eventId };
    }
    running.narrowed ||= events.some((read) => codec.narrows(read.opened.type));
    for (const { persons } of events) for (const person of persons) running.persons.add(person);
  };

  /** What this command, in any run of it, appended to the stream, if it did: one append, so one row of events. */
  const findAppended = async (
    running: Running,
    stream: string,
    from: number,
  ): Promise<readonly StoredEvent[] | null> => {
    const own: StoredEvent[] = [];
    for (let at = from; ; ) {
      const page = await store.readStream(stream, at, pageSize);
      for (const event of page.events) {
        if (event.id === running.derived.eventId(stream, own.length)) own.push(event);
        else if (own.length > 0) return own;
      }
      if (page.end) return own.length > 0 ? own : null;
      at += page.events.length;
    }
  };
};

const contended = (stream: string) =>
  new Failure('store-unavailable', `${stream} did not stand still long enough to be decided on`);
