import type { EventCodec } from '../commands/handling/eventCodec.ts';
import type { EventStore, Position, StoredEvent } from '../commands/ports/eventStore.ts';
import type { Build, Lists, ParkedStream } from '../commands/ports/lists.ts';
import type { Projection } from '../projections/projection.ts';
import { type Filling, fillingOf } from './lists/filling.ts';
import { type BatchEvent, type Need, openBatch } from './lists/openedBatch.ts';
import { goOn } from './lists/parkedStreams.ts';
import { type Verification, type VerificationParts, verifyList } from './lists/verification.ts';
import { either, fired, type Worker, type WorkerParts, worker } from './worker.ts';

export type ProjectorParts = WorkerParts & {
  readonly store: EventStore;
  readonly lists: Lists;
  readonly codec: Pick<EventCodec, 'open' | 'openAll' | 'view'>;
  readonly projections: readonly Projection[];
  /** Events read at a time. */
  readonly batchSize?: number;
  /** Puts what does not come from the log (last use) into a build that was filled from it, before it answers. */
  readonly fillVolatile?: (list: string, buildId: string) => Promise<void>;
};

/** `events`: read so far. `done`: 0..1, an estimate from the positions. */
export type FillProgress = { readonly events: number; readonly position: Position | null; readonly done: number };

/**
 * Fills the lists from the log. Every build has its own checkpoint, moved together with the documents; builds that stand
 * at the same place are fed from one reading. Running two of them is safe: a batch applies only where the build stands
 * where it was read from.
 */
export type Projector = Worker & {
  /** Resolves when a checkpoint moves in this process, and when the signal fires. */
  readonly moved: (signal: AbortSignal) => Promise<void>;
  /** Does all there is to do at this moment, without waiting for more. For the command line, and tests. */
  readonly catchUp: () => Promise<void>;
  /** @returns where a stream is parked in a list, so that letting it pass can be put down before it is done */
  readonly parkedAt: (list: string, stream: string) => Promise<ParkedStream | null>;
  /** Tries a parked stream again. @returns whether it goes on */
  readonly retry: (list: string, stream: string) => Promise<boolean>;
  /** Lets the one event pass that the stream is parked at. Append ProjectionSkipped first. @returns whether it goes on */
  readonly skip: (list: string, stream: string, revision: number) => Promise<boolean>;
  /** Fills another build beside the present one and switches to it; resolves when it answers. The projector must be running. */
  readonly rebuild: (list: string, progress: (progress: FillProgress) => void, signal: AbortSignal) => Promise<void>;
  /** Replays the log beside the list, to where the list stands, and compares, whoever fills the list meanwhile. */
  readonly verify: (
    list: string,
    progress: (progress: FillProgress) => void,
    signal: AbortSignal,
  ) => Promise<Verification>;
};

const defaultBatchSize = 1_000;
/** Lists that are fed together wait for each other only after so many batches: the store writes for one while another is folded. */
const batchesAtOnce = 4;
const openedAtOnce = 50;
const idleMs = 500;
/** Builds may be made and dropped by other processes. */
const lookAgainMs = 2_000;
/** Whoever fills the list at full speed moves it under whoever lets a stream go. */
const mostTries = 100;

/** A build with its own place in line: what operators ask of it and what the log brings do not meet. */
type Line = {
  readonly filling: Filling;
  /** Read up to here: further than the checkpoint where the log holds what is not ours. */
  scanned: Position | null;
  events: number;
  stale: boolean;
  queue: Promise<unknown>;
};

export const createProjector = (parts: ProjectorParts): Projector => {
  const { store, lists, codec, projections, clock, scheduler, log, batchSize = defaultBatchSize } = parts;
  const byName = new Map(projections.map((projection) => [projection.schema.name, projection]));
  const opening = projections.filter((projection) => projection.input === 'opened');
  const needOf = (type: string): Need => {
    if (opening.some(({ personal }) => personal.has(type))) return 'open';
    return opening.some(({ types }) => types.has(type)) ? 'view' : 'nothing';
  };
  let lines: readonly Line[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;
  const onMove = new Set<() => void>();
  let wakeUp = new AbortController();

  const queued = <R>(line: Line, work: () => Promise<R>): Promise<R> => {
    const result = line.queue.then(work);
    line.queue = result.catch(() => undefined);
    return result;
  };

  const reportParked =
    ({ list }: Build) =>
    ({ stream, revision, eventId, error }: ParkedStream) =>
      log.error({ list, stream, revision, eventId, error }, 'a list cannot apply an event: its stream waits there');

  const lineOf = async (build: Build, projection: Projection): Promise<Line> => ({
    filling: await fillingOf({ lists, clock, onParked: reportParked(build) }, build, projection),
    scanned: build.checkpoint?.position ?? null,
    events: 0,
    stale: false,
    queue: Promise.resolve(),
  });

  const tellMoved = () => {
    for (const tell of [...onMove]) tell();
  };

  // Looking for builds and switching between them, one at a time.
  let housekeeping: Promise<unknown> = Promise.resolve();
  const alone = <R>(work: () => Promise<R>): Promise<R> => {
    const result = housekeeping.then(work);
    housekeeping = result.catch(() => undefined);
    return result;
  };

  /** Which builds there are, and which there should be. What a newer release has begun is left alone. */
  const look = async () => {
    let builds = await lists.builds();
    for (const { schema } of projections) {
      if (builds.some(({ list, version }) => list === schema.name && version >= schema.version)) continue;
      builds = [...builds, await lists.createBuild(schema, true)];
    }
    builds = await withoutReplaced(builds);
    const next: Line[] = [];
    for (const build of builds) {
      const projection = byName.get(build.list);
      if (projection?.schema.version !== build.version) continue;
      const known = lines.find((line) => line.filling.build.id === build.id && !line.stale);
      next.push(known ?? (await lineOf(build, projection)));
    }
    lines = next;
    lookedAt = clock.monotonic();
  };

  /** When each build was first seen replaced by another. Whoever still reads from it is given a moment. */
  const replacedSince = new Map<string, number>();
  const withoutReplaced = async (builds: readonly Build[]): Promise<readonly Build[]> => {
    const kept: Build[] = [];
    for (const build of builds) {
      const since = replacedSince.get(build.id) ?? clock.monotonic();
      if (!isReplaced(build, builds)) kept.push(build);
      else if (clock.monotonic() - since < lookAgainMs) replacedSince.set(build.id, since);
      else await lists.dropBuild(build.id);
    }
    return kept;
  };

  /** A build that has come to the end of the log may answer from now on, in place of what did so far. */
  const complete = async ({ filling: { build } }: Line) => {
    const now = (await lists.builds()).find(({ id }) => id === build.id);
    completed.add(build.id);
    if (now === undefined || (now.complete && now.current)) return;
    await parts.fillVolatile?.(build.list, build.id);
    if (!now.complete) await lists.markComplete(build.id);
    if (!now.current) await lists.switchTo(build.id);
    log.info({ list: build.list, version: build.version }, 'a list is filled and answers');
    await look();
    tellMoved();
  };
  const completed = new Set<string>();

  /** Verification answers from the same thread: it gets its turn between. */
  const openInPieces = async (events: readonly StoredEvent[]): Promise<readonly BatchEvent[]> => {
    const opened: BatchEvent[] = [];
    for (let at = 0; at < events.length; at += openedAtOnce) {
      if (at > 0) await scheduler.sleep(0);
      opened.push(...(await openBatch(codec, events.slice(at, at + openedAtOnce), needOf)));
    }
    return opened;
  };
  const readBatch = async (from: Position | null) => {
    const batch = await store.readAll(from, batchSize);
    return { batch, events: await openInPieces(batch.events) };
  };
  const ahead = new Map<Position | null, ReturnType<typeof readBatch>>();
  const readAhead = (from: Position | null) => {
    ahead.clear();
    const reading = readBatch(from);
    // Whether it succeeds matters to whoever takes it.
    reading.catch(() => {});
    ahead.set(from, reading);
  };
  const takeBatch = (from: Position | null) => {
    const taken = ahead.get(from) ?? readBatch(from);
    ahead.delete(from);
    return taken;
  };

  /** The log from a position on, batch by batch, read and opened once for all who ask, and one ahead of the first. */
  const batchesFrom = (from: Position | null) => {
    const taken: ReturnType<typeof readBatch>[] = [];
    const take = async (n: number) => {
      const read = await takeBatch(n === 0 ? from : (await nth(n - 1)).batch.position);
      if (!read.batch.end) readAhead(read.batch.position);
      return read;
    };
    const nth = (n: number) => (taken[n] ??= take(n));
    return nth;
  };

  /** @returns whether the line stands at the end of the log */
  const advance = async (line: Line, nth: ReturnType<typeof batchesFrom>, atMost: number): Promise<boolean> => {
    for (let n = 0; n < atMost; n += 1) {
      const { batch, events } = await nth(n);
      if (events.length > 0 && !(await line.filling.advance(events))) {
        line.stale = true;
        return false;
      }
      line.scanned = batch.position ?? line.scanned;
      line.events += events.length;
      if (batch.end) {
        if (!completed.has(line.filling.build.id)) await alone(() => complete(line));
        return true;
      }
      tellMoved();
    }
    return false;
  };

  /** @returns whether these lines stand at the end of the log */
  const feed = async (group: readonly Line[], atMost: number): Promise<boolean> => {
    const from = group[0]!.scanned;
    const nth = batchesFrom(from);
    const outcomes = await Promise.allSettled(
      group.map((line) => queued(line, async () => !line.stale && line.scanned === from && advance(line, nth, atMost))),
    );
    if (group.some(({ scanned }) => scanned !== from)) tellMoved();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return outcomes.every((outcome) => outcome.status === 'fulfilled' && outcome.value);
  };

  /** Every line a few batches further. @returns whether all stand at the end of the log */
  const round = async (): Promise<boolean> => {
    if (clock.monotonic() - lookedAt >= lookAgainMs || lines.some(({ stale }) => stale)) await alone(look);
    let end = true;
    const groups = Map.groupBy(lines, ({ scanned }) => scanned);
    // Lists that answer follow the log beside one that is rebuilt: they are to get their turn soon.
    const atMost = groups.size === 1 ? batchesAtOnce : 1;
    for (const group of groups.values()) end = (await feed(group, atMost)) && end;
    return end;
  };

  const step = async () => {
    if (!(await round())) return 0;
    const at = lines[0]?.scanned ?? null;
    wakeUp = new AbortController();
    const { signal: woken } = wakeUp;
    return (stop: AbortSignal) =>
      either(
        stop,
        () => fired(woken),
        (any) => store.changed(at, any),
        (any) => scheduler.sleep(idleMs, any),
      );
  };

  const moved = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = () => {
        onMove.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      if (signal.aborted) return resolve();
      onMove.add(end);
      signal.addEventListener('abort', end, { once: true });
    });

  /** The build that answers, or will, as it stands now: the only one that operators let streams go in. */
  const currentLine = async (list: string): Promise<Line> => {
    if (!byName.has(list)) throw new UnknownList(list);
    await alone(look);
    const builds = await lists.builds();
    const mine = lines.filter(({ filling: { build } }) => build.list === list);
    const isCurrent = ({ filling }: Line) => builds.some(({ id, current }) => id === filling.build.id && current);
    const line = mine.find(isCurrent) ?? mine[0];
    if (line === undefined) throw new UnknownList(list);
    return line;
  };

  const parkedIn = async (buildId: string, stream: string): Promise<ParkedStream | null> =>
    (await lists.parked(buildId)).find((entry) => entry.stream === stream) ?? null;

  const resume = async (list: string, stream: string, skipped: number | null): Promise<boolean> => {
    let skip = skipped !== null;
    for (let tries = 0; tries < mostTries; tries += 1) {
      const line = await currentLine(list);
      const resumed = await queued(line, async () => {
        // As the store has it: this process may not be the one that fills the list.
        const build = (await lists.builds()).find(({ id }) => id === line.filling.build.id);
        const parked = build && (await parkedIn(build.id, stream));
        if (!build) return 'moved';
        if (!parked) return 'resumed';
        // It went past the event that was to be skipped in a try before: the rest is nobody's to skip.
        if (tries > 0 && parked.revision !== skipped) skip = false;
        else if (skipped !== null && parked.revision !== skipped) return 'parked';
        const { filling } = await lineOf(build, line.filling.projection);
        return goOn(store, filling, parked, skip, (events) => openBatch(codec, events, needOf));
      });
      tellMoved();
      if (resumed !== 'moved') return resumed === 'resumed';
    }
    return false;
  };

  const rebuild: Projector['rebuild'] = async (list, progress, signal) => {
    const { projection } = (await currentLine(list)).filling;
    const builds = await lists.builds();
    const beside = builds.find(
      ({ list: of, version, current, complete }) =>
        of === list && version === projection.schema.version && !current && !complete,
    );
    const target = builds.find((build) => build.list === list && build.current)?.checkpoint?.position ?? null;
    const { id } = beside ?? (await lists.createBuild(projection.schema, false));
    await alone(look);
    wakeUp.abort();
    while (!signal.aborted) {
      const now = (await lists.builds()).find((build) => build.id === id);
      if (now === undefined || (now.current && now.complete)) return;
      const position = now.checkpoint?.position ?? null;
      const events = lines.find(({ filling: { build } }) => build.id === id)?.events ?? 0;
      progress({ events, position, done: shareOf(position, target) });
      await either(signal, moved, (any) => scheduler.sleep(100, any));
    }
    throw new Error(`the rebuilding of ${list} goes on, but nobody waits for it any more`);
  };

  const verify: Projector['verify'] = async (list, progress, signal) => {
    const { projection, build } = (await currentLine(list)).filling;
    const told: VerificationParts['progress'] = (events, position, target) =>
      progress({ events, position, done: shareOf(position, target) });
    const open = (events: readonly StoredEvent[]) => openBatch(codec, events, needOf);
    return verifyList({ lists, store, clock, open, batchSize, progress: told, signal }, build, projection);
  };

  const running = worker(parts, 'projector', step, { position: () => lines[0]?.scanned ?? null });
  return {
    ...running,
    moved,
    catchUp: async () => {
      while (!(await round()));
    },
    parkedAt: async (list, stream) => {
      const { build } = (await currentLine(list)).filling;
      return parkedIn(build.id, stream);
    },
    retry: (list, stream) => resume(list, stream, null),
    skip: (list, stream, revision) => resume(list, stream, revision),
    rebuild,
    verify,
  };
};

/** There is no list of this name. */
export class UnknownList extends Error {
  constructor(list: string) {
    super(`there is no list ${list}`);
    this.name = 'UnknownList';
  }
}

/** Another build of the list answers: of a newer version, or of the same after a rebuild. */
const isReplaced = (build: Build, builds: readonly Build[]): boolean =>
  builds.some(
    (other) =>
      other.list === build.list &&
      other.complete &&
      other.current &&
      (other.version > build.version || (other.version === build.version && build.complete && !build.current)),
  );

/** Positions sort like the log does and are not counted; as an estimate of how far it is, they will do. */
const shareOf = (position: Position | null, target: Position | null): number => {
  if (target === null) return 1;
  if (position === null) return 0;
  const [a, b] = [Number.parseInt(position, 16), Number.parseInt(target, 16)];
  return b > 0 ? Math.min(1, a / b) : 1;
};
