import type { Clock, Scheduler } from '../commands/environment.ts';
import type { VaultTable } from '../commands/sealing/vaultTable.ts';
import type { KeyId, UserId } from '../domain/ids.ts';
import { type Instant, instant } from '../domain/instant.ts';

/** When a key was last used, and from which address, where the asking service told it. */
export type Use = { readonly at: Instant; readonly ip: string | null };

// Stored shape of the vault's rows of kind `last-use`, by the key's id; sealed under its owner's key.
export type UseRow = { readonly at: Instant; readonly ip: string | null };

/** The newest use of every key, in memory, written now and then: at most once per key and quarter of an hour. */
export type LastUse = {
  /** @param at milliseconds since 1970 */
  readonly mark: (keyId: KeyId, ownerId: UserId, at: number, ip: string | null) => void;
  /** What this process knows and may not have written yet. */
  readonly of: (keyId: KeyId) => Use | null;
  /** Writes what is due; `all`: also what was written within the quarter of an hour. @returns how many keys */
  readonly flush: (all?: boolean) => Promise<number>;
  /** Writes what is due every minute; everything when the signal fires. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

type Entry = {
  ownerId: UserId;
  at: number;
  ip: string | null;
  dirty: boolean;
  /** Milliseconds of the monotonic clock; -Infinity: not by this process. */
  writtenAt: number;
};

const quarterHourMs = 15 * 60_000;
const everyMs = 60_000;
const together = 16;

export const createLastUse = (deps: {
  readonly table: VaultTable<UseRow>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Told of what is now written, for lists that show it. */
  readonly onWritten?: (uses: readonly (Use & { readonly keyId: KeyId })[]) => Promise<void>;
  readonly onTrouble?: (error: unknown) => void;
}): LastUse => {
  const { table, clock, scheduler, onWritten, onTrouble = () => {} } = deps;
  const entries = new Map<KeyId, Entry>();

  /** `contended`: another process is just writing it. `erased`: of its owner nothing is kept, nor shown. */
  const write = async (keyId: KeyId, { ownerId, at, ip }: Entry): Promise<'written' | 'contended' | 'erased'> => {
    const before = await table.get(keyId);
    const use = { at: instant(at), ip };
    if (before !== null && before.value.at >= use.at) return 'written';
    const options = { person: ownerId, ref: keyId };
    const put = await table.put(keyId, use, before?.version ?? 'absent', options);
    if (put.put) return 'written';
    return put.current === null ? 'erased' : 'contended';
  };

  const isDue = (entry: Entry, all: boolean) =>
    entry.dirty && (all || clock.monotonic() - entry.writtenAt >= quarterHourMs);

  const writeEntry = async (keyId: KeyId, entry: Entry): Promise<(Use & { readonly keyId: KeyId }) | null> => {
    const { at, ip } = entry;
    const since = entry.writtenAt;
    // Before the write: a use while it runs makes the entry due for another, a quarter of an hour on.
    entry.dirty = false;
    entry.writtenAt = clock.monotonic();
    try {
      const outcome = await write(keyId, { ...entry, at, ip });
      if (outcome === 'written') return { keyId, at: instant(at), ip };
      if (outcome === 'erased') {
        entries.delete(keyId);
        return null;
      }
    } catch (error) {
      onTrouble(error);
    }
    entry.dirty = true;
    entry.writtenAt = since;
    return null;
  };

  const forgetOld = () => {
    for (const [keyId, entry] of entries)
      if (!entry.dirty && clock.monotonic() - entry.writtenAt >= quarterHourMs) entries.delete(keyId);
  };

  const flush = async (all = false) => {
    forgetOld();
    const due = [...entries].filter(([, entry]) => isDue(entry, all));
    let count = 0;
    for (let first = 0; first < due.length; first += together) {
      const slice = due.slice(first, first + together);
      const written = (await Promise.all(slice.map(([keyId, entry]) => writeEntry(keyId, entry)))).filter(
        (use) => use !== null,
      );
      count += written.length;
      if (written.length > 0) await onWritten?.(written).catch(onTrouble);
    }
    return count;
  };

  return {
    mark: (keyId, ownerId, at, ip) => {
      const entry = entries.get(keyId);
      if (entry === undefined) {
        entries.set(keyId, { ownerId, at, ip, dirty: true, writtenAt: Number.NEGATIVE_INFINITY });
        return;
      }
      if (at < entry.at) return;
      entry.at = at;
      entry.ip = ip;
      entry.dirty = true;
    },
    of: (keyId) => {
      const entry = entries.get(keyId);
      return entry === undefined ? null : { at: instant(entry.at), ip: entry.ip };
    },
    flush,
    run: async (signal) => {
      while (!signal.aborted) {
        await scheduler.sleep(everyMs, signal);
        await flush(signal.aborted);
      }
    },
  };
};
