import { failedWith } from '../commands/failure.ts';
import type { Document, Lists } from '../commands/ports/lists.ts';
import type { KeyId, UserId } from '../domain/ids.ts';
import { type Instant, instant } from '../domain/instant.ts';
import type { Json } from '../domain/json.ts';
import { unusedSince } from '../projections/lists/keyFilter.ts';
import { hasStatus, isKey } from '../projections/lists/keyStatus.ts';
import type { ListReader } from './listReader.ts';
import { type Worker, type WorkerParts, worker } from './worker.ts';

export type UnusedKeysParts = WorkerParts & {
  readonly lists: Lists;
  readonly reader: Pick<ListReader, 'current'>;
  /** Keys that nobody has used since then end now; null: the policy ends none. */
  readonly unusedBefore: (now: Instant) => Promise<Instant | null>;
  /** Ends in one append those of the keys that are unused indeed, asking whoever knows. @returns how many */
  readonly endUnused: (ownerId: UserId, keyIds: readonly KeyId[]) => Promise<number>;
  /** Keys a second, at most. */
  readonly rate?: number;
};

/**
 * How late a use may be written down: a process writes at most once in a quarter of an hour, a service reports as often as
 * it likes, and the vault may be away. Ending a key an hour later than its last day hurts nobody.
 */
export const slackSeconds = 3_600;

const everyMs = 600_000;
const listAwaitedMs = 1_000;
const pageSize = 500;
/** An append holds so many. */
const together = 100;
const defaultRate = 500;

/**
 * Ends keys that nobody has used for as long as the policy says. Who may be one is looked up in the list of all keys,
 * which may know of a use too late; whether it is one is decided where the last use itself is kept. Running two is safe:
 * the second finds the key ended.
 */
export const unusedKeys = (parts: UnusedKeysParts): Worker => {
  const { lists, reader, clock, scheduler, log } = parts;
  const rate = parts.rate ?? defaultRate;

  /** Whose keys cannot be ended keeps nobody else's waiting. */
  const endAll = async (buildId: string, before: Instant, signal: AbortSignal) => {
    let ended = 0;
    let failure: PromiseRejectedResult | null = null;
    for await (const page of unusedIn(lists, buildId, before, instant(clock.now())))
      for (const [ownerId, keyIds] of byOwner(page)) {
        if (signal.aborted) return { ended, failure };
        const begun = clock.monotonic();
        const [outcome] = await Promise.allSettled([parts.endUnused(ownerId, keyIds)]);
        if (outcome.status === 'rejected') failure ??= outcome;
        else ended += outcome.value;
        await scheduler.sleep(Math.max(1, begun + (keyIds.length * 1_000) / rate - clock.monotonic()), signal);
      }
    return { ended, failure };
  };

  return worker(parts, 'unused-keys', async (signal) => {
    const before = await parts.unusedBefore(instant(clock.now()));
    if (before === null) return everyMs;
    const buildId = await buildThatAnswers(reader);
    // Being filled for the first time.
    if (buildId === null) return listAwaitedMs;
    const { ended, failure } = await endAll(buildId, before, signal);
    if (ended > 0) log.info({ worker: 'unused-keys', ended }, 'unused keys ended');
    if (failure !== null) throw failure.reason;
    return everyMs;
  });
};

const buildThatAnswers = async (reader: UnusedKeysParts['reader']): Promise<string | null> => {
  try {
    return (await reader.current('apiKeys')).buildId;
  } catch (error) {
    if (failedWith(error, 'not-caught-up')) return null;
    throw error;
  }
};

/** Pages of keys that look unused, oldest first. */
async function* unusedIn(
  lists: Lists,
  buildId: string,
  before: Instant,
  now: Instant,
): AsyncGenerator<readonly Document[], void, undefined> {
  const where = [
    isKey,
    { column: 'createdAt', op: 'lt', value: before } as const,
    ...hasStatus('active', now),
    unusedSince(before),
  ];
  const sort = [{ column: 'createdAt', descending: false }];
  for (let after: readonly Json[] | null = null; ; ) {
    const page: readonly Document[] = await lists.query(buildId, { where, sort, after, limit: pageSize });
    yield page;
    const end = page.at(-1);
    if (end === undefined || page.length < pageSize) return;
    after = [end.createdAt ?? null, end.id];
  }
}

/** In portions that one append takes. */
function* byOwner(page: readonly Document[]): Generator<readonly [UserId, readonly KeyId[]]> {
  const owners = Map.groupBy(page, ({ ownerId }) => ownerId as UserId);
  for (const [ownerId, documents] of owners)
    for (let from = 0; from < documents.length; from += together)
      yield [ownerId, documents.slice(from, from + together).map(({ id }) => id as KeyId)];
}
