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

/** Appends to a store what a test tells, what follows each other on one stream in one go. Nobody else may write. */
export const createLogWriter = (store: EventStore) => {
  const revisions = new Map<string, number>();
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

  const append = async (stream: string, events: readonly EventToAppend[]) => {
    const result = await store.append(stream, revisions.get(stream) ?? 'no-stream', events);
    if (!result.appended) throw new Error('somebody else wrote');
    revisions.set(stream, result.revision);
    return result.position;
  };

  /** @returns the position of the last one */
  return async (...told: readonly Told[]): Promise<string> => {
    let position = '';
    for (let from = 0; from < told.length; ) {
      const { stream } = told[from]!;
      let to = from + 1;
      while (to < told.length && told[to]!.stream === stream) to += 1;
      position = await append(stream, told.slice(from, to).map(toAppend));
      from = to;
    }
    return position;
  };
};
