import type { EventStore, Position } from '../commands/ports/eventStore.ts';
import type { Build, Checkpoint } from '../commands/ports/lists.ts';
import type { Vault } from '../commands/ports/vault.ts';

export const checkpointKind = 'checkpoint';

/** Where an effect stands in the log: everything up to there is done. In the vault, so that an older vault does it again. */
export type EffectCheckpoint = {
  readonly read: () => Promise<Checkpoint | null>;
  /** Two of a kind may run and one be behind: a checkpoint never goes back. */
  readonly advance: (checkpoint: Checkpoint) => Promise<void>;
};

export const effectCheckpoint = (vault: Vault, name: string): EffectCheckpoint => {
  const parse = (value: string) => JSON.parse(value) as Checkpoint;
  return {
    read: async () => {
      const row = await vault.get(checkpointKind, name);
      return row && parse(row.value);
    },
    advance: async (checkpoint) => {
      for (;;) {
        const row = await vault.get(checkpointKind, name);
        if (row && parse(row.value).position >= checkpoint.position) return;
        const value = JSON.stringify(checkpoint);
        const written = { kind: checkpointKind, id: name, value, person: null, ref: null, expiresAt: null };
        const result = await vault.put(written, row?.version ?? 'absent');
        if (result.put) return;
      }
    },
  };
};

/** A checkpoint that the log does not know: it is of another log, or of an older copy of this one. */
export class WrongStore extends Error {
  readonly code = 'wrong-store';
  /** What holds the checkpoint. */
  readonly holder: string;
  readonly position: Position;
  constructor(holder: string, position: Position) {
    super(`${holder} stands at ${position}, where the log has another event or none`);
    this.name = 'WrongStore';
    this.holder = holder;
    this.position = position;
  }
}

/** @throws WrongStore where the checkpoint is beyond the log, or at another event's id */
export const requireInLog = async (
  store: Pick<EventStore, 'readAt'>,
  holder: string,
  checkpoint: Checkpoint | null,
): Promise<void> => {
  if (checkpoint === null || checkpoint.eventId === null) return;
  const event = await store.readAt(checkpoint.position);
  if (event?.id !== checkpoint.eventId) throw new WrongStore(holder, checkpoint.position);
};

/** Effects whose checkpoint the log does not know begin again from its start, which does no harm. */
export const forgetUnknownCheckpoints = async (store: Pick<EventStore, 'readAt'>, vault: Vault): Promise<void> => {
  for (const row of await vault.find(checkpointKind, {}, { after: null, limit: 1000 })) {
    const { position, eventId } = JSON.parse(row.value) as Checkpoint;
    if ((await store.readAt(position))?.id !== eventId) await vault.remove(checkpointKind, row.id);
  }
};

/**
 * To be asked at the start, before anything is written: do lists and effects stand where this log has been?
 * @throws WrongStore for the first that does not
 */
export const requireCheckpointsInLog = async (
  store: Pick<EventStore, 'readAt'>,
  vault: Pick<Vault, 'find'>,
  builds: readonly Build[],
): Promise<void> => {
  for (const build of builds) await requireInLog(store, `list ${build.list}`, build.checkpoint);
  for (const row of await vault.find(checkpointKind, {}, { after: null, limit: 1000 })) {
    await requireInLog(store, `effect ${row.id}`, JSON.parse(row.value) as Checkpoint);
  }
};
