import type { EventStore, Position } from '../../commands/ports/eventStore.ts';
import { isRevision } from '../node/storedEvents.ts';
import { createRecentLog, type RecentLogLimits } from './recentLog.ts';

/** What was read of the whole log, and the streams of ours that somebody else did something to. `weight`: characters of all data, roughly. */
export type LogPage = Awaited<ReturnType<EventStore['readAll']>> & {
  readonly touched: readonly string[];
  readonly weight: number;
};

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
 * One read of the log at a time answers all who follow it, and "nothing new in this stream" for many streams: every
 * command asks that of what it is decided by, and a read of a stream costs as much as two appends. As with the reads that
 * it stands for, what it answers was read after it was asked.
 */
export const createTails = (
  { readStream, readAll }: Reading,
  limits?: RecentLogLimits,
): Pick<EventStore, 'readStream' | 'readAll'> => {
  /** The log is known up to here; null: nobody has read to its end yet. */
  let at: Position | null = null;
  /** By stream: none of its events up to `at` has a greater revision. */
  const bounds = new Map<string, number>();
  /** What stands before `at`. */
  const recent = createRecentLog(limits);
  const underWay = new Map<string, Set<UnderWay>>();
  let running: Promise<Position | null> | null = null;
  let next: Promise<Position | null> | null = null;

  const neverMind = (reads: Iterable<UnderWay> = []) => {
    for (const read of reads) read.seen = null;
  };

  const startAt = (position: Position | null) => {
    at = position;
    recent.startAt(position);
    bounds.clear();
    for (const reads of underWay.values()) neverMind(reads);
  };

  const learn = (after: Position | null, page: LogPage) => {
    const { events, position, touched, end, weight } = page;
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
    recent.add(after === at ? events : events.filter((event) => event.position > at!), position, weight);
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
    const { position, end } = await readLog(at, pageSize);
    if (end) return position;
    // Too far to go: whoever follows the log gets there.
    startAt(null);
    return null;
  };

  const begin = async (previous: Promise<Position | null> | null) => {
    try {
      await previous;
    } finally {
      next = null;
    }
    const mine = readOn();
    running = mine;
    try {
      return await mine;
    } finally {
      if (running === mine) running = null;
    }
  };

  /**
   * Whoever asks while a read is under way shares the next one, which is sent after they asked.
   * @returns where it found the end; null: nowhere near
   */
  const refresh = (): Promise<Position | null> => {
    next ??= begin(running);
    return next;
  };

  const isKnownToEndBefore = (stream: string, from: number) => at !== null && (bounds.get(stream) ?? from) < from;

  return {
    readAll: async (after, limit) => {
      if (after !== null && recent.holds(after) && isRevision(limit) && limit > 0) {
        const end = await refresh();
        const page = end === null ? null : recent.page(after, end, limit);
        if (page !== null) return page;
      }
      return readLog(after, limit);
    },
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
