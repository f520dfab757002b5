import type { Bench, Figure, Sample } from './figure.ts';
import { withFolder } from './folder.ts';

export type Spread = { readonly median: number; readonly min: number; readonly max: number };

/** Rates per second. `ratio`: of the product's to the baseline's, each from the two halves of one round. */
export type Result = {
  readonly name: string;
  readonly unit: string;
  /** Null: it is only told. */
  readonly goal: number | null;
  readonly reached: boolean | null;
  readonly rounds: number;
  readonly baseline: Spread;
  readonly product: Spread;
  readonly ratio: Spread;
  /** Medians of what else was seen, of the product where it begins with `product`. */
  readonly more: { readonly [name: string]: number };
};

/**
 * Measures a figure: one round to warm up, which is thrown away, then the others, in each of which baseline and product
 * are measured one right after the other, so that whatever else the machine does meets both.
 */
export const measure = (figure: Figure, tell: (text: string) => void): Promise<Result> =>
  withFolder(async (folder) => {
    const bench = await figure.open(folder);
    try {
      return resultOf(figure, await alternate(bench, figure.rounds, tell));
    } finally {
      await bench.close();
    }
  });

export type Pair = { readonly baseline: Sample; readonly product: Sample };

/** A round to warm up, which is thrown away, then those that count. */
export const alternate = async (
  { baseline, product }: Omit<Bench, 'close'>,
  rounds: number,
  tell: (text: string) => void,
): Promise<readonly Pair[]> => {
  tell('warming up');
  await baseline();
  await product();
  const pairs: Pair[] = [];
  for (let round = 1; round <= rounds; round++) {
    tell(`round ${round} of ${rounds}`);
    // Whoever comes second finds a warmer machine, or a busier one: each does every other time.
    const first = round % 2 === 0 ? await product() : null;
    const before = await baseline();
    pairs.push({ baseline: before, product: first ?? (await product()) });
  }
  return pairs;
};

const resultOf = ({ name, unit, goal }: Figure, pairs: readonly Pair[]): Result => {
  const ratio = spread(pairs.map(({ baseline, product }) => product.rate / baseline.rate));
  return {
    name,
    unit,
    goal,
    reached: goal === null ? null : ratio.median >= goal,
    rounds: pairs.length,
    baseline: spread(pairs.map(({ baseline }) => baseline.rate)),
    product: spread(pairs.map(({ product }) => product.rate)),
    ratio,
    more: {
      ...medians(
        'baseline',
        pairs.map(({ baseline }) => baseline),
      ),
      ...medians(
        'product',
        pairs.map(({ product }) => product),
      ),
    },
  };
};

const medians = (whose: string, samples: readonly Sample[]): Result['more'] =>
  Object.fromEntries(
    Object.keys(samples[0]?.more ?? {}).map((name) => [
      `${whose} ${name}`,
      spread(samples.map(({ more }) => more?.[name] ?? Number.NaN)).median,
    ]),
  );

/** @param values at least one */
export const spread = (values: readonly number[]): Spread => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
};
