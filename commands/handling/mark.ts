import type { Clock } from '../environment.ts';
import type { Position } from '../ports/eventStore.ts';
import type { Expectation, Vault } from '../ports/vault.ts';
import { readPlain, vaultTable } from '../sealing/vaultTable.ts';

/**
 * How far the log is known to reach, kept outside of it: a log that ends before its mark, or holds another event there,
 * is an older copy or another log.
 */
export type Mark = { readonly position: Position; readonly eventId: string };

export type HighWaterMark = {
  /** In the vault when it resolves: before the answer to whatever ends or narrows a right. */
  readonly raise: (mark: Mark) => Promise<void>;
  /** In the vault some time: at most one write a second, begun by a later call, or by `flush`. */
  readonly note: (mark: Mark) => void;
  /** Everything noted is in the vault: at shutdown, and now and then by a worker. */
  readonly flush: () => Promise<void>;
};

const kind = 'mark';
const id = 'log';
const everyMs = 1_000;

const table = (vault: Vault) => vaultTable<Mark>(vault, kind);

export const readMark = (vault: Pick<Vault, 'get'>): Promise<Mark | null> => readPlain(vault, kind, id);

/** Whatever stands there, also where the new one is lower: only for who takes over a restored log. */
export const resetMark = async (vault: Vault, mark: Mark): Promise<void> => {
  await table(vault).put(id, mark, 'any');
};

/** @param report gets the failure of a write that nobody waits for; the next one writes it again */
export const highWaterMark = (deps: {
  vault: Vault;
  clock: Clock;
  report: (error: unknown, doing: string) => void;
}): HighWaterMark => {
  const rows = table(deps.vault);
  let highest: Mark | null = null;
  let written: Mark | null = null;
  let stands: Expectation = 'absent';
  let writtenAt = Number.NEGATIVE_INFINITY;
  let waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  let busy = false;

  const reached = (mark: Mark) => written !== null && written.position >= mark.position;

  /** Other processes raise it too: what they wrote higher stands. */
  const write = async (mark: Mark): Promise<void> => {
    while (!reached(mark)) {
      const result = await rows.put(id, mark, stands);
      if (result.put) {
        written = mark;
        stands = result.version;
      } else {
        written = result.current?.value ?? null;
        stands = result.current?.version ?? 'absent';
      }
    }
  };

  const run = async () => {
    busy = true;
    while (waiting.length > 0) {
      // One write for all who came while the last one was under way.
      const served = waiting;
      waiting = [];
      writtenAt = deps.clock.monotonic();
      try {
        await write(highest!);
        for (const { resolve } of served) resolve();
      } catch (error) {
        for (const { reject } of served) reject(error);
      }
    }
    busy = false;
  };

  const heighten = (mark: Mark) => {
    if (highest === null || mark.position > highest.position) highest = mark;
  };

  const raise = (mark: Mark): Promise<void> => {
    heighten(mark);
    if (reached(mark)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      if (!busy) void run();
    });
  };

  return {
    raise,
    note: (mark) => {
      heighten(mark);
      if (busy || deps.clock.monotonic() - writtenAt < everyMs) return;
      raise(mark).catch((error: unknown) => deps.report(error, 'raising the mark of the log'));
    },
    flush: async () => {
      if (highest) await raise(highest);
    },
  };
};
