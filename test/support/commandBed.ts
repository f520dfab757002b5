import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { createMemoryVault } from '../../adapters/memory/vault.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import type { Request } from '../../commands/command.ts';
import { type Core, type CoreDeps, createCore } from '../../commands/core.ts';
import type { Randomness, Scheduler } from '../../commands/environment.ts';
import { instant } from '../../domain/instant.ts';
import { createManualClock, type ManualClock } from './manualClock.ts';

/** Random bytes that are the same in every run of a test. */
export const seededRandomness = (seed = 'seed'): Randomness => {
  const { hmacSha256 } = nodeCryptography();
  let drawn = 0;
  return {
    bytes: (length) => {
      const blocks: Uint8Array[] = [];
      for (let have = 0; have < length; have += 32) {
        drawn += 1;
        blocks.push(hmacSha256(Buffer.from(seed), String(drawn)));
      }
      return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
    },
  };
};

/** Every sleep is over once other work had its turn, and moves the clock by its length. */
export const hurriedScheduler = (clock: ManualClock): Scheduler => ({
  sleep: async (ms, signal) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (!signal?.aborted) clock.advance(ms);
  },
});

/** Sleeps that end when the test says so. */
export const heldScheduler = (clock: ManualClock) => {
  const sleeping = new Set<{ readonly ms: number; readonly wake: () => void }>();
  const scheduler: Scheduler = {
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const entry = {
          ms,
          wake: () => {
            sleeping.delete(entry);
            resolve();
          },
        };
        sleeping.add(entry);
        signal?.addEventListener('abort', entry.wake);
      }),
  };
  /** All who sleep now, in the order of how long; the clock moves by the longest. */
  const wakeAll = () => {
    const all = [...sleeping];
    clock.advance(Math.max(0, ...all.map(({ ms }) => ms)));
    for (const { wake } of all) wake();
  };
  return { scheduler, sleeping, wakeAll };
};

/**
 * Sleeps end in the order in which they are due, each once everybody else had `turns` turns of the event loop: as if
 * stores and processes were quick, and waiting took its time.
 */
export const orderlyScheduler = (clock: ManualClock, turns = 20): Scheduler => {
  const sleeping = new Set<{ readonly due: number; readonly wake: () => void }>();
  let running = false;
  const run = async () => {
    running = true;
    while (sleeping.size > 0) {
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const next = [...sleeping].sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      clock.advance(Math.max(0, next.due - clock.monotonic()));
      next.wake();
    }
    running = false;
  };
  return {
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const entry = {
          due: clock.monotonic() + ms,
          wake: () => {
            sleeping.delete(entry);
            resolve();
          },
        };
        sleeping.add(entry);
        signal?.addEventListener('abort', entry.wake);
        if (!running) void run();
      }),
  };
};

export type Bed = ReturnType<typeof createBed>;

/**
 * Stores in memory and processes over them. A process has caches of its own and shares the stores with every other;
 * `process({ store: withFaults(bed.store, …) })` sees them through faults.
 */
export const createBed = (common: Partial<CoreDeps> = {}) => {
  const clock = createManualClock();
  const store = common.store ?? createMemoryEventStore();
  const vault = common.vault ?? createMemoryVault(clock);
  const lists = createMemoryLists();
  let processes = 0;

  const process = (own: Partial<CoreDeps> = {}): Core & { readonly reports: string[] } => {
    processes += 1;
    const reports: string[] = [];
    const core = createCore({
      store,
      vault,
      lists,
      crypto: nodeCryptography(),
      clock,
      randomness: seededRandomness(`process ${processes}`),
      scheduler: hurriedScheduler(clock),
      masterKey: new Uint8Array(32).fill(1),
      processId: `process-${processes}`,
      afterAppend: async () => {},
      report: (error, doing) => reports.push(`${doing}: ${error instanceof Error ? error.message : String(error)}`),
      ...common,
      ...own,
    });
    return { ...core, reports };
  };

  let requests = 0;
  /** Another request each time, by nobody, now; `key` alone asks for it under this Idempotency-Key. */
  const request = (own: Partial<Request> & { readonly key?: string; readonly body?: string } = {}): Request => {
    const { key, body, ...rest } = own;
    requests += 1;
    return {
      at: instant(clock.now()),
      actor: { kind: 'worker', id: null },
      ip: null,
      userAgent: null,
      requestId: `request-${requests}`,
      correlationId: `correlation-${requests}`,
      causationId: null,
      idempotency: key === undefined ? null : { key, route: 'POST /v1/things', body: body ?? '{}' },
      ifMatch: null,
      ...rest,
    };
  };

  return { clock, store, vault, lists, process, request };
};
