import { isRejection, reject } from '../../domain/decider.ts';
import type { Json } from '../../domain/json.ts';
import type { Outcome } from '../command.ts';
import type { Clock, Scheduler } from '../environment.ts';

/** What runs in this process under an intent: a repeat waits for its first run instead of racing it. */
export type Repeats = {
  /**
   * Runs the work, or waits for what runs under this id: that outcome is the answer, unless it failed or was for
   * another body. After 10 s: rejection `idempotency-in-progress`.
   */
  readonly inTurn: <R extends Json>(id: string, body: string, work: () => Promise<Outcome<R>>) => Promise<Outcome<R>>;
  readonly runs: (id: string) => boolean;
};

const waitsMs = 10_000;

export const createRepeats = ({ clock, scheduler }: { clock: Clock; scheduler: Scheduler }): Repeats => {
  const live = new Map<string, { readonly body: string; readonly outcome: Promise<Outcome<Json>> }>();

  const lead = async <R extends Json>(
    id: string,
    body: string,
    work: () => Promise<Outcome<R>>,
  ): Promise<Outcome<R>> => {
    const outcome = work();
    live.set(id, { body, outcome });
    try {
      return await outcome;
    } finally {
      live.delete(id);
    }
  };

  const outcomeWithin = async (outcome: Promise<Outcome<Json>>, ms: number) => {
    if (ms <= 0) return 'late';
    const over = new AbortController();
    const late = scheduler.sleep(ms, over.signal).then(() => 'late' as const);
    try {
      return await Promise.race([outcome.catch(() => 'failed' as const), late]);
    } finally {
      over.abort();
    }
  };

  return {
    runs: (id) => live.has(id),

    inTurn: async <R extends Json>(id: string, body: string, work: () => Promise<Outcome<R>>) => {
      const end = clock.monotonic() + waitsMs;
      for (;;) {
        const first = live.get(id);
        if (!first) return lead(id, body, work);
        const outcome = await outcomeWithin(first.outcome, end - clock.monotonic());
        if (outcome === 'late') return reject('idempotency-in-progress');
        if (first.body !== body || outcome === 'failed') continue;
        return isRejection(outcome) ? outcome : { ...outcome, result: outcome.result as R, replayed: true };
      }
    },
  };
};
