import type { Build, Checkpoint, ParkedStream } from '../../commands/ports/lists.ts';

// On disk: add fields, never rename.
export type BuildDocument = {
  readonly _id: string;
  readonly number: number;
  readonly list: string;
  readonly version: number;
  /** JSON. */
  readonly schema: string;
  readonly complete: boolean;
  /** How many batches it took. Rises in the same write that decides on the next: the fence of all its documents. */
  readonly seq: number;
  readonly checkpoint: Checkpoint | null;
  readonly parked: readonly ParkedStream[];
  /** A batch that was decided on and may not have reached every document yet. */
  readonly pending: Pending | null;
};

export type Pending = {
  readonly seq: number;
  readonly checkpoint: Checkpoint;
  readonly parked: readonly ParkedStream[];
  readonly journal: string;
  readonly chunks: number;
};

/** One for each list and version: which of its builds answers. */
export type CurrentDocument = {
  readonly _id: string;
  readonly builds: readonly string[];
  readonly current: string | null;
};

export const listId = ({ list, version }: { readonly list: string; readonly version: number }): string =>
  `${list}-${version}`;

export const collectionName = (number: number): string => `list-${number}`;

export const toBuild = (
  { _id, list, version, complete, checkpoint }: BuildDocument,
  current: string | null | undefined,
): Build => ({ id: _id, list, version, current: current === _id, checkpoint, complete });

export const sameCheckpoint = (a: Checkpoint | null, b: Checkpoint | null): boolean =>
  a === b || (a !== null && b !== null && a.position === b.position && a.eventId === b.eventId);

export const parkedAfter = (
  parked: readonly ParkedStream[],
  { park, unpark }: { readonly park: readonly ParkedStream[]; readonly unpark: readonly string[] },
): readonly ParkedStream[] => {
  const left = new Map(parked.map((one) => [one.stream, one]));
  for (const stream of unpark) left.delete(stream);
  for (const { stream, revision, position, eventId, error, since } of park) {
    left.set(stream, { stream, revision, position, eventId, error, since });
  }
  return [...left.values()];
};
