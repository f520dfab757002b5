/** One of the figures that this product must reach: a rate, held against a plainer program's from the same run. */
export type Figure = {
  /** What it is called on the command line. */
  readonly name: string;
  readonly title: string;
  /** What is counted a second. */
  readonly unit: string;
  /** The least that `product / baseline` should be; null: it is only told. */
  readonly goal: number | null;
  readonly rounds: number;
  readonly baseline: string;
  readonly product: string;
  /** What the product spends its time on, and so what the ratio depends on. */
  readonly bound: string;
  /** Sets up what both need; none of it is measured. */
  readonly open: (folder: string) => Promise<Bench>;
};

/** What one round found: `rate` per second, and what else is worth telling of it, each a number with its unit in its name. */
export type Sample = { readonly rate: number; readonly more?: { readonly [name: string]: number } };

/** Each call is one round. The two are called in turns. */
export type Bench = {
  readonly baseline: () => Promise<Sample>;
  readonly product: () => Promise<Sample>;
  readonly close: () => Promise<void>;
};
