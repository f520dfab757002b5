import { withFolder } from './folder.ts';
/** Something that this product must get through, of which not one figure tells but several. */
export type Trial = {
  /** What it is called on the command line. */
  readonly name: string;
  readonly title: string;
  readonly baseline: string;
  readonly measured: string;
  readonly bound: string;
  /** Sets up, measures, takes down. */
  readonly run: (folder: string, tell: (text: string) => void) => Promise<readonly Observation[]>;
};

export type Goal =
  | { readonly atMost: number; readonly ofBaseline?: boolean }
  | { readonly atLeast: number; readonly ofBaseline?: boolean };

export type Observation = {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
  /** Null where nothing is compared. */
  readonly baseline: number | null;
  /** The median of the rounds' own ratios, where there were rounds; else of value to baseline. */
  readonly ratio?: number;
  /** Null where it is only told. `ofBaseline`: held against the ratio. */
  readonly goal: Goal | null;
};

export type TrialRow = Omit<Observation, 'ratio'> & {
  readonly ratio: number | null;
  /** Null without a goal. */
  readonly reached: boolean | null;
};

export type TrialResult = { readonly name: string; readonly rows: readonly TrialRow[] };

export const measureTrial = ({ name, run }: Trial, tell: (text: string) => void): Promise<TrialResult> =>
  withFolder(async (folder) => ({ name, rows: (await run(folder, tell)).map(rowOf) }));

const rowOf = (observation: Observation): TrialRow => {
  const { value, baseline, goal } = observation;
  const ratio = observation.ratio ?? (baseline === null ? null : value / baseline);
  return { ...observation, ratio, reached: goal && isReached(goal, goal.ofBaseline ? ratio! : value) };
};

const isReached = (goal: Goal, held: number) => ('atMost' in goal ? held <= goal.atMost : held >= goal.atLeast);
