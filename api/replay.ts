import type { Loaded } from '../commands/command.ts';
import type { EventCodec } from '../commands/handling/eventCodec.ts';
import type { EventStore, Position, StoredEvent } from '../commands/ports/eventStore.ts';
import type { Fold } from '../domain/decider.ts';
import type { Recorded } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';

type Store = Pick<EventStore, 'readStream'>;

const pageSize = 500;

/** A stream's events, oldest first, a page in memory at a time. @param upTo the last revision */
export async function* storedEvents(
  store: Store,
  stream: string,
  upTo = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly StoredEvent[]> {
  for (let from = 0; from <= upTo; ) {
    const { events, end } = await store.readStream(stream, from, Math.min(pageSize, upTo - from + 1));
    if (events.length > 0) yield events;
    if (end) return;
    from = events.at(-1)!.revision + 1;
  }
}

/** Events of one stream that are wanted, one by one. */
export async function* eventsOf(
  store: Store,
  stream: string,
  upTo: number,
  wanted: (event: StoredEvent) => boolean = () => true,
): AsyncGenerator<StoredEvent> {
  for await (const events of storedEvents(store, stream, upTo)) yield* events.filter(wanted);
}

/** Several streams, each oldest first, as the log has them together: one event of each in memory, and its page. */
export async function* inLogOrder(sources: readonly AsyncGenerator<StoredEvent>[]): AsyncGenerator<StoredEvent> {
  const heads = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })));
  for (;;) {
    let first: (typeof heads)[number] | null = null;
    for (const head of heads) {
      if (head.next.done) continue;
      if (first === null || first.next.done || head.next.value.position < first.next.value.position) first = head;
    }
    if (first === null || first.next.done) return;
    yield first.next.value;
    first.next = await first.source.next();
  }
}

/** What a time knew of a stream: the event that was the last one then. */
export type Replay = {
  /** Revision of the last event that the time knew; -1: none. Of the present: what was the last one when it was asked. */
  readonly upTo: (stream: string) => Promise<number>;
  /** A stream folded up to there, once for all who ask. */
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
};

/**
 * The log as of a time, straight from its streams: no list, no cache, nothing that could be behind. A time knew every
 * event up to the last one that is not younger: a stream's own order counts, also where a clock was once set back.
 * @param at null: now
 */
export const replayAt = (
  { store, codec }: { readonly store: Store; readonly codec: Pick<EventCodec, 'openAll'> },
  at: Instant | null,
): Replay => {
  const ends = new Map<string, Promise<number>>();
  const folded = new Map<string, Promise<Loaded<unknown>>>();

  const lastRevision = async (stream: string): Promise<number> => {
    let last = -1;
    for await (const events of storedEvents(store, stream))
      for (const { revision, metadata } of events) if (at === null || metadata.at <= at) last = revision;
    return last;
  };

  const upTo = (stream: string): Promise<number> => {
    const known = ends.get(stream) ?? lastRevision(stream);
    ends.set(stream, known);
    return known;
  };

  const foldTo = async <S, E>(fold: Fold<S, E>, stream: string): Promise<Loaded<S>> => {
    let state = fold.initialState();
    let revision = -1;
    let position: Position | null = null;
    for await (const stored of storedEvents(store, stream, await upTo(stream))) {
      for (const event of await codec.openAll(stored)) {
        state = fold.evolve(state, event as unknown as Recorded<E>);
        ({ revision, position } = event);
      }
    }
    return { state, revision, position };
  };

  return {
    upTo,
    load: <S, E>(fold: Fold<S, E>, stream: string) => {
      const key = `${fold.name} ${stream}`;
      const known = folded.get(key) ?? foldTo(fold, stream);
      folded.set(key, known);
      return known as Promise<Loaded<S>>;
    },
  };
};
