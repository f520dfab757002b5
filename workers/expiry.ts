import { failedWith } from '../commands/failure.ts';
import type { Position } from '../commands/ports/eventStore.ts';
import type { Condition, Document, Lists } from '../commands/ports/lists.ts';
import type { UserId } from '../domain/ids.ts';
import { instant, millis } from '../domain/instant.ts';
import type { Json } from '../domain/json.ts';
import { dueToExpire, willExpire } from '../projections/lists/keyStatus.ts';
import type { ListReader } from './listReader.ts';
import { type Worker, type WorkerParts, worker } from './worker.ts';

export type ExpiryParts = WorkerParts & {
  readonly lists: Lists;
  readonly reader: Pick<ListReader, 'current' | 'reached'>;
  /** Records in one append every key of this owner that the clock has ended. @returns where, or null: there was nothing */
  readonly expireKeys: (ownerId: UserId) => Promise<Position | null>;
  /** Owners a second, at most. */
  readonly rate?: number;
};

/** A key that was made meanwhile may end before the one that was next. */
const longestSleepMs = 5_000;
const listAwaitedMs = 250;
const pageSize = 500;
type Pass = { last: Position | null; failure: PromiseRejectedResult | null };

/** Pieces that the budget of a second is spent in, so that others get their turn between them. */
const piecesPerSecond = 20;
const defaultRate = 2_500;

/**
 * Records expiries. The clock ends a key by itself, at every check: this only writes it down, one append per keyring, as
 * fast as the budget allows. Its due dates are the index of the list of all keys; nothing is kept in memory, and a list
 * that is rebuilt or behind makes the record late, never wrong. Running two is safe: the second finds nothing to append.
 */
export const expiryWorker = (parts: ExpiryParts): Worker => {
  const { lists, reader, clock, scheduler, log } = parts;
  const atOnce = Math.max(1, Math.floor((parts.rate ?? defaultRate) / piecesPerSecond));

  /** @throws the first failure, after all were tried */
  const recordAll = async (owners: readonly UserId[], pass: Pass): Promise<void> => {
    const outcomes = await Promise.allSettled(owners.map((ownerId) => parts.expireKeys(ownerId)));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') pass.failure ??= outcome;
      else if (outcome.value !== null && outcome.value > (pass.last ?? '')) pass.last = outcome.value;
    }
  };

  /** One pass over all that is due; whose keys cannot be recorded keeps nobody else waiting. */
  const recordDue = async (buildId: string, signal: AbortSignal): Promise<Pass> => {
    const pass: Pass = { last: null, failure: null };
    const seen = new Set<UserId>();
    let waiting: UserId[] = [];
    for await (const document of documentsIn(lists, buildId, dueToExpire(instant(clock.now())))) {
      if (signal.aborted) return pass;
      const ownerId = document.ownerId as UserId;
      if (seen.has(ownerId)) continue;
      seen.add(ownerId);
      waiting.push(ownerId);
      if (waiting.length < atOnce) continue;
      const begun = clock.monotonic();
      await recordAll(waiting, pass);
      waiting = [];
      await scheduler.sleep(Math.max(1, begun + 1_000 / piecesPerSecond - clock.monotonic()), signal);
    }
    await recordAll(waiting, pass);
    if (pass.last !== null) log.info({ worker: 'expiry', owners: seen.size }, 'expiries recorded');
    return pass;
  };

  /** Until the next end that is ahead, at most. */
  const untilNext = async (buildId: string): Promise<number> => {
    const now = clock.now();
    const [next] = await lists.query(buildId, {
      where: willExpire(instant(now)),
      sort: [{ column: 'endsAt', descending: false }],
      after: null,
      limit: 1,
    });
    return next === undefined
      ? longestSleepMs
      : Math.min(longestSleepMs, Math.max(1, millis(next.endsAt as string) - now));
  };

  return worker(parts, 'expiry', async (signal) => {
    const buildId = await buildThatAnswers(reader);
    // Being filled for the first time.
    if (buildId === null) return listAwaitedMs;
    const { last, failure } = await recordDue(buildId, signal);
    // Until the list has seen them they look due still.
    if (last !== null) await reader.reached('apiKeys', last, 5_000);
    if (failure !== null) throw failure.reason;
    return untilNext(buildId);
  });
};

const buildThatAnswers = async (reader: ExpiryParts['reader']): Promise<string | null> => {
  try {
    return (await reader.current('apiKeys')).buildId;
  } catch (error) {
    if (failedWith(error, 'not-caught-up')) return null;
    throw error;
  }
};

/** Documents of a build in the order of their ends, page by page. */
export async function* documentsIn(
  lists: Lists,
  buildId: string,
  where: readonly Condition[],
): AsyncGenerator<Document, void, undefined> {
  let after: readonly Json[] | null = null;
  for (;;) {
    const page: readonly Document[] = await lists.query(buildId, {
      where,
      sort: [{ column: 'endsAt', descending: false }],
      after,
      limit: pageSize,
    });
    yield* page;
    const end = page.at(-1);
    if (end === undefined || page.length < pageSize) return;
    after = [end.endsAt ?? null, end.id];
  }
}
