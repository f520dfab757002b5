import type { Clock } from '../../commands/environment.ts';
import type { Applied, Change, ParkedStream } from '../../commands/ports/lists.ts';
import { instant } from '../../domain/instant.ts';
import type { Projection } from '../../projections/projection.ts';
import { messageOf } from '../worker.ts';
import type { Documents } from './documents.ts';
import type { BatchEvent } from './openedBatch.ts';

export type Parked = ReadonlyMap<string, ParkedStream>;

/** What events change, and which streams have to wait because of them. */
export type Plan = {
  readonly applied: readonly Applied[];
  readonly park: Parked;
  /** Which waited already, with events passed over because of it. */
  readonly waiting: readonly string[];
};

/**
 * Applies a projection. Of a stream that waits already the events are passed over, which is right only as long as it
 * does: were it let go by somebody at this very moment, they would be missed.
 * @param clock for `since` of what is parked
 */
export const planOf = async (
  projection: Projection,
  events: readonly BatchEvent[],
  parked: Parked,
  documents: Documents,
  clock: Clock,
): Promise<Plan> => {
  await documents.fetch(readsOf(projection, events));
  const park = new Map<string, ParkedStream>();
  const waiting = new Set<string>();
  const applied: Applied[] = [];
  for (const event of events) {
    const { stream, revision } = event.stored;
    if (park.has(stream)) continue;
    if (parked.has(stream)) {
      waiting.add(stream);
      continue;
    }
    try {
      const changes = changesOf(projection, event, documents);
      documents.note(changes);
      if (changes.length > 0) applied.push({ stream, revision, changes });
    } catch (error) {
      park.set(stream, parkedAt(event, error, clock));
    }
  }
  return { applied, park, waiting: [...waiting] };
};

const changesOf = (projection: Projection, event: BatchEvent, documents: Documents): readonly Change[] => {
  if (event.skipped) return [];
  if (event.refused !== undefined) throw event.refused;
  if (projection.input === 'sealed') return projection.apply(event.stored);
  if (event.unreadable !== undefined) throw event.unreadable;
  return isFor(projection, event) ? projection.apply(event.opened!, documents.read) : [];
};

const isFor = (projection: Projection, { opened }: BatchEvent): boolean =>
  projection.input === 'opened' && opened !== undefined && projection.types.has(opened.type);

const readsOf = (projection: Projection, events: readonly BatchEvent[]): readonly string[] =>
  projection.input === 'sealed'
    ? []
    : events
        .filter((event) => isFor(projection, event))
        .flatMap(({ opened }) => orNone(() => projection.reads(opened!)));

/** An event too broken to say what it reads is too broken to be applied, and parked there. */
const orNone = (reads: () => readonly string[]): readonly string[] => {
  try {
    return reads();
  } catch {
    return [];
  }
};

const parkedAt = ({ stored }: BatchEvent, error: unknown, clock: Clock): ParkedStream => ({
  stream: stored.stream,
  revision: stored.revision,
  position: stored.position,
  eventId: stored.id,
  error: messageOf(error),
  since: instant(clock.now()),
});
