import type { EventStore, Position } from '../../commands/ports/eventStore.ts';
import { isRevision } from '../node/storedEvents.ts';

/** What was read of the whole log, and the streams of ours that somebody else did something to. */
export type LogPage = Awaited<ReturnType<EventStore['readAll']>> & { readonly touched: readonly string[] };

type Reading = {
  readonly readStream: EventStore['readStream'];
  readonly readAll: (after: Position | null, limit: number) => Promise<LogPage>;
};

/** A read of a stream that is under way. `seen`: the greatest revision that the log showed meanwhile; null: never mind. */
type UnderWay = { seen: number | null };

/** How many streams are known at most: those asked for last. */
const mostStreams = 50_000;
const pageSize = 1_000;

/**
 * Answers "nothing new in this stream" for many streams by one read of the log: every command asks that of what it is
 * decided by, and a read of a stream costs as much as two appends. As with the read that it stands for, what it answers
 * was read after it was asked.
 */
export const createTails = ({ readStream, readAll }: Reading): Pick<EventStore, 'readStream' | 'readAll'> => {
  /** The log is known up to here; null: nobody has read to its end yet. */
  let at: Position | null = null;
  /** By stream: none of its events up to `at` has a greater revision. */
  const bounds = new Map<string, number>();
  const underWay = new Map<string, Set<UnderWay>>();
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  const neverMind = (reads: Iterable<UnderWay> = []) => {
    for (const read of reads) read.seen = null;
  };

  const startAt = (position: Position | null) => {
    at = position;
    bounds.clear();
    for (const reads of underWay.values()) neverMind(reads);
  };

  const learn = (after: Position | null, { events, position, touched, end }: LogPage) => {
    if (position === null) return;
    // Behind a gap nothing is known of what is in it; it is begun at the end of the log, where everybody gets to.
    if (at === null || (after !== null && after > at)) {
      if (end) startAt(position);
      return;
    }
    if (position <= at) return;
    for (const { stream, revision } of events) {
      const bound = bounds.get(stream);
      if (bound !== undefined && revision > bound) bounds.set(stream, revision);
      for (const read of underWay.get(stream) ?? [])
        if (read.seen !== null && revision > read.seen) read.seen = revision;
    }
    for (const stream of touched) {
      bounds.delete(stream);
      neverMind(underWay.get(stream));
    }
    at = position;
  };

  const remember = (stream: string, bound: number) => {
    // Again to the end of those that are forgotten first.
    bounds.delete(stream);
    bounds.set(stream, bound);
    for (const oldest of bounds.keys()) {
      if (bounds.size <= mostStreams) break;
      bounds.delete(oldest);
    }
  };

  const readLog: EventStore['readAll'] = async (after, limit) => {
    const page = await readAll(after, limit);
    learn(after, page);
    const { events, position, end } = page;
    return { events, position, end };
  };

  const readOn = async () => {
    const { end } = await readLog(at, pageSize);
    // Too far to go: whoever follows the log gets there.
    if (!end) startAt(null);
  };

  const begin = async (previous: Promise<void> | null) => {
    try {
      await previous;
    } finally {
      next = null;
    }
    const mine = readOn();
    running = mine;
    try {
      await mine;
    } finally {
      if (running === mine) running = null;
    }
  };

  /** Whoever asks while a read is under way shares the next one, which is sent after they asked. */
  const refresh = (): Promise<void> => {
    next ??= begin(running);
    return next;
  };

  const isKnownToEndBefore = (stream: string, from: number) => at !== null && (bounds.get(stream) ?? from) < from;

  return {
    readAll: readLog,
    readStream: async (stream, from, limit) => {
      if (isKnownToEndBefore(stream, from) && isRevision(from) && isRevision(limit) && limit > 0) {
        await refresh();
        if (isKnownToEndBefore(stream, from)) {
          remember(stream, bounds.get(stream)!);
          return { events: [], end: true };
        }
      }
      const read: UnderWay = { seen: -1 };
      const others = underWay.get(stream) ?? new Set();
      underWay.set(stream, others.add(read));
      try {
        const page = await readStream(stream, from, limit);
        if (page.end && read.seen !== null) {
          remember(stream, Math.max(from + page.events.length - 1, read.seen, bounds.get(stream) ?? -1));
        }
        return page;
      } finally {
        others.delete(read);
        if (others.size === 0) underWay.delete(stream);
      }
    },
  };
};
