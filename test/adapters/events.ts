import { randomUUID } from 'node:crypto';
import type { EventStore, EventToAppend, Position, StoredEvent } from '../../commands/ports/eventStore.ts';

/** An event that no test cares about but for what it says. */
export const event = (data: EventToAppend['data'] = {}, type = 'SomethingHappened'): EventToAppend => ({
  id: randomUUID(),
  type,
  data,
  metadata: {
    at: '2027-02-19T22:59:00.000Z',
    correlationId: '0192f0c1-7a40-7000-8000-000000000001',
    causationId: null,
    actor: { kind: 'worker', id: null },
    requestId: null,
    policyRevision: null,
    version: 1,
  },
});

export const events = (count: number): EventToAppend[] => Array.from({ length: count }, (_, n) => event({ n }));

/** A name that no test used before, also in a store that outlives the tests. */
export const newStream = (kind = 'things'): string => `${kind}-${randomUUID()}`;

/** Everything after a position, up to the end. */
export const readOn = async (store: EventStore, after: Position | null, limit = 500): Promise<StoredEvent[]> => {
  const read: StoredEvent[] = [];
  for (let from = after; ; ) {
    const { events, position, end } = await store.readAll(from, limit);
    read.push(...events);
    if (end) return read;
    from = position;
  }
};

/** Where the log ends now. */
export const endOf = async (store: EventStore): Promise<Position | null> => {
  for (let from: Position | null = null; ; ) {
    const { position, end } = await store.readAll(from, 1_000);
    if (end) return position;
    from = position;
  }
};

export const ids = (events: readonly { readonly id: string }[]): string[] => events.map(({ id }) => id);
