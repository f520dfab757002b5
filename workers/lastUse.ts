import type { Clock, Scheduler } from '../commands/environment.ts';
import type { VaultTable } from '../commands/sealing/vaultTable.ts';
import type { KeyId, UserId } from '../domain/ids.ts';
import { type Instant, instant } from '../domain/instant.ts';
import { createUseRows, withoutForgotten } from './useRows.ts';

/** When a key was last used, and from which address, where the asking service told it. */
export type Use = { readonly at: Instant; readonly ip: string | null };

export type KeyUse = Use & { readonly keyId: KeyId };

// Stored shape of the vault's rows of kind `last-use`, by the key's id; sealed under its owner's key.
export type UseRow = { readonly at: Instant; readonly ip: string | null };

/** The newest use of every key, in memory, written now and then: at most once per key and quarter of an hour. */
export type LastUse = {
  /** @param at milliseconds since 1970 */
  readonly mark: (keyId: KeyId, ownerId: UserId, at: number, ip: string | null) => void;
  /** What this process knows and may not have written yet. */
  readonly of: (keyId: KeyId) => Use | null;
  /**
   * Writes what is due, at a pace, until the signal fires; `all`: also what was written within the quarter of an hour, and
   * as fast as it can. @returns how many keys
   */
  readonly flush: (all?: boolean, signal?: AbortSignal) => Promise<number>;
  /** Writes what is due every minute; everything when the signal fires. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

const quarterHourMs = 15 * 60_000;
const everyMs = 60_000;
/** Written side by side. */
const together = 16;
/** Between them, so that a million keys that are used at once leave the thread to others: at most two thousand a second. */
const paceMs = 8;
/** Rows that are walked over before others get their turn. */
const lookedAtOnce = 50_000;

export const createLastUse = (deps: {
  readonly table: VaultTable<UseRow>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Told of what is now written, for lists that show it. */
  readonly onWritten?: (uses: readonly KeyUse[]) => Promise<void>;
  readonly onTrouble?: (error: unknown) => void;
}): LastUse => {
  const { table, clock, scheduler, onWritten, onTrouble = () => {} } = deps;
  let rows = createUseRows();
  let passes = 0;

  /** `contended`: another process is just writing it. `erased`: of its owner nothing is kept, nor shown. */
  const write = async (keyId: KeyId, ownerId: UserId, use: UseRow): Promise<'written' | 'contended' | 'erased'> => {
    const before = await table.get(keyId);
    if (before !== null && before.value.at >= use.at) return 'written';
    const options = { person: ownerId, ref: keyId };
    const put = await table.put(keyId, use, before?.version ?? 'absent', options);
    if (put.put) return 'written';
    return put.current === null ? 'erased' : 'contended';
  };

  /** @returns null where it was not written */
  const writeRow = async (row: number): Promise<KeyUse | null> => {
    const keyId = rows.keyId(row);
    const use = { at: instant(rows.at(row)), ip: rows.ip(row) };
    const since = rows.writtenAt(row);
    // Before the write: a use while it runs makes the row due for another, a quarter of an hour on.
    rows.written(row, clock.monotonic());
    try {
      const outcome = await write(keyId, rows.ownerId(row), use);
      if (outcome === 'written') return { keyId, ...use };
      if (outcome === 'erased') rows.forget(row);
      else rows.unwritten(row, since);
      return null;
    } catch (error) {
      rows.unwritten(row, since);
      throw error;
    }
  };

  /** @returns how many were written, and whether the vault answered */
  const writeAll = async (slice: readonly number[]): Promise<{ readonly count: number; readonly ok: boolean }> => {
    const outcomes = await Promise.allSettled(slice.map(writeRow));
    const written = outcomes.flatMap(({ status, ...outcome }) =>
      'value' in outcome && outcome.value !== null ? [outcome.value] : [],
    );
    if (written.length > 0) await onWritten?.(written).catch(onTrouble);
    const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    // Told once for all of them.
    if (failed !== undefined) onTrouble(failed.reason);
    return { count: written.length, ok: failed === undefined };
  };

  /** The next ones that are due, from a row on; on the way there it forgets what was written long ago. */
  const nextDue = (from: number, all: boolean) => {
    const now = clock.monotonic();
    const slice: number[] = [];
    const end = Math.min(rows.size(), from + lookedAtOnce);
    let row = from;
    for (; row < end && slice.length < together; row++) {
      const isOld = now - rows.writtenAt(row) >= quarterHourMs;
      if (!rows.isDirty(row)) {
        if (isOld) rows.forget(row);
      } else if (all || isOld) slice.push(row);
    }
    return { slice, next: row };
  };

  const pass = async (all: boolean, signal?: AbortSignal): Promise<number> => {
    let count = 0;
    for (let from = 0; from < rows.size() && !signal?.aborted; ) {
      const { slice, next } = nextDue(from, all);
      from = next;
      if (slice.length > 0) {
        const written = await writeAll(slice);
        count += written.count;
        // A vault that is away is asked again by the next pass, not for every key.
        if (!written.ok) return count;
      }
      if (!all && from < rows.size()) await scheduler.sleep(slice.length > 0 ? paceMs : 0, signal);
    }
    return count;
  };

  const flush = async (all = false, signal?: AbortSignal) => {
    // Whoever writes holds numbers of rows.
    if (passes === 0) rows = withoutForgotten(rows);
    passes += 1;
    try {
      return await pass(all, signal);
    } finally {
      passes -= 1;
    }
  };

  return {
    mark: (keyId, ownerId, at, ip) => {
      let row = rows.find(keyId);
      if (row < 0) row = rows.add(keyId, ownerId);
      if (rows.isForgotten(row) || at >= rows.at(row)) rows.use(row, at, ip);
    },
    of: (keyId) => {
      const row = rows.find(keyId);
      return row < 0 || rows.isForgotten(row) ? null : { at: instant(rows.at(row)), ip: rows.ip(row) };
    },
    flush,
    run: async (signal) => {
      while (!signal.aborted) {
        await scheduler.sleep(everyMs, signal);
        await flush(signal.aborted, signal.aborted ? undefined : signal);
      }
    },
  };
};
