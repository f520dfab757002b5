import type { EventStore, EventToAppend, StoredEvent } from '../../commands/ports/eventStore.ts';
import type { Recorded } from '../../domain/event.ts';
import { instant } from '../../domain/instant.ts';
import { start, type Told, uuid } from '../projections/logs.ts';

/** What the codec's `view` gives of events that hold nothing personal. */
export const view = (event: StoredEvent): Recorded<{ readonly type: string; readonly data: object }> => ({
  type: event.type,
  data: event.data,
  eventId: event.id,
  stream: event.stream,
  revision: event.revision,
  position: event.position,
  metadata: { ...event.metadata, ip: null, userAgent: null, reason: null },
});

/** Appends to a store what a test tells, one event at a time, each to its stream. */
export const createLogWriter = (store: EventStore) => {
  let written = 0;

  const toAppend = ({ type, data }: Told): EventToAppend => {
    written += 1;
    return {
      id: uuid('d', written),
      type,
      data: data as EventToAppend['data'],
      metadata: {
        at: instant(start + written * 1000),
        correlationId: 'correlation',
        causationId: null,
        actor: { kind: 'worker', id: null },
        requestId: null,
        policyRevision: null,
        version: 1,
      },
    };
  };

  /** @returns the position of the last one */
  return async (...told: readonly Told[]): Promise<string> => {
    let position = '';
    for (const event of told) {
      const { events } = await store.readStream(event.stream, 0, 1000);
      const expected = events.length === 0 ? 'no-stream' : events.length - 1;
      const result = await store.append(event.stream, expected, [toAppend(event)]);
      if (!result.appended) throw new Error('somebody else wrote');
      position = result.position;
    }
    return position;
  };
};
