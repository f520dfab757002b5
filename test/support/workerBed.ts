import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { DomainEvent, Recorded } from '../../domain/event.ts';
import type { FollowParts } from '../../workers/follow.ts';
import type { Worker } from '../../workers/worker.ts';
import { type Bed, hurriedScheduler } from './commandBed.ts';
import { quiet } from './listsBed.ts';

/** What a worker is given, over a bed. */
export const workerParts = (
  bed: Bed,
  core: Pick<FollowParts, 'codec'>,
  own: Partial<FollowParts> = {},
): FollowParts => ({
  store: bed.store,
  vault: bed.vault,
  codec: core.codec,
  clock: bed.clock,
  scheduler: hurriedScheduler(bed.clock),
  log: quiet,
  ...own,
});

/** Lets others work until something holds. @throws where it never does */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let turns = 0; turns < 20_000; turns++) {
    if (await holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it never came to be');
};

/** Runs workers until something holds, then stops them. */
export const runUntil = async (workers: readonly Worker[], holds: () => boolean | Promise<boolean>): Promise<void> => {
  const stop = new AbortController();
  const running = workers.map((worker) => worker.run(stop.signal));
  try {
    await until(holds);
  } finally {
    stop.abort();
    await Promise.all(running);
  }
};

export const lastPosition = async (store: EventStore): Promise<string> => {
  const { events } = await store.readAll(null, 100_000);
  return events.at(-1)!.position;
};

/** Every event of the log, opened. */
export const wholeLog = async (
  store: EventStore,
  codec: {
    openAll: (
      events: Awaited<ReturnType<EventStore['readAll']>>['events'],
    ) => Promise<readonly Recorded<DomainEvent>[]>;
  },
): Promise<readonly Recorded<DomainEvent>[]> => {
  const events: Recorded<DomainEvent>[] = [];
  for (let after: string | null = null; ; ) {
    const batch: Awaited<ReturnType<EventStore['readAll']>> = await store.readAll(after, 1_000);
    events.push(...(await codec.openAll(batch.events)));
    if (batch.end) return events;
    after = batch.position;
  }
};
