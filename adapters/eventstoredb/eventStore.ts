import type { Clock, Scheduler } from '../../commands/environment.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import { patientAppends } from './appends.ts';
import { openConnection } from './connection.ts';
import { checkedConnectionString } from './connectionString.ts';
import { unavailable } from './errors.ts';
import { streamNames } from './names.ts';
import { eventReads } from './reads.ts';
import { createTails } from './tails.ts';
import type { Patience } from './timing.ts';
import { createWakeUps } from './wakeUps.ts';

export type EventStoreDbOptions = {
  /** `esdb://…`, with TLS, credentials and the cluster's hosts in it. */
  readonly connectionString: string;
  /** The first word of every stream's name; empty: the whole store is ours. */
  readonly prefix: string;
  /** Whether an installation may have a stream of this name: without a prefix, that is how those of others are told apart. */
  readonly isStream?: (name: string) => boolean;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly scheduler: Scheduler;
  readonly patience?: Partial<Patience>;
};

// Whoever gave a command waits as long in all: for nine seconds where nothing is heard, for six where nobody is there.
const patient: Patience = { call: 3_000, append: 4_000, read: 2_000 };

/**
 * The log in EventStoreDB, for many processes. Nothing is asked of the server before the first call.
 * @throws Error for a connection string that is none, without its credentials
 */
export const createEventStoreDb = (options: EventStoreDbOptions): EventStore => {
  const { connectionString, prefix, clock, scheduler } = options;
  const time = { monotonic: clock.monotonic, sleep: scheduler.sleep };
  const patience = { ...patient, ...options.patience };
  const names = streamNames(prefix, options.isStream);
  const connection = openConnection(checkedConnectionString(connectionString), time, patience);
  const reads = eventReads(connection, names, time, patience);
  const tails = createTails(reads);
  const wakeUps = createWakeUps(connection, names, time);
  const open = new Set<Promise<unknown>>();
  let closing: Promise<void> | null = null;
  const append = patientAppends({ connection, reads, names, time, patience, isClosing: () => closing !== null });

  const call = async <Result>(effect: () => Promise<Result>): Promise<Result> => {
    if (closing !== null) throw unavailable('the store is closed');
    const running = effect();
    const settled = running.catch(() => {}).finally(() => open.delete(settled));
    open.add(settled);
    return running;
  };

  const close = async () => {
    await Promise.all(open);
    await wakeUps.end();
    await connection.close();
  };

  return {
    append: (stream, expected, events) =>
      call(async () => {
        const result = await append(stream, expected, events);
        if (result.appended) wakeUps.seen(result.position);
        return result;
      }),
    readStream: (stream, from, limit) => call(() => tails.readStream(stream, from, limit)),
    readAll: (after, limit) => call(() => tails.readAll(after, limit)),
    readAt: (position) => call(() => reads.readAt(position)),
    changed: async (after, signal) => {
      if (closing !== null) throw unavailable('the store is closed');
      await wakeUps.wait(after, signal);
    },
    close: async () => {
      closing ??= close();
      await closing;
    },
  };
};
