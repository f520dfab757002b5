import type { Fold } from '../../domain/decider.ts';
import type { Json } from '../../domain/json.ts';
import type { Position } from '../ports/eventStore.ts';
import type { Lists } from '../ports/lists.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { fromUtf8, toUtf8 } from '../sealing/encoding.ts';
import { personOfStream } from './persons.ts';

/** A stream folded as far as `revision`, which `eventId` is the event of. */
export type Folded<S> = {
  readonly state: S;
  readonly revision: number;
  readonly position: Position;
  readonly eventId: string;
  /** Everyone of whom something was read in it. */
  readonly persons: ReadonlySet<string>;
};

/** Folds kept in the lists' store, always discardable: sealed under the keys of all whom they speak of. */
export type Snapshots = {
  /** @returns null where there is none, or none of use */
  readonly read: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Folded<S> | null>;
  /** The state is written as it is at the call, whatever becomes of it afterwards. */
  readonly write: <S, E>(fold: Fold<S, E>, stream: string, folded: Folded<S>) => Promise<void>;
};

// Stored shape.
type Snapshot = {
  readonly foldVersion: number;
  readonly revision: number;
  readonly position: Position;
  readonly eventId: string;
  readonly persons: readonly string[];
  readonly state: Json;
};

const purpose = 'fold snapshots';
const nameOf = (fold: { readonly name: string }, stream: string): string => `fold/${fold.name}/${stream}`;

/** @param report hears of snapshots that could not be read: they cost time, not data */
export const snapshots = (deps: {
  lists: Pick<Lists, 'getBlob' | 'putBlob'>;
  boxes: Boxes;
  report: (error: unknown, doing: string) => void;
}): Snapshots => ({
  read: async <S, E>(fold: Fold<S, E>, stream: string) => {
    const name = nameOf(fold, stream);
    try {
      const bytes = await deps.lists.getBlob(name);
      const text = bytes && (await deps.boxes.open(purpose, fromUtf8(bytes), name));
      if (!text) return null;
      const { foldVersion, state, persons, ...place } = JSON.parse(text) as Snapshot;
      if (foldVersion !== fold.foldVersion) return null;
      return { ...place, persons: new Set(persons), state: thawed(fold, state) };
    } catch (error) {
      deps.report(error, `reading the snapshot ${name}`);
      return null;
    }
  },

  write: async (fold, stream, { state, revision, position, eventId, persons }) => {
    const name = nameOf(fold, stream);
    const owner = personOfStream(stream);
    const snapshot: Snapshot = {
      foldVersion: fold.foldVersion,
      revision,
      position,
      eventId,
      persons: [...persons],
      state: frozen(fold, state),
    };
    const text = JSON.stringify(snapshot);
    const box = await deps.boxes.seal(purpose, owner === null ? [...persons] : [owner, ...persons], text, name);
    if (box !== null) await deps.lists.putBlob(name, toUtf8(box));
  },
});

const frozen = <S, E>(fold: Fold<S, E>, state: S): Json => (fold.freeze ? fold.freeze(state) : (state as Json));
const thawed = <S, E>(fold: Fold<S, E>, state: Json): S => (fold.thaw ? fold.thaw(state) : (state as S));

/** A state of its own, that shares nothing which evolving could change. */
export const copied = <S, E>(fold: Fold<S, E>, state: S): S =>
  fold.freeze && fold.thaw ? fold.thaw(JSON.parse(JSON.stringify(fold.freeze(state)))) : structuredClone(state);
