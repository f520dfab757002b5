import type { Clock } from '../../commands/environment.ts';
import type { EventStore, Position, StoredEvent } from '../../commands/ports/eventStore.ts';
import type { Build, Document, Lists } from '../../commands/ports/lists.ts';
import type { Projection } from '../../projections/projection.ts';
import { changesIn } from './changesIn.ts';
import { type Difference, differencesBetween, fieldsThatDiffer } from './difference.ts';
import { fillingOf } from './filling.ts';
import type { BatchEvent } from './openedBatch.ts';

export type Verification = {
  readonly compared: number;
  readonly count: number;
  /** The first thousand. */
  readonly differences: readonly Difference[];
};

export type VerificationParts = {
  readonly lists: Lists;
  readonly store: EventStore;
  readonly clock: Clock;
  readonly open: (events: readonly StoredEvent[]) => Promise<readonly BatchEvent[]>;
  /** Events read at a time. */
  readonly batchSize: number;
  /** @param target null: nothing is in the list */
  readonly progress: (events: number, position: Position | null, target: Position | null) => void;
  readonly signal: AbortSignal;
};

/** A document that is not as the replay had it: as the list had it, and as the replay. */
type Suspect = { readonly stored: Document | null; readonly replayed: Document | null };

const mostDifferences = 1_000;
const askedAtOnce = 500;
/** With more of them wrong nobody asks whether one was just being written. */
const mostSuspects = 10_000;

/** The name of the list that is filled only to be compared. */
const replayOf = (list: string): string => `${list}Replay`;

/**
 * Replays the log beside a list, to where the list stands, and compares. The list may be written all the while, by
 * whomever: a document that differs is looked at again, and is right where the replay comes by what was read. How far
 * there is to replay is settled once, so it ends however much is written.
 */
export const verifyList = async (
  parts: VerificationParts,
  build: Build,
  projection: Projection,
): Promise<Verification> => {
  const { lists, store, open, batchSize, progress, signal } = parts;
  const schema = { ...projection.schema, name: replayOf(build.list) };
  for (const left of await lists.builds()) if (left.list === schema.name) await lists.dropBuild(left.id);
  const beside = await lists.createBuild(schema, false);
  const changed = changesIn(lists);
  const filling = await fillingOf({ lists: changed.lists, clock: parts.clock }, beside, projection);
  let at: Position | null = null;
  let events = 0;

  /** @param enough asked after each step of so many events, to stop there for good */
  const replayTo = async (target: Position | null, step = batchSize, enough = async () => false): Promise<void> => {
    while (target !== null && (at === null || at < target)) {
      signal.throwIfAborted();
      const page = await store.readAll(at, batchSize);
      const due = page.events.filter(({ position }) => position <= target);
      for (let from = 0; from < due.length; from += step) {
        if (!(await filling.advance(await open(due.slice(from, from + step)))))
          throw new Error('somebody moved the replay');
        if (await enough()) return;
      }
      const isBeyond = due.length < page.events.length;
      at = isBeyond ? target : page.position;
      events += due.length;
      progress(events, at, target);
      if (page.end || isBeyond) return;
    }
  };

  const standing = async (): Promise<Position | null> =>
    (await lists.builds()).find(({ id }) => id === build.id)?.checkpoint?.position ?? null;

  const end = async (): Promise<Position | null> => {
    for (let from = at; ; ) {
      const page = await store.readAll(from, batchSize);
      if (page.end) return page.position;
      from = page.position;
    }
  };

  const documentsOf = async (buildId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Document>> => {
    const where = [{ column: 'id', op: 'in', values: ids }] as const;
    const found = await lists.query(buildId, { where, sort: [], after: null, limit: ids.length });
    return new Map(found.map((document) => [document.id, document]));
  };

  const differ = (id: string, stored: Document | null, replayed: Document | null): boolean =>
    !fieldsThatDiffer(schema, id, stored, replayed).next().done;

  let compared = 0;
  const differences: Difference[] = [];
  let count = 0;
  const report = (id: string, { stored, replayed }: Suspect) => {
    for (const difference of fieldsThatDiffer(schema, id, stored, replayed))
      if (count++ < mostDifferences) differences.push(difference);
  };

  const suspects = new Map<string, Suspect>();
  const lookAgain = async (ids: readonly string[]) => {
    for (let from = 0; from < ids.length; from += askedAtOnce) {
      signal.throwIfAborted();
      const asked = ids.slice(from, from + askedAtOnce);
      const [left, right] = [await documentsOf(build.id, asked), await documentsOf(beside.id, asked)];
      for (const id of asked) {
        const suspect = { stored: left.get(id) ?? null, replayed: right.get(id) ?? null };
        if (!differ(id, suspect.stored, suspect.replayed)) continue;
        if (suspects.size < mostSuspects) suspects.set(id, suspect);
        else report(id, suspect);
      }
    }
  };

  /** What the list had was read when it stood somewhere up to the log's end: where the replay comes by it, it was right. */
  const acquit = async () => {
    const ids = changed.take();
    const asked = ids === 'any' ? [...suspects.keys()] : [...ids].filter((id) => suspects.has(id));
    for (let from = 0; from < asked.length; from += askedAtOnce) {
      const replayed = await documentsOf(beside.id, asked.slice(from, from + askedAtOnce));
      for (const id of asked.slice(from, from + askedAtOnce))
        if (!differ(id, suspects.get(id)!.stored, replayed.get(id) ?? null)) suspects.delete(id);
    }
    return suspects.size === 0;
  };

  try {
    await replayTo(await standing());
    const different = new Set<string>();
    for await (const found of differencesBetween(lists, schema, build.id, beside.id)) {
      signal.throwIfAborted();
      if ('compared' in found) compared = found.compared;
      else different.add(found.id);
    }
    await replayTo(await standing());
    await lookAgain([...different]);
    changed.take();
    if (suspects.size > 0) await replayTo(await end(), 1, acquit);
    for (const [id, suspect] of suspects) report(id, suspect);
  } finally {
    await lists.dropBuild(beside.id);
  }
  return { compared, count, differences };
};
