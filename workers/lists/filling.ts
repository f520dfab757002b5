import type { Clock } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';
import type { Build, Checkpoint, Lists, ParkedStream } from '../../commands/ports/lists.ts';
import type { Projection } from '../../projections/projection.ts';
import { documentsOf } from './documents.ts';
import type { BatchEvent } from './openedBatch.ts';
import { type Parked, planOf } from './plan.ts';

/** `resumed`: as asked. `parked`: what it waits with failed again. `moved`: somebody else has moved the build, load it anew. */
export type Resumed = 'resumed' | 'parked' | 'moved';

/** One build of a list while it is being filled. Its calls come one after the other. */
export type Filling = {
  readonly build: Build;
  readonly projection: Projection;
  readonly checkpoint: () => Checkpoint | null;
  /** The next events of the log. @returns false: somebody else has moved the build, load it anew */
  readonly advance: (events: readonly BatchEvent[]) => Promise<boolean>;
  /**
   * The next events that a parked stream waits with, in order, none beyond the checkpoint. `last`: with them it has
   * caught up and is let go. What fails parks it there again.
   */
  readonly resume: (stream: ParkedStream, events: readonly BatchEvent[], last: boolean) => Promise<Resumed>;
};

export const fillingOf = async (
  parts: { readonly lists: Lists; readonly clock: Clock; readonly onParked?: (parked: ParkedStream) => void },
  build: Build,
  projection: Projection,
): Promise<Filling> => {
  const { lists, clock } = parts;
  const documents = documentsOf(lists, build.id);
  let checkpoint = build.checkpoint;
  let parked = await parkedIn(lists, build.id);

  const fed = async (events: readonly BatchEvent[], to: Checkpoint): Promise<boolean> => {
    const { applied, park, waiting } = await planOf(projection, events, parked, documents, clock);
    const batch = { after: checkpoint, waiting, checkpoint: to, applied, park: [...park.values()], unpark: [] };
    if (!(await lists.apply(build.id, batch))) return false;
    checkpoint = to;
    for (const [stream, entry] of park) if (!parked.has(stream)) parts.onParked?.(entry);
    const expected = new Map([...parked, ...park]);
    parked = await parkedIn(lists, build.id);
    if (sameStreams(expected, parked)) return true;
    // Another process let a stream go, or put one down, since this batch was planned: what it read may be out of date.
    documents.forget();
    return fed(events, to);
  };

  const fedOne = async (event: BatchEvent): Promise<boolean> => {
    const to = checkpointAt(event);
    try {
      return await fed([event], to);
    } catch (error) {
      if (error instanceof Failure) throw error;
      documents.forget();
      return fed([{ stored: event.stored, refused: error }], to);
    }
  };

  const advance = async (events: readonly BatchEvent[]): Promise<boolean> => {
    const before = checkpoint;
    try {
      return await fed(events, checkpointAt(events.at(-1)!));
    } catch (error) {
      documents.forget();
      if (error instanceof Failure || checkpoint !== before) throw error;
    }
    // The store will not take what one of them changes: one by one, so that only its stream is parked.
    for (const event of events) if (!(await fedOne(event))) return false;
    return true;
  };

  const resumeOnce = async (stream: ParkedStream, events: readonly BatchEvent[], last: boolean): Promise<Resumed> => {
    const others = new Map(parked);
    others.delete(stream.stream);
    const { applied, park, waiting } = await planOf(projection, events, others, documents, clock);
    const failed = park.get(stream.stream);
    const waits = failed ?? (last ? null : movedBehind(stream, events));
    const done = await lists.apply(build.id, {
      after: checkpoint,
      waiting: [...waiting, stream.stream],
      checkpoint: checkpoint!,
      applied,
      park: waits ? [waits] : [],
      unpark: waits ? [] : [stream.stream],
    });
    parked = await parkedIn(lists, build.id);
    if (!done) return 'moved';
    return failed === undefined ? 'resumed' : 'parked';
  };

  const resume: Filling['resume'] = async (stream, events, last) => {
    documents.forget();
    try {
      return await resumeOnce(stream, events, last);
    } catch (error) {
      documents.forget();
      if (error instanceof Failure) throw error;
      if (events.length <= 1) return resumeOnce(stream, [{ stored: events[0]!.stored, refused: error }], last);
    }
    for (const [index, event] of events.entries()) {
      const resumed = await resume(stream, [event], last && index === events.length - 1);
      if (resumed !== 'resumed') return resumed;
    }
    return 'resumed';
  };

  return {
    build,
    projection,
    checkpoint: () => checkpoint,
    advance: (events) =>
      advance(events).then((moved) => {
        if (!moved) documents.forget();
        return moved;
      }),
    resume,
  };
};

const checkpointAt = ({ stored }: BatchEvent): Checkpoint => ({ position: stored.position, eventId: stored.id });

const parkedIn = async (lists: Lists, buildId: string): Promise<Parked> =>
  new Map((await lists.parked(buildId)).map((entry) => [entry.stream, entry]));

const sameStreams = (a: Parked, b: Parked): boolean =>
  a.size === b.size && [...a].every(([stream, { revision }]) => b.get(stream)?.revision === revision);

const movedBehind = (stream: ParkedStream, events: readonly BatchEvent[]): ParkedStream => {
  const last = events.at(-1)!.stored;
  return { ...stream, revision: last.revision + 1 };
};
