import type { EventCodec } from '../../commands/eventCodec.ts';
import { Failure } from '../../commands/failure.ts';
import type { StoredEvent } from '../../commands/ports/eventStore.ts';
import type { DomainEvent, Recorded } from '../../domain/event.ts';
import { isEventName } from '../../domain/events.ts';

/** An event as a list gets it. */
export type BatchEvent = {
  readonly stored: StoredEvent;
  /** Where some list asked for its type. */
  readonly opened?: Recorded<DomainEvent>;
  /** Why it could not be opened: no matter to lists that keep events sealed. */
  readonly unreadable?: unknown;
  /** Why the store would not take what it changes. */
  readonly refused?: unknown;
  /** An operator lets it pass: it changes nothing. */
  readonly skipped?: boolean;
};

/**
 * Opens what several lists are to be fed with once for all of them. What no list asks for stays sealed; what nobody here
 * knows is tried all the same, so that it is noticed.
 * @throws Failure where a store cannot answer; an event that cannot be read is said beside it
 */
export const openBatch = async (
  codec: Pick<EventCodec, 'open' | 'openAll'>,
  events: readonly StoredEvent[],
  wanted: (type: string) => boolean,
): Promise<readonly BatchEvent[]> => {
  const asked = events.filter(({ type }) => wanted(type) || !isEventName(type));
  const opened = new Map<StoredEvent, BatchEvent>();
  try {
    const all = await codec.openAll(asked);
    for (const [index, stored] of asked.entries()) opened.set(stored, { stored, opened: all[index]! });
  } catch (error) {
    if (error instanceof Failure) throw error;
    // One of them cannot be read: each by itself shows which.
    for (const stored of asked) opened.set(stored, await openOne(codec, stored));
  }
  return events.map((stored) => opened.get(stored) ?? { stored });
};

const openOne = async (codec: Pick<EventCodec, 'open'>, stored: StoredEvent): Promise<BatchEvent> => {
  try {
    return { stored, opened: await codec.open(stored) };
  } catch (error) {
    if (error instanceof Failure) throw error;
    return { stored, unreadable: error };
  }
};
