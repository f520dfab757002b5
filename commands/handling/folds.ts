import type { Fold } from '../../domain/decider.ts';
import type { Recorded } from '../../domain/event.ts';
import type { Loaded } from '../command.ts';
import type { Scheduler } from '../environment.ts';
import type { EventStore, Position, StoredEvent } from '../ports/eventStore.ts';
import { type EventCodec, type Opened, sealedUnder } from './eventCodec.ts';
import { personOfStream } from './persons.ts';
import { recent } from './recent.ts';
import { copied, type Snapshots } from './snapshots.ts';

/**
 * A state handed out: until it is released no event changes it. Where one arrives before that, the cache goes on with
 * a copy, so give it back soon.
 */
export type Lent<S> = Loaded<S> & { readonly release: () => void };

/** An event and whose keys it was sealed under. */
export type Read = { readonly opened: Opened; readonly persons: readonly string[] };

/** Streams folded in this process, each completed by reading on from where it stands. */
export type Folds = {
  /** Every event that was in the stream at the call is in it. */
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Lent<S>>;
  /** What is in the cache, perhaps of yesterday; null: nothing. */
  readonly peek: <S, E>(fold: Fold<S, E>, stream: string) => Lent<S> | null;
  /** As fresh as `load`, without lending: `pick` takes what it wants at once and keeps no part of the state itself. */
  readonly read: <S, E, T>(fold: Fold<S, E>, stream: string, pick: (loaded: Loaded<S>) => T) => Promise<T>;
  /** Events that this process appended, where they are the next ones. */
  readonly advance: <S, E>(fold: Fold<S, E>, stream: string, events: readonly Read[]) => void;
  /** Forgets every state in which something of this person was read. To be called in every process that reads of an erasure. */
  readonly drop: (person: string) => void;
  readonly clear: () => void;
  /** Every snapshot that was begun is written. */
  readonly settled: () => Promise<void>;
};

export type FoldOptions = {
  /** How many folded streams are kept. */
  readonly limit?: number;
  /** From how many events on a snapshot is kept, and after how many more another. */
  readonly snapshotEvery?: number;
  readonly pageSize?: number;
};

/** One fold of one stream. `lent`: how many hold `state` at the moment. */
type Held = {
  state: unknown;
  revision: number;
  position: Position | null;
  eventId: string | null;
  persons: Set<string>;
  lent: number;
};

type Slot = {
  readonly fold: Fold<unknown, never>;
  readonly stream: string;
  held: Held | null;
  /** Dropped: nothing that is still being read for it is used. */
  gone: boolean;
  reading: boolean;
  waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[];
  /** Revision of the last snapshot, -1 without one. */
  saved: number;
  saving: boolean;
};

export const createFolds = (
  deps: {
    store: Pick<EventStore, 'readStream' | 'endsAt'>;
    codec: Pick<EventCodec, 'openAll'>;
    snapshots: Snapshots;
    scheduler: Scheduler;
    report: (error: unknown, doing: string) => void;
  },
  options: FoldOptions = {},
): Folds => {
  const { store, codec } = deps;
  const snapshotEvery = options.snapshotEvery ?? 500;
  const pageSize = options.pageSize ?? 500;
  const slots = recent<Slot>(options.limit ?? 10_000);
  const writing = new Set<Promise<void>>();

  const keyOf = (fold: { readonly name: string }, stream: string) => `${fold.name} ${stream}`;

  const slotOf = <S, E>(fold: Fold<S, E>, stream: string): Slot => {
    const key = keyOf(fold, stream);
    const known = slots.get(key);
    if (known) return known;
    const slot: Slot = {
      fold: fold as unknown as Fold<unknown, never>,
      stream,
      held: null,
      gone: false,
      reading: false,
      waiting: [],
      saved: -1,
      saving: false,
    };
    slots.set(key, slot);
    return slot;
  };

  const apply = (slot: Slot, held: Held, events: readonly Read[]): Held => {
    let now = held;
    for (const { opened, persons } of events) {
      // Own appends and reads overlap: what is known already comes again.
      if (opened.revision <= now.revision) continue;
      if (opened.revision !== now.revision + 1) throw new Error(`${slot.stream} goes on at ${opened.revision}`);
      if (now.lent > 0) now = { ...now, state: copied(slot.fold, now.state), persons: new Set(now.persons), lent: 0 };
      now.state = slot.fold.evolve(now.state, opened as Recorded<never>);
      now.revision = opened.revision;
      now.position = opened.position;
      now.eventId = opened.eventId;
      for (const person of persons) now.persons.add(person);
    }
    return now;
  };

  /** A fold that fails half way leaves a state that nobody may see. */
  const evolveHeld = (slot: Slot, held: Held, events: readonly Read[]) => {
    try {
      return apply(slot, held, events);
    } catch (error) {
      slot.held = null;
      throw error;
    }
  };

  const openPage = async (events: readonly StoredEvent[]) => {
    const opened = await codec.openAll(events);
    return opened.map((event, n) => ({ opened: event, persons: sealedUnder(events[n]!) }));
  };

  const blank = (slot: Slot): Held => ({
    state: slot.fold.initialState(),
    revision: -1,
    position: null,
    eventId: null,
    persons: new Set(),
    lent: 0,
  });

  /** A long stream from its snapshot, if the very event it was made at still stands there. */
  const fromSnapshot = async (slot: Slot): Promise<Held | null> => {
    const snapshot = await deps.snapshots.read(slot.fold, slot.stream);
    if (!snapshot) return null;
    const { events } = await store.readStream(slot.stream, snapshot.revision, 1);
    if (events[0]?.id !== snapshot.eventId || events[0].position !== snapshot.position) return null;
    slot.saved = snapshot.revision;
    return { ...snapshot, persons: new Set(snapshot.persons), lent: 0 };
  };

  const readToEnd = async (slot: Slot): Promise<void> => {
    let base = slot.held;
    let page = await store.readStream(slot.stream, base ? base.revision + 1 : 0, pageSize);
    if (!base) {
      base = page.end ? null : await fromSnapshot(slot);
      if (base) page = await store.readStream(slot.stream, base.revision + 1, pageSize);
      else base = blank(slot);
      if (slot.gone) return;
      slot.held = base;
    }
    for (;;) {
      const events = page.events.length > 0 ? await openPage(page.events) : [];
      if (slot.gone) return;
      // An append of this process may have moved it on meanwhile, or failed in folding its events.
      if (!slot.held) throw new Error(`the fold ${slot.fold.name} of ${slot.stream} failed while it was being read`);
      slot.held = evolveHeld(slot, slot.held, events);
      if (page.end) break;
      page = await store.readStream(slot.stream, slot.held.revision + 1, pageSize);
    }
    save(slot);
  };

  /** Whoever asks while a read is under way shares the next one, which was sent after they asked. */
  const complete = (slot: Slot): Promise<void> =>
    new Promise((resolve, reject) => {
      slot.waiting.push({ resolve, reject });
      if (!slot.reading) void serve(slot);
    });

  const serve = async (slot: Slot) => {
    slot.reading = true;
    while (slot.waiting.length > 0) {
      const served = slot.waiting;
      slot.waiting = [];
      try {
        await readToEnd(slot);
        for (const { resolve } of served) resolve();
      } catch (error) {
        for (const { reject } of served) reject(error);
      }
    }
    slot.reading = false;
  };

  const completed = async (fold: Fold<never, never>, stream: string): Promise<Held> => {
    for (;;) {
      const slot = slotOf(fold, stream);
      if (slot.held && store.endsAt?.(stream, slot.held.revision)) return slot.held;
      await complete(slot);
      if (slot.held && !slot.gone) return slot.held;
    }
  };

  const save = (slot: Slot) => {
    const revision = slot.held?.revision ?? -1;
    if (slot.saving || revision + 1 < snapshotEvery || revision - slot.saved < snapshotEvery) return;
    slot.saving = true;
    const written = deps.scheduler
      .sleep(0)
      .then(async () => {
        const held = slot.held;
        if (slot.gone || !held || held.position === null || held.eventId === null) return;
        slot.saved = held.revision;
        await deps.snapshots.write(slot.fold, slot.stream, {
          state: held.state,
          revision: held.revision,
          position: held.position,
          eventId: held.eventId,
          persons: held.persons,
        });
      })
      .catch((error: unknown) => deps.report(error, `writing the snapshot of ${slot.stream}`))
      .finally(() => {
        slot.saving = false;
        writing.delete(written);
      });
    writing.add(written);
  };

  const lend = <S>(held: Held): Lent<S> => {
    held.lent += 1;
    let out = true;
    return {
      state: held.state as S,
      revision: held.revision,
      position: held.position,
      release: () => {
        if (out) held.lent -= 1;
        out = false;
      },
    };
  };

  const forget = (key: string, slot: Slot) => {
    slot.gone = true;
    slot.held = null;
    slots.delete(key);
  };

  return {
    load: async <S, E>(fold: Fold<S, E>, stream: string) =>
      lend<S>(await completed(fold as unknown as Fold<never, never>, stream)),

    peek: <S, E>(fold: Fold<S, E>, stream: string) => {
      const held = slots.get(keyOf(fold, stream))?.held;
      return held ? lend<S>(held) : null;
    },

    read: async <S, E, T>(fold: Fold<S, E>, stream: string, pick: (loaded: Loaded<S>) => T) => {
      const { state, revision, position } = await completed(fold as unknown as Fold<never, never>, stream);
      return pick({ state: state as S, revision, position });
    },

    advance: (fold, stream, events) => {
      const slot = slots.get(keyOf(fold, stream));
      if (!slot?.held || slot.held.revision + 1 < (events[0]?.opened.revision ?? 0)) return;
      slot.held = evolveHeld(slot, slot.held, events);
      save(slot);
    },

    drop: (person) => {
      for (const [key, slot] of slots.entries()) {
        // What is being read may speak of them too: it is read again.
        if (slot.reading || slot.held?.persons.has(person) || personOfStream(slot.stream) === person) forget(key, slot);
      }
    },

    clear: () => {
      for (const [key, slot] of slots.entries()) forget(key, slot);
    },

    settled: async () => {
      while (writing.size > 0) await Promise.all(writing);
    },
  };
};
