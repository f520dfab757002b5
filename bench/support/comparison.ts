import { type Pair, spread } from '../rounds.ts';
import type { Goal, Observation } from '../trial.ts';

/** One number of all rounds: the medians of both, and of the rounds' own ratios. */
export const compared = (
  what: string,
  unit: string,
  pairs: readonly Pair[],
  of: (sample: Pair['product']) => number,
  goal: Goal | null,
): Observation => ({
  what,
  unit,
  value: spread(pairs.map(({ product }) => of(product))).median,
  baseline: spread(pairs.map(({ baseline }) => of(baseline))).median,
  ratio: spread(pairs.map(({ baseline, product }) => of(product) / of(baseline))).median,
  goal,
});
