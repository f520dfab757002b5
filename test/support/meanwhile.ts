import { setTimeout } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Response } from './client.ts';

/** One call that is made again and again while something is away. */
export type Repeated = {
  readonly what: string;
  /** Any other is wrong. */
  readonly permitted: readonly number[];
  readonly call: () => Promise<Response>;
  /** @returns what else is wrong with an answer to a call made then, by performance.now(); null: nothing */
  readonly wrong?: (answer: Response, asked: number) => string | null;
};

export type Meanwhile = {
  /** How often a call was answered by each status so far. */
  readonly seen: (what: string) => ReadonlyMap<number, number>;
  /** Ends it, with no wrong answer. @returns milliseconds that the slowest answer took */
  readonly stop: () => Promise<number>;
};

/** Several clients, each with one question; where the answer is 503 it says when to ask again. */
export const askMeanwhile = (calls: readonly Repeated[]): Meanwhile => {
  const ending = new AbortController();
  const statuses = new Map(calls.map(({ what }) => [what, new Map<number, number>()]));
  const wrongs: string[] = [];
  let longest = 0;

  const loop = async ({ what, permitted, call, wrong }: Repeated) => {
    while (!ending.signal.aborted) {
      const asked = performance.now();
      const answer = await call();
      longest = Math.max(longest, performance.now() - asked);
      const { status, headers, body } = answer;
      const seen = statuses.get(what)!;
      seen.set(status, (seen.get(status) ?? 0) + 1);
      if (!permitted.includes(status)) wrongs.push(`${what}: ${status} ${JSON.stringify(body)}`);
      if (status === 503 && !(Number(headers.get('retry-after')) >= 1)) wrongs.push(`${what}: 503, no Retry-After`);
      const more = wrong?.(answer, asked);
      if (more) wrongs.push(`${what}: ${more}`);
      await setTimeout(5);
    }
  };
  const loops = calls.map(loop);

  return {
    seen: (what) => statuses.get(what)!,
    stop: async () => {
      ending.abort();
      await Promise.all(loops);
      assert.equal(wrongs.slice(0, 10), []);
      return longest;
    },
  };
};
