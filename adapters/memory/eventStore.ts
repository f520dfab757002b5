import { setImmediate } from 'node:timers/promises';
import { Failure } from '../../commands/failure.ts';
import type { AppendResult, EventStore, StoredEvent } from '../../commands/ports/eventStore.ts';
import { positionOf, sequenceAfter, sequenceOf } from '../node/sequencePositions.ts';
import { decode, type EncodedEvent, encodeAppend, isRevision } from '../node/storedEvents.ts';
import { createWaiters } from '../node/waiters.ts';

const maxEventsPerRead = 1_000;

/**
 * A log that lasts as long as the process. It keeps events as text, so nobody can change one through a reference.
 * @param pause awaited before a call takes effect and again before it answers, as a store elsewhere would take time
 */
export const createMemoryEventStore = (pause: () => Promise<unknown> = setImmediate): EventStore => {
  const log: Kept[] = [];
  const streams = new Map<string, Kept[]>();
  const waiters = createWaiters();
  const open = new Set<Promise<unknown>>();
  let closed = false;

  const call = async <Result>(effect: () => Result): Promise<Result> => {
    if (closed) throw new Failure('store-unavailable', 'the store is closed');
    const running = pause().then(async () => {
      const result = effect();
      await pause();
      return result;
    });
    const settled = running.catch(() => {}).finally(() => open.delete(settled));
    open.add(settled);
    return running;
  };

  const appendNow = (stream: string, expected: number, encoded: readonly EncodedEvent[]): AppendResult => {
    const before = streams.get(stream) ?? [];
    const actual = before.length - 1;
    const same = encoded.every((event, index) => before[expected + 1 + index]?.event.id === event.id);
    if (actual !== expected && !same) return { appended: false, actual: actual < 0 ? 'no-stream' : actual };
    if (actual === expected) {
      for (const event of encoded) {
        const kept = { event, stream, revision: before.length, sequence: log.length + 1 };
        before.push(kept);
        log.push(kept);
      }
      streams.set(stream, before);
      waiters.wake();
    }
    const last = before[expected + encoded.length]!;
    return { appended: true, revision: last.revision, position: positionOf(last.sequence) };
  };

  return {
    append: async (stream, expected, events) => {
      const encoded = encodeAppend(stream, expected, events);
      return call(() => appendNow(stream, expected === 'no-stream' ? -1 : expected, encoded));
    },

    readStream: (stream, from, limit) =>
      call(() => {
        if (!isRevision(from)) throw new TypeError('a stream is read from revision 0 or later');
        return page(streams.get(stream) ?? [], from, limit);
      }),

    readAll: (after, limit) =>
      call(() => {
        const { events, end } = page(log, sequenceAfter(after), limit);
        return { events, position: events.at(-1)?.position ?? after, end };
      }),

    readAt: (position) =>
      call(() => {
        const kept = log[(sequenceOf(position) ?? 0) - 1];
        return kept === undefined ? null : toStored(kept);
      }),

    changed: async (after, signal) => {
      if (await call(() => log.length > sequenceAfter(after))) return;
      if (log.length > sequenceAfter(after) || closed) return;
      await waiters.wait(signal);
    },

    close: async () => {
      closed = true;
      await Promise.all(open);
      waiters.wake();
    },
  };
};

type Kept = {
  readonly event: EncodedEvent;
  readonly stream: string;
  readonly revision: number;
  readonly sequence: number;
};

const toStored = ({ event, stream, revision, sequence }: Kept): StoredEvent =>
  decode(event, { stream, revision, position: positionOf(sequence) });

const page = (kept: readonly Kept[], from: number, limit: number) => {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new TypeError('a read asks for at least one event');
  const asked = Math.min(limit, maxEventsPerRead);
  return { events: kept.slice(from, from + asked).map(toStored), end: from + asked >= kept.length };
};
