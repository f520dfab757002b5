import { Failure, failedWith } from '../commands/failure.ts';
import type { Bus } from '../commands/ports/bus.ts';
import type { Position } from '../commands/ports/eventStore.ts';
import type { Vault } from '../commands/ports/vault.ts';
import { instant } from '../domain/instant.ts';
import type { ProvenIndex } from '../projections/provenIndex.ts';
import { checkpointKind } from './checkpoints.ts';
import { either, fired, type Worker, type WorkerParts, worker } from './worker.ts';

export type PublisherParts = WorkerParts & {
  readonly index: Pick<ProvenIndex, 'feed' | 'feedPage' | 'proof' | 'position' | 'onProof' | 'halted'>;
  readonly bus: Bus;
  readonly vault: Vault;
  /** Of this run of this process. */
  readonly processId: string;
};

const name = 'publisher';
const pageSize = 500;
const heartbeatMs = 1_000;
/** Whoever takes over after a crash waits so long. */
const leaseMs = 3_000;
/** A bus that is back gets what it missed at once. */
const longestRetryMs = 1_000;
/** How often one that stands by asks. */
const standByMs = 1_000;

// Stored shape of the vault's row: the last message that the bus took, and as every checkpoint the event that it is of.
type Published = { readonly epoch: string; readonly position: Position; readonly eventId: string };

/** Where it goes on: everything up to `after` was published; the bus's last message is `fence`. */
type Place = { readonly after: Position | null; readonly fence: Position | null };

/**
 * Puts the feed's messages on the bus, in order, each once. The bus's last message is the checkpoint and the fence: a
 * publisher that another has overtaken publishes nothing. Only the holder of the lease works, so that they do not fight;
 * that it holds it is never what keeps them from harm, so with a vault that does not answer it goes on publishing. A
 * heartbeat says that everything up to a proven end of the log was published: without the lease, or a newer proof, or
 * with a message that is still on its way, there is none. No message waits for the vault.
 */
export const publisher = (parts: PublisherParts): Worker => {
  const { index, bus, vault, clock, scheduler, processId, log } = parts;
  let place: Place | null = null;
  // As the vault last said, and what came instead of its last answer.
  let isHolder = false;
  let noAnswer: unknown = null;
  // It runs from when it was asked for, at the latest.
  let heldUntil = Number.NEGATIVE_INFINITY;
  let leaseAskedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  let beatAt = Number.NEGATIVE_INFINITY;
  let beatProof = Number.NEGATIVE_INFINITY;

  const askForLease = async () => {
    leaseAskedAt = clock.monotonic();
    try {
      const lease = await vault.lease(name, processId, leaseMs);
      isHolder = lease !== null;
      heldUntil = isHolder ? leaseAskedAt + leaseMs : Number.NEGATIVE_INFINITY;
      noAnswer = null;
    } catch (error) {
      if (isHolder && noAnswer === null)
        log.warn({ worker: name, err: error }, 'the lease cannot be renewed: publishing goes on, heartbeats do not');
      noAnswer = error;
    }
  };

  const isSurelyHeld = () => isHolder && clock.monotonic() < heldUntil;

  /**
   * Whether to work. It is renewed beside the work; whoever slept past its end waits for the answer, and goes on without
   * one. @throws where nobody can tell whether it is another's
   */
  const holdsLease = async (): Promise<boolean> => {
    if (clock.monotonic() - leaseAskedAt >= heartbeatMs)
      asking ??= askForLease().finally(() => {
        asking = null;
      });
    if (!isSurelyHeld() && (!isHolder || noAnswer === null)) await asking;
    if (noAnswer !== null && !isHolder) throw noAnswer;
    return isHolder && (noAnswer !== null || isSurelyHeld());
  };

  const published = async (): Promise<Published | null> => {
    const row = await vault.get(checkpointKind, name);
    return row && (JSON.parse(row.value) as Published);
  };

  let toNote: Published | null = null;
  let noting: Promise<void> | null = null;

  const noteAll = async () => {
    while (toNote !== null) {
      const value = JSON.stringify(toNote);
      toNote = null;
      const row = { kind: checkpointKind, id: name, value, person: null, ref: null, expiresAt: null };
      await vault.put(row, 'any').catch((error: unknown) => {
        log.warn({ worker: name, err: error }, 'the place in the feed could not be noted');
      });
    }
  };

  /** For buses that forget. It is a hint, so the newest is enough: what the bus itself says comes first. */
  const note = (last: Published) => {
    toNote = last;
    noting ??= noteAll().finally(() => {
      noting = null;
    });
  };

  const findPlace = async (): Promise<Place> => {
    const feed = index.feed();
    const epoch = feed.epoch();
    if (epoch === null) throw new Failure('not-caught-up', 'the log has no epoch yet');
    const last = await bus.last();
    if (last?.epoch === epoch) return { after: last.position, fence: last.position };
    const noted = await published();
    if (noted?.epoch === epoch) return { after: noted.position, fence: null };
    return { after: beforeEpoch(), fence: null };
  };

  /** Messages of an older epoch are another log's to whoever listens now. */
  const beforeEpoch = (): Position | null => {
    const from = index.feed().freeze().epochs.at(-1)?.from ?? 0;
    return from === 0 ? null : index.feed().positionOf(from - 1);
  };

  /** @returns whether there may be more */
  const publishPage = async (): Promise<boolean> => {
    place ??= await findPlace();
    const items = await index.feedPage(place.after, pageSize);
    const last = items.at(-1)?.message;
    if (last === undefined) return false;
    try {
      await bus.publish(
        items.map(({ message }) => message),
        place.fence,
      );
    } catch (error) {
      // Where it stands is asked anew, also after a failure that leaves open how many were taken.
      place = null;
      if (!failedWith(error, 'bus-out-of-step')) throw error;
      log.warn({ worker: name }, 'another publisher was faster');
      return true;
    }
    place = { after: last.position, fence: last.position };
    note({ epoch: last.epoch, position: last.position, eventId: last.id });
    return items.length === pageSize;
  };

  const isPublished = (lastMessage: Position | null) => (lastMessage ?? '') <= (place?.after ?? '');

  const beat = async () => {
    if (clock.monotonic() - beatAt < heartbeatMs || !isSurelyHeld()) return;
    // Taken together, without a pause between: what the index read since the proof is in `head`, and published or not.
    const proof = index.proof();
    const feed = index.feed();
    const [head, lastMessage, epoch] = [index.position(), feed.lastMessage(), feed.epoch()];
    if (proof === null || proof.monotonic <= beatProof || epoch === null || index.halted() !== null) return;
    if (!isPublished(lastMessage)) return;
    const begun = clock.monotonic();
    await bus.heartbeat({ epoch, head, lastMessage, provenAt: instant(proof.wall) });
    // Of one that failed nothing is remembered: with a bus that is away, every step fails until it is back.
    beatAt = begun;
    beatProof = proof.monotonic;
  };

  const step = async () => {
    const halted = index.halted();
    if (halted !== null) throw new Error(`the feed has stopped at ${halted.position}: ${halted.reason}`);
    if (!(await holdsLease())) {
      place = null;
      return standByMs;
    }
    if (await publishPage()) return 0;
    await beat();
    return untilNews;
  };

  const untilNews = async (signal: AbortSignal): Promise<void> => {
    // What came while the last ones were on their way told nobody.
    if (!isPublished(index.feed().lastMessage())) return;
    const untilBeat = beatAt + heartbeatMs - clock.monotonic();
    await either(
      signal,
      (any) => told((tell) => index.feed().listen(tell), any),
      // Where a heartbeat is due and none could be sent, the next proof calls.
      (any) => (untilBeat > 0 ? fired(any) : told(index.onProof, any)),
      (any) => scheduler.sleep(untilBeat > 0 ? untilBeat : heartbeatMs, any),
    );
  };

  return worker(parts, name, step, {
    position: () => place?.after ?? null,
    longestRetryMs,
    lastly: async () => {
      await Promise.allSettled([asking, noting]);
      if (isHolder) await vault.releaseLease(name, processId);
    },
  });
};

/** Resolves when something is told. */
const told = (listen: (tell: () => void) => () => void, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      deaf();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const deaf = listen(end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
