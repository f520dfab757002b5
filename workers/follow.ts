import type { EventCodec } from '../commands/handling/eventCodec.ts';
import type { EventStore, Position, StoredEvent } from '../commands/ports/eventStore.ts';
import type { Checkpoint } from '../commands/ports/lists.ts';
import type { Vault } from '../commands/ports/vault.ts';
import type { DomainEvent, Recorded } from '../domain/event.ts';
import type { EventName, EventNamed } from '../domain/events.ts';
import { type EffectCheckpoint, effectCheckpoint } from './checkpoints.ts';
import { either, type Worker, type WorkerParts, worker } from './worker.ts';

export type FollowParts = WorkerParts & {
  readonly store: EventStore;
  readonly vault: Vault;
  readonly codec: Pick<EventCodec, 'view' | 'open'>;
};

export type Effect<T extends EventName> = {
  readonly name: string;
  /** The events it acts on; of all others only the position is noted. */
  readonly types: readonly T[];
  /** It needs what is sealed; without it that is null. */
  readonly personal?: boolean;
  /** At least once per event, in the order of the log. Doing it again changes nothing. */
  readonly handle: (event: Recorded<EventNamed<T>>, signal: AbortSignal) => Promise<void>;
  /** Where it is kept how far the effect is; without it, in the vault under the effect's name. */
  readonly checkpoint?: EffectCheckpoint;
  /** Beside following, whenever it is awake: what is due by the clock. */
  readonly tick?: () => Promise<void>;
};

const batchSize = 500;
/** A wake-up is no promise: the log is looked at again after so long. */
const idleMs = 1_000;
/** A checkpoint that moves over other people's events only is written this seldom; what is read twice is little. */
const notedMs = 5_000;

/**
 * An effect that follows the log from its checkpoint in the vault. The checkpoint moves after the effect, so a crash
 * between the two means that it is done again, never that it is missed. Two of them may run at once: both do the work,
 * the guarded append behind `handle` keeps one.
 */
export const follow = <T extends EventName>(parts: FollowParts, effect: Effect<T>): Worker => {
  const { store, clock, scheduler } = parts;
  const checkpoint = effect.checkpoint ?? effectCheckpoint(parts.vault, effect.name);
  const types: ReadonlySet<string> = new Set(effect.types);
  let started = false;
  let at: Position | null = null;
  let unwritten: Checkpoint | null = null;
  let writtenAt = Number.NEGATIVE_INFINITY;

  const write = async () => {
    if (unwritten === null) return;
    await checkpoint.advance(unwritten);
    unwritten = null;
    writtenAt = clock.monotonic();
  };

  const opened = async (stored: StoredEvent): Promise<Recorded<EventNamed<T>>> => {
    const event = effect.personal ? await parts.codec.open(stored) : parts.codec.view(stored);
    return event as Recorded<DomainEvent> as Recorded<EventNamed<T>>;
  };

  /** @returns whether the end of the log was reached */
  const readBatch = async (signal: AbortSignal): Promise<boolean> => {
    const batch = await store.readAll(at, batchSize);
    for (const stored of batch.events) {
      if (signal.aborted) return false;
      const mine = types.has(stored.type);
      if (mine) {
        await effect.handle(await opened(stored), signal);
        if (signal.aborted) return false;
      }
      at = stored.position;
      unwritten = { position: stored.position, eventId: stored.id };
      if (mine) writtenAt = Number.NEGATIVE_INFINITY;
    }
    at = batch.position ?? at;
    return batch.end;
  };

  const step = async (signal: AbortSignal) => {
    if (!started) {
      at = (await checkpoint.read())?.position ?? null;
      started = true;
    }
    let end: boolean;
    try {
      end = await readBatch(signal);
    } finally {
      if (clock.monotonic() - writtenAt >= notedMs) await write();
    }
    await effect.tick?.();
    if (!end) return 0;
    return (stop: AbortSignal) =>
      either(
        stop,
        (any) => store.changed(at, any),
        (any) => scheduler.sleep(idleMs, any),
      );
  };

  return worker(parts, effect.name, step, { position: () => at, lastly: write });
};
