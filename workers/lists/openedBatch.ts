import { Failure } from '../../commands/failure.ts';
import type { EventCodec } from '../../commands/handling/eventCodec.ts';
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

/** How much of an event the lists need: all of it, what is not sealed, or nothing. */
export type Need = 'open' | 'view' | 'nothing';

type Codec = Pick<EventCodec, 'open' | 'openAll' | 'view'>;

/**
 * Opens what several lists are to be fed with once for all of them, and only what they need. What nobody here knows is
 * tried all the same, so that it is noticed.
 * @throws Failure where a store cannot answer; an event that cannot be read is said beside it
 */
export const openBatch = async (
  codec: Codec,
  events: readonly StoredEvent[],
  needOf: (type: string) => Need,
): Promise<readonly BatchEvent[]> => {
  const toOpen = events.filter(({ type }) => !isEventName(type) || needOf(type) === 'open');
  const opened = new Map<StoredEvent, BatchEvent>();
  try {
    const all = await codec.openAll(toOpen);
    for (const [index, stored] of toOpen.entries()) opened.set(stored, { stored, opened: all[index]! });
  } catch (error) {
    if (error instanceof Failure) throw error;
    // One of them cannot be read: each by itself shows which.
    for (const stored of toOpen) opened.set(stored, await openOne(codec, stored));
  }
  const viewed = (stored: StoredEvent) => (needOf(stored.type) === 'view' ? viewOne(codec, stored) : { stored });
  return events.map((stored) => opened.get(stored) ?? viewed(stored));
};

const openOne = async (codec: Codec, stored: StoredEvent): Promise<BatchEvent> => {
  try {
    return { stored, opened: await codec.open(stored) };
  } catch (error) {
    if (error instanceof Failure) throw error;
    return { stored, unreadable: error };
  }
};

const viewOne = (codec: Codec, stored: StoredEvent): BatchEvent => {
  try {
    return { stored, opened: codec.view(stored) };
  } catch (error) {
    return { stored, unreadable: error };
  }
};
