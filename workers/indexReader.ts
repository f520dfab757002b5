import type { Clock, Scheduler } from '../commands/environment.ts';
import { Failure } from '../commands/failure.ts';
import type { EventStore, Position, StoredEvent } from '../commands/ports/eventStore.ts';
import type { Recorded } from '../domain/event.ts';
import { createFeed } from '../projections/feed/feed.ts';
import { feedPage } from '../projections/feed/feedPage.ts';
import { freeze, type Section } from '../projections/index/snapshot.ts';
import type { Halt, Proof, ProvenIndex } from '../projections/provenIndex.ts';
import { createVerificationIndex } from '../projections/verificationIndex.ts';
import { type Blobs, createIndexSnapshots } from './indexSnapshots.ts';

/** The lists hold a snapshot of a log that is not this one, or that was longer: stores that do not belong together. */
export class WrongLog extends Error {
  readonly position: Position;
  readonly eventId: string;
  constructor(position: Position, eventId: string) {
    super(`the index's snapshot is of event ${eventId} at ${position}, which is not in this log`);
    this.name = 'WrongLog';
    this.position = position;
    this.eventId = eventId;
  }
}

/** The only feeder of the verification index and the feed, and the only one who knows how fresh they are. */
export type IndexReader = ProvenIndex & {
  /** Starts from the snapshot, where there is a good one. Before `run`. @throws WrongLog, Failure store-unavailable */
  readonly open: () => Promise<void>;
  /** Follows the log until the signal fires, then leaves a snapshot. Resolves also where the index halted, at the signal. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

/** Of several that share the blobs, one at a time writes a snapshot. */
export type SnapshotTurn = { readonly take: () => Promise<boolean>; readonly giveBack: () => Promise<void> };

export type Progress = { readonly events: number; readonly position: Position | null };

export type IndexReaderDeps = {
  readonly store: EventStore;
  /** Not decrypted, of its newest version. @throws where type or version are unknown */
  readonly view: (event: StoredEvent) => Recorded<{ readonly type: string; readonly data: object }>;
  readonly blobs: Blobs;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Without it, this process alone has the blobs. */
  readonly snapshotTurn?: SnapshotTurn;
  /** Told of what went wrong and is tried again, or made it halt. */
  readonly onTrouble?: (what: string, error: unknown) => void;
  /** While the log is read for the first time. */
  readonly onProgress?: (progress: Progress) => void;
};

export type IndexReaderOptions = {
  readonly batch: number;
  /** At the least so often the end of the log is proven again. */
  readonly everyMs: number;
  /** How old a proof may be for answers to be given. */
  readonly maxAgeMs: number;
  /** A read that takes longer is given up and sent again. */
  readonly readTimeoutMs: number;
  /** Longest stretch of folding without letting go of the thread. */
  readonly sliceMs: number;
  /** Events after which a snapshot is due, at the least. */
  readonly snapshotEvery: number;
};

const defaults: IndexReaderOptions = {
  batch: 1000,
  everyMs: 500,
  maxAgeMs: 2000,
  readTimeoutMs: 30_000,
  sliceMs: 10,
  snapshotEvery: 10_000,
};

/** Somebody who waits for what a read brings. `until`: by the clock that never goes back. */
type Waiting = { readonly done: () => boolean; readonly until: number; readonly end: (there: boolean) => void };

const idle = () => {};
const alone: SnapshotTurn = { take: async () => true, giveBack: async () => {} };

/** Without a reason each abort makes an error, with its stack, that nobody looks at: several for every command. */
const over = 'over';

export const createIndexReader = (deps: IndexReaderDeps, options: Partial<IndexReaderOptions> = {}): IndexReader => {
  const { store, view, clock, scheduler, onTrouble = idle, onProgress = idle, snapshotTurn = alone } = deps;
  const { batch, everyMs, maxAgeMs, readTimeoutMs, sliceMs, snapshotEvery } = { ...defaults, ...options };
  const pause = () => scheduler.sleep(0);
  const snapshots = createIndexSnapshots({ blobs: deps.blobs, sha256: deps.sha256, pause });

  let index = createVerificationIndex();
  let feed = createFeed();
  let position: Position | null = null;
  let proof: Proof | null = null;
  let halt: Halt | null = null;
  // A command answered before the index had read its events: until it has, nothing is proven.
  let owed: Position | null = null;
  // Reads are numbered as they are sent.
  let readsSent = 0;
  let readOfProof = 0;
  let sinceSnapshot = 0;
  let saving: Promise<void> | null = null;

  let wake = idle;
  let called = false;
  const callForRead = () => {
    called = true;
    wake();
  };

  const waiting = new Set<Waiting>();
  const proofListeners = new Set<(proof: Proof) => void>();
  let alarm: { readonly at: number; readonly off: AbortController } | null = null;

  const tell = () => {
    const now = clock.monotonic();
    for (const one of waiting) {
      const there = one.done();
      if (!there && halt === null && one.until > now) continue;
      waiting.delete(one);
      one.end(there);
    }
    if (waiting.size === 0) switchOff();
  };

  const switchOff = () => {
    alarm?.off.abort(over);
    alarm = null;
  };

  /** One for all who wait: each setting one would cost every command more than its read. */
  const setAlarm = (at: number) => {
    switchOff();
    const off = new AbortController();
    alarm = { at, off };
    void scheduler.sleep(at - clock.monotonic(), off.signal).then(() => {
      if (off.signal.aborted) return;
      alarm = null;
      tell();
      if (waiting.size > 0) setAlarm(Math.min(...Array.from(waiting, ({ until }) => until)));
    });
  };

  const isAt = (asked: Position) => position !== null && position >= asked;

  const age = () =>
    proof === null ? Number.POSITIVE_INFINITY : Math.max(clock.now() - proof.wall, clock.monotonic() - proof.monotonic);

  /** Looks again after every read until `done`, at most so long. */
  const until = async (done: () => boolean, maxMs: number): Promise<boolean> => {
    if (done()) return true;
    if (halt !== null) return false;
    const at = clock.monotonic() + maxMs;
    if (alarm === null || alarm.at > at) setAlarm(at);
    callForRead();
    return new Promise((resolve) => {
      waiting.add({ done, until: at, end: resolve });
    });
  };

  const foldEvent = (stored: StoredEvent): boolean => {
    try {
      const event = view(stored);
      index.apply(event);
      feed.apply(event);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      halt = { reason, position: stored.position, eventId: stored.id, type: stored.type };
      onTrouble(`the verification index halts at event ${stored.id} (${stored.type})`, error);
      return false;
    }
  };

  const timedRead = async () => {
    const done = new AbortController();
    const late = scheduler.sleep(readTimeoutMs, done.signal).then(() => {
      if (done.signal.aborted) return null;
      throw new Failure('store-unavailable', 'reading the log took too long');
    });
    try {
      return (await Promise.race([store.readAll(position, batch), late]))!;
    } finally {
      done.abort(over);
    }
  };

  /** One read. @returns whether it found the end, and how many events */
  const readOn = async (): Promise<{ readonly end: boolean; readonly events: number }> => {
    const sent: Proof = { wall: clock.now(), monotonic: clock.monotonic() };
    readsSent += 1;
    const read = readsSent;
    const page = await timedRead();
    for (const event of page.events) if (!foldEvent(event)) return { end: false, events: 0 };
    position = page.position ?? position;
    sinceSnapshot += page.events.length;
    if (owed !== null && isAt(owed)) owed = null;
    if (page.end) {
      proof = sent;
      readOfProof = read;
      for (const listener of proofListeners) listener(sent);
    }
    return { end: page.end, events: page.events.length };
  };

  /**
   * Until something may have been written, somebody calls, or it is time to prove the end again.
   * @returns whether it was the store that woke it
   */
  const rest = async (afterFalseAlarm: boolean, signal: AbortSignal): Promise<boolean> => {
    if (called || signal.aborted) return false;
    const resting = new AbortController();
    wake = () => resting.abort(over);
    let byStore = false;
    const changed = async () => {
      // A store that cries wolf must not keep this process from everything else.
      if (afterFalseAlarm) await scheduler.sleep(sliceMs, resting.signal);
      if (!resting.signal.aborted) await store.changed(position, resting.signal);
      byStore = !resting.signal.aborted;
    };
    try {
      // Counted from when the last read was sent: a slow store is asked again at once.
      const left = proof === null ? 0 : proof.monotonic + everyMs - clock.monotonic();
      const time = scheduler.sleep(left, resting.signal);
      await Promise.race([time, changed().catch(() => time)]);
      return byStore;
    } finally {
      wake = idle;
      resting.abort(over);
    }
  };

  const snapshotDue = () => {
    const { keys, owners } = index.counts();
    // In step with its size, so that writing it stays a small part of all writing.
    return sinceSnapshot >= Math.max(snapshotEvery, (keys + owners) / 2);
  };

  /** Copies between two reads, while nothing is folded; writes beside them. */
  const takeSnapshot = async () => {
    const at = index.foldedTo();
    if (at === null || saving !== null) return;
    sinceSnapshot = 0;
    const failed = (error: unknown) => onTrouble('the snapshot of the verification index could not be written', error);
    if (!(await snapshotTurn.take().catch(failed))) return;
    const sections: Section[] = [];
    for (const section of freeze(index.state, feed)) {
      sections.push(section);
      await pause();
    }
    saving = snapshots
      .write(at.eventId, sections)
      .finally(snapshotTurn.giveBack)
      .catch(failed)
      .finally(() => {
        saving = null;
      });
  };

  const follow = async (signal: AbortSignal) => {
    let events = 0;
    let wokenByStore = false;
    let failing = false;
    let began = clock.monotonic();
    while (!signal.aborted && halt === null) {
      called = false;
      let read: Awaited<ReturnType<typeof readOn>>;
      try {
        read = await readOn();
      } catch (error) {
        // Told once, however often it is tried.
        if (!failing) onTrouble('the log cannot be read', error);
        failing = true;
        await scheduler.sleep(everyMs / 5, signal);
        continue;
      } finally {
        tell();
      }
      failing = false;
      events += read.events;
      if (!read.end) {
        onProgress({ events, position });
        if (clock.monotonic() - began < sliceMs) continue;
        await pause();
        began = clock.monotonic();
        continue;
      }
      if (snapshotDue()) await takeSnapshot();
      wokenByStore = await rest(wokenByStore && read.events === 0, signal);
      began = clock.monotonic();
    }
    tell();
  };

  const aborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });

  const proven = (maxAge = maxAgeMs) => (halt === null && owed === null && age() <= maxAge ? index : null);

  return {
    open: async () => {
      const loaded = await snapshots.load();
      if (loaded === null) return;
      const at = loaded.state.foldedTo!;
      const event = await store.readAt(at.position);
      if (event === null || event.id !== at.eventId) throw new WrongLog(at.position, at.eventId);
      index = createVerificationIndex(loaded.state);
      feed = loaded.feed;
      position = at.position;
    },

    run: async (signal) => {
      const stop = () => wake();
      signal.addEventListener('abort', stop);
      try {
        await follow(signal);
        if (halt !== null) await aborted(signal);
        else if (sinceSnapshot > 0) {
          await saving;
          await takeSnapshot();
        }
        await saving;
      } finally {
        signal.removeEventListener('abort', stop);
        // What was once true is no longer looked after.
        proof = null;
        tell();
      }
    },

    proven,
    proof: () => proof,
    position: () => position,
    halted: () => halt,
    waitFor: (asked, maxMs) => until(() => isAt(asked), maxMs),
    afterAppend: async (asked, maxMs = maxAgeMs) => {
      const there = await until(() => isAt(asked), maxMs);
      if (!there && (owed === null || owed < asked)) owed = asked;
      return there;
    },
    prove: (maxMs = maxAgeMs) => {
      const before = readsSent;
      return until(() => readOfProof > before, maxMs);
    },
    onProof: (listener) => {
      proofListeners.add(listener);
      return () => {
        proofListeners.delete(listener);
      };
    },
    feed: () => feed,
    feedPage: (after, limit) =>
      feedPage(
        feed,
        async (at) => {
          const stored = await store.readAt(at);
          return stored && view(stored);
        },
        after,
        limit,
      ),
  };
};
