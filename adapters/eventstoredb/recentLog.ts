import type { EventStore, Position, StoredEvent } from '../../commands/ports/eventStore.ts';

type Page = Awaited<ReturnType<EventStore['readAll']>>;

/** The last stretch of the log, without a gap, as somebody read it. */
export type RecentLog = {
  /** From here on nothing is known. */
  readonly startAt: (position: Position | null) => void;
  /** What follows the last position known. @param weight of all of them, in characters */
  readonly add: (events: readonly StoredEvent[], position: Position, weight: number) => void;
  readonly holds: (after: Position) => boolean;
  /** What stands after a position that is held, up to where the log was seen to end; null: it is held no longer. */
  readonly page: (after: Position, end: Position, limit: number) => Page | null;
};

export type RecentLogLimits = { readonly events: number; readonly weight: number };

/** Whoever is further behind reads for themselves. */
const limits: RecentLogLimits = { events: 2_000, weight: 2 * 1024 * 1024 };

/** One half is forgotten when the other is full: neither is ever moved. */
type Half = { readonly start: Position; readonly events: StoredEvent[]; weight: number };

export const createRecentLog = (most: RecentLogLimits = limits): RecentLog => {
  let older: Half | null = null;
  let newer: Half | null = null;
  let end: Position | null = null;

  const begin = (start: Position): Half => ({ start, events: [], weight: 0 });
  const startOf = () => older?.start ?? newer?.start ?? null;

  const holds = (after: Position): boolean => {
    const start = startOf();
    return start !== null && end !== null && after >= start && after <= end;
  };

  return {
    startAt: (position) => {
      older = null;
      newer = position === null ? null : begin(position);
      end = position;
    },

    add: (events, position, weight) => {
      if (newer === null || end === null) return;
      if (newer.events.length >= most.events || newer.weight >= most.weight) {
        older = newer;
        newer = begin(end);
      }
      for (const event of events) newer.events.push(event);
      newer.weight += weight;
      end = position;
    },

    holds,

    page: (after, upTo, limit) => {
      if (!holds(after) || after > upTo || upTo > end!) return null;
      const events: StoredEvent[] = [];
      for (const half of [older, newer]) {
        if (half === null) continue;
        // Whoever asks stands near the end.
        const first = half.events.findLastIndex(({ position }) => position <= after) + 1;
        for (const event of half.events.slice(first)) {
          if (event.position > upTo) break;
          if (events.length === limit) return { events, position: events.at(-1)!.position, end: false };
          events.push(event);
        }
      }
      return { events, position: upTo, end: true };
    },
  };
};
