import { withFolder } from './folder.ts';
/** Milliseconds, of each thing that was sent, by the way it went. */
export type Delays = { readonly [way: string]: readonly number[] };

/** One of the times that this product must keep, from one thing to another, in every setup that it supports. */
export type Delay = {
  /** What it is called on the command line. */
  readonly name: string;
  readonly title: string;
  /** The most that the 99th percentile should be, milliseconds. */
  readonly goalMs: number;
  readonly rounds: number;
  readonly measured: string;
  readonly bound: string;
  readonly setups: readonly Setup[];
};

export type Setup = {
  readonly name: string;
  /** The least that such a message needs on this machine: nothing of the product is in it. */
  readonly isBaseline?: boolean;
  /** Why it cannot be measured here; null where it can. */
  readonly missing: string | null;
  /** Sets up what is needed; none of it is measured. */
  readonly open: (folder: string) => Promise<{
    readonly round: () => Promise<Delays>;
    readonly close: () => Promise<void>;
  }>;
};

export type DelayRow = {
  readonly setup: string;
  readonly way: string;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Null of a baseline. */
  readonly reached: boolean | null;
};

export type DelayResult = {
  readonly name: string;
  readonly goalMs: number;
  readonly rows: readonly DelayRow[];
  readonly skipped: readonly { readonly setup: string; readonly reason: string }[];
};

/** Every setup one after the other: a round to warm up, which is thrown away, then those that count, all together. */
export const measureDelay = async (delay: Delay, tell: (text: string) => void): Promise<DelayResult> => {
  const { name, goalMs } = delay;
  const rows: DelayRow[] = [];
  for (const setup of delay.setups.filter(({ missing }) => missing === null)) {
    tell(setup.name);
    for (const [way, all] of Object.entries(await roundsOf(setup, delay.rounds))) {
      const p99Ms = percentile(all, 0.99);
      const reached = setup.isBaseline ? null : p99Ms <= goalMs;
      rows.push({ setup: setup.name, way, count: all.length, p50Ms: percentile(all, 0.5), p99Ms, reached });
    }
  }
  const skipped = delay.setups.flatMap(({ name: setup, missing }) =>
    missing === null ? [] : [{ setup, reason: missing }],
  );
  return { name, goalMs, rows, skipped };
};

const roundsOf = (setup: Setup, rounds: number): Promise<Delays> =>
  withFolder(async (folder) => {
    const { round, close } = await setup.open(folder);
    try {
      await round();
      const found: { [way: string]: number[] } = {};
      for (let n = 0; n < rounds; n++)
        for (const [way, delays] of Object.entries(await round())) {
          found[way] ??= [];
          found[way].push(...delays);
        }
      return found;
    } finally {
      await close();
    }
  });

/** @param values at least one @param share 0..1 */
export const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
