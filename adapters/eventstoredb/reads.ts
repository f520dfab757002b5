import {
  BACKWARDS,
  END,
  type EventStoreDBClient,
  FORWARDS,
  type ReadPosition,
  type RecordedEvent,
  START,
} from '@eventstore/db-client';
import type { EventStore, Position, StoredEvent } from '../../commands/ports/eventStore.ts';
import { isRevision } from '../node/storedEvents.ts';
import { abandoning } from './abandon.ts';
import type { Connection } from './connection.ts';
import { asFailure, isNotFound, isPassing, isUnknown, unavailable } from './errors.ts';
import { toStored } from './events.ts';
import type { StreamNames } from './names.ts';
import { isLogPosition, logPositionOf, positionOf } from './positions.ts';
import type { LogPage } from './tails.ts';
import { over, type Patience, pauseAfter, type Time } from './timing.ts';
import { weightOf } from './weight.ts';

export type Reads = Pick<EventStore, 'readStream' | 'readAt'> & {
  readonly readAll: (after: Position | null, limit: number) => Promise<LogPage>;
};

const maxEventsPerRead = 1_000;
/** Characters of data, roughly, after which a page is cut short. */
const maxReadWeight = 4 * 1024 * 1024;

/** From the leader, as every read of a store that proves something. */
const fromLeader = { requiresLeader: true, direction: FORWARDS } as const;

type Reading = ReturnType<EventStoreDBClient['readAll']> | ReturnType<EventStoreDBClient['readStream']>;
type Open = (client: EventStoreDBClient) => Reading;

export const eventReads = (connection: Connection, names: StreamNames, time: Time, patience: Patience): Reads => {
  /**
   * One try: gives every event to `take` until it says no.
   * @returns whether the server had no more
   */
  const readOnce = async (open: Open, take: (event: RecordedEvent) => boolean): Promise<boolean> => {
    const client = connection.client();
    const reading = open(client);
    const abandon = abandoning(reading);
    const done = new AbortController();
    // Neither a deadline nor a cancelled call ends it with an error: that would look like the end of the log.
    let heard = time.monotonic();
    const listen = async () => {
      while (!done.signal.aborted) {
        const left = heard + patience.call - time.monotonic();
        if (left > 0) {
          await time.sleep(left, done.signal);
        } else {
          connection.silent(client);
          reading.destroy(unavailable(`no answer for ${patience.call} ms`));
          return;
        }
      }
    };
    const listening = listen();
    let all = false;
    try {
      for await (const { event, link } of reading) {
        heard = time.monotonic();
        const recorded = event ?? link;
        if (recorded !== undefined && !take(recorded)) return false;
      }
      all = true;
      return true;
    } catch (error) {
      connection.failed(client, error);
      throw error;
    } finally {
      done.abort(over);
      await listening;
      if (!all) abandon();
    }
  };

  /** Tries while it may help. `begin` gives what starts anew with every try. */
  const readPatiently = async <Result>(begin: () => Promise<Result>): Promise<Result> => {
    const until = time.monotonic() + patience.read;
    for (let failures = 1; ; failures += 1) {
      try {
        return await begin();
      } catch (error) {
        if (!isPassing(error) || isUnknown(error) || time.monotonic() + pauseAfter(failures) > until) throw error;
        await time.sleep(pauseAfter(failures));
      }
    }
  };

  /** @throws Failure for a stream of ours that somebody deleted or cut: to take it for new would be wrong */
  const requireUntouched = async (name: string): Promise<void> => {
    let cut = false;
    const last = { fromRevision: END, direction: BACKWARDS, maxCount: 1, requiresLeader: true } as const;
    try {
      await readPatiently(() =>
        readOnce(
          (client) => client.readStream(`$$${name}`, last),
          ({ data }) => {
            cut = typeof data === 'object' && data !== null && '$tb' in data;
            return true;
          },
        ),
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (cut) throw unavailable('a stream of ours was deleted or cut by somebody else');
  };

  const streamPage = async (stream: string, from: number, asked: number) => {
    const name = names.nameOf(stream);
    const events: StoredEvent[] = [];
    let weight = 0;
    let strange: string | null = null;
    const take = (event: RecordedEvent): boolean => {
      if (events.length === asked || weight >= maxReadWeight) return false;
      const stored = toStored(names, event);
      if (stored === null) strange = 'a stream of ours holds an event that is not ours';
      else if (stored.revision !== from + events.length) strange = 'events are missing from a stream of ours';
      if (stored === null || strange !== null) return false;
      events.push(stored);
      weight += weightOf(stored.data);
      return true;
    };
    const options = { ...fromLeader, fromRevision: BigInt(from), maxCount: asked + 1 };
    const end = await readOnce((client) => client.readStream(name, options), take);
    if (strange !== null) throw unavailable(strange);
    return { events, end };
  };

  const allPage = async (after: Position | null, fromPosition: ReadPosition, asked: number) => {
    const events: StoredEvent[] = [];
    const touched: string[] = [];
    let weight = 0;
    let position = after;
    const take = (event: RecordedEvent): boolean => {
      if (!isLogPosition(event.position)) throw unavailable('an event has no position');
      const at = positionOf(event.position);
      if (at === after) return true;
      if (events.length === asked || weight >= maxReadWeight) return false;
      position = at;
      const stored = toStored(names, event);
      if (stored === null) {
        // Also what is said of a stream in its metadata: that it was deleted, or cut.
        const stream = names.streamOf(event.streamId.replace(/^\$\$/, ''));
        if (stream !== null) touched.push(stream);
        return true;
      }
      events.push(stored);
      weight += weightOf(stored.data);
      return true;
    };
    // One more for the event that stands at the start, one more to see whether something follows.
    const maxCount = Math.max(asked, fewestRecords) + 2;
    let seen = 0;
    const options = { ...fromLeader, fromPosition, maxCount };
    const all = await readOnce(
      (client) => client.readAll(options),
      (event) => {
        seen += 1;
        return take(event);
      },
    );
    // A read includes the event that it starts at. Without it the log ends before what was read of it: it was put back
    // to an older state, and its end proves nothing to whoever has read further.
    if (after !== null && seen === 0) throw unavailable('the log ends before the place up to which it was read');
    return { events, position, end: all && seen < maxCount, touched, weight };
  };

  return {
    readStream: async (stream, from, limit) => {
      if (!isRevision(from)) throw new TypeError('a stream is read from revision 0 or later');
      const asked = askedFor(limit);
      try {
        return await readPatiently(() => streamPage(stream, from, asked));
      } catch (error) {
        if (!isNotFound(error)) throw asFailure(error);
      }
      try {
        await requireUntouched(names.nameOf(stream));
      } catch (error) {
        throw asFailure(error);
      }
      return { events: [], end: true };
    },

    readAll: async (after, limit) => {
      const start = after === null ? null : logPositionOf(after);
      if (after !== null && start === null) throw new TypeError('no position of this store');
      const asked = askedFor(limit);
      try {
        return await readPatiently(() => allPage(after, start ?? START, asked));
      } catch (error) {
        throw asFailure(error);
      }
    },

    readAt: async (position) => {
      connection.client();
      const at = logPositionOf(position);
      if (at === null) return null;
      let found: StoredEvent | null = null;
      const first = (from: ReadPosition, take: (event: RecordedEvent) => boolean) =>
        readPatiently(() =>
          readOnce((client) => client.readAll({ ...fromLeader, fromPosition: from, maxCount: 1 }), take),
        );
      try {
        await first(at, (event) => {
          const stored = toStored(names, event);
          found = stored?.position === position ? stored : null;
          return true;
        });
        return found;
      } catch (error) {
        if (!isUnknown(error)) throw asFailure(error);
      }
      try {
        // A server in trouble says the same as one that has no such position: does it read at all?
        await first(START, () => true);
        return null;
      } catch (error) {
        throw asFailure(error);
      }
    },
  };
};

/** Where others write much more than we do, a small page would take for ever to pass over it. */
const fewestRecords = 250;

const askedFor = (limit: number): number => {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new TypeError('a read asks for at least one event');
  return Math.min(limit, maxEventsPerRead);
};
