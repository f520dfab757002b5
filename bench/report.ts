import type { Delay, DelayResult } from './delay.ts';
import type { Figure } from './figure.ts';
import { busyAbove, type Machine } from './machine.ts';
import type { Result, Spread } from './rounds.ts';
import type { Goal, Trial, TrialResult } from './trial.ts';

export type Run = {
  /** RFC 3339 */
  readonly at: string;
  readonly machine: Machine;
  /** Where the figures do not count. */
  readonly warning: string | null;
  /** What could not be measured to its end. */
  readonly failures: readonly { readonly name: string; readonly error: string }[];
  /** Load averages before each: of the minute before, so that what was measured last leaves its mark. */
  readonly loads: { readonly [name: string]: number };
  readonly results: readonly Result[];
  readonly delays: readonly DelayResult[];
  readonly trials: readonly TrialResult[];
};

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const rate = ({ median, min, max }: Spread) => `${whole.format(median)} (${whole.format(min)}–${whole.format(max)})`;
const ratio = ({ median, min, max }: Spread) => `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;

const reachedText = (reached: boolean | null) => (reached === null ? '' : reached ? 'yes' : 'no');

const headings = ['figure', 'unit', 'rounds', 'baseline', 'product', 'ratio', 'goal', 'reached'];

const cellsOf = (result: Result): readonly string[] => [
  result.name,
  result.unit,
  String(result.rounds),
  rate(result.baseline),
  rate(result.product),
  ratio(result.ratio),
  result.goal === null ? '' : `≥ ${result.goal}`,
  reachedText(result.reached),
];

const delayHeadings = ['delay', 'setup', 'over', 'count', 'p50 ms', 'p99 ms', 'goal', 'reached'];

const delayCellsOf = ({ name, goalMs, rows, skipped }: DelayResult): readonly (readonly string[])[] => [
  ...rows.map(({ setup, way, count, p50Ms, p99Ms, reached }) => [
    name,
    setup,
    way,
    String(count),
    p50Ms.toFixed(1),
    p99Ms.toFixed(1),
    reached === null ? '' : `p99 ≤ ${goalMs}`,
    reached === null ? 'baseline' : reachedText(reached),
  ]),
  ...skipped.map(({ setup, reason }) => [name, setup, '', '', '', '', '', `not measured: ${reason}`]),
];

const trialHeadings = ['trial', 'what', 'unit', 'baseline', 'product', 'ratio', 'goal', 'reached'];
const short = (value: number) =>
  value !== 0 && Math.abs(value) < 100 ? String(Number(value.toPrecision(3))) : whole.format(value);
const goalOf = (goal: Goal, unit: string): string => {
  const of = goal.ofBaseline ? ' ×' : ` ${unit}`;
  return 'atMost' in goal ? `≤ ${goal.atMost}${of}` : `≥ ${goal.atLeast}${of}`;
};

const trialCellsOf = ({ name, rows }: TrialResult): readonly (readonly string[])[] =>
  rows.map(({ what, unit, value, baseline, ratio, goal, reached }) => [
    name,
    what,
    unit,
    baseline === null ? '' : short(baseline),
    short(value),
    ratio === null || !Number.isFinite(ratio) ? '' : ratio.toFixed(2),
    goal === null ? '' : goalOf(goal, unit),
    reachedText(reached),
  ]);

/** For a terminal: columns in line. */
export const tableOf = (results: readonly Result[]): string => inLine([headings, ...results.map(cellsOf)]);

/** For a terminal, too. */
export const delaysTableOf = (results: readonly DelayResult[]): string =>
  inLine([delayHeadings, ...results.flatMap(delayCellsOf)]);

/** For a terminal, too. */
export const trialsTableOf = (results: readonly TrialResult[]): string =>
  inLine([trialHeadings, ...results.flatMap(trialCellsOf)]);

const inLine = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

export const jsonOf = (run: Run): string => JSON.stringify(run, null, 2);

const markdown = (rows: readonly (readonly string[])[]): string =>
  rows
    .flatMap((row, index) => {
      const line = `| ${row.join(' | ')} |`;
      return index === 0 ? [line, `|${row.map(() => '---').join('|')}|`] : [line];
    })
    .join('\n');

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

const described = ({ name, title, baseline, product, bound }: Figure, results: readonly Result[]): string => {
  const more = Object.entries(results.find((result) => result.name === name)?.more ?? {});
  const lines = [
    `## ${name}: ${title}`,
    '',
    `- Baseline: ${baseline}.`,
    `- Product: ${product}.`,
    `- Bound by: ${bound}.`,
  ];
  if (more.length > 0)
    lines.push(`- Also seen: ${more.map(([what, value]) => `${what} ${number.format(value)}`).join(', ')}.`);
  return lines.join('\n');
};

const describedDelay = ({ name, title, measured, bound }: Delay): string =>
  [`## ${name}: ${title}`, '', `- Measured: ${measured}.`, `- Bound by: ${bound}.`].join('\n');

const describedTrial = ({ name, title, baseline, measured, bound }: Trial): string =>
  [`## ${name}: ${title}`, '', `- Baseline: ${baseline}.`, `- Measured: ${measured}.`, `- Bound by: ${bound}.`].join(
    '\n',
  );

const loadCellsOf = (loads: Run['loads']): readonly (readonly string[])[] =>
  Object.entries(loads).map(([name, load]) => [name, String(load)]);

type Asked = {
  readonly figures: readonly Figure[];
  readonly delays: readonly Delay[];
  readonly trials: readonly Trial[];
};

/** docs/benchmarks.md, whole. */
export const pageOf = (
  { at, machine, warning, failures, loads, results, delays: delayResults, trials: trialResults }: Run,
  { figures, delays, trials }: Asked,
): string => `# Benchmarks

Written by \`npm run bench\`, which measures all of it again and takes about a quarter of an hour. To repeat one of them
and leave this page as it is, name it: \`npm run bench -- verify\`. \`--json\` prints nothing but JSON. Everything runs on
loopback and in temporary folders that are removed; six gigabytes of disk are enough. Nothing else should be at work on the
machine: where the load average at the start is above ${busyAbove}, that is told here, in the table and in the JSON. Whatever needs
a server that is not there (see test/README.md) is left out, and said to be.
${warning === null ? '' : `\n**${warning}**\n`}${failures.map(({ name }) => `\n**${name} failed and is missing here.**\n`).join('')}
What counts is the ratio of the product to a plain program that does the least that the task needs, on the same machine in
the same run. Baseline and product take turns: a round to warm up, then those that count. A rate is the median of its rounds
(lowest–highest), the ratio the median of the rounds' own ratios.

${markdown([headings, ...results.map(cellsOf)])}

Some goals are times, from one thing to another in another process: the median and the 99th percentile of all that were
measured, after a round to warm up. Beside them stands the least that such a message needs on this machine.

${markdown([delayHeadings, ...delayResults.flatMap(delayCellsOf)])}

Some must be got through: counts and times, beside the same with little to do.

${markdown([trialHeadings, ...trialResults.flatMap(trialCellsOf)])}

${figures.map((figure) => described(figure, results)).join('\n\n')}

${delays.map(describedDelay).join('\n\n')}

${trials.map(describedTrial).join('\n\n')}

## Where it ran

${markdown([
  ['', ''],
  ['when', at],
  ['processor', `${machine.processor}, ${machine.cores} cores`],
  ['memory', `${machine.memoryGiB} GiB`],
  ['system', machine.system],
  ['Node', machine.node],
  ['SQLite', machine.sqlite],
])}

How many wanted to run, on average over the minute before each began. The first is the machine's own, the others hold what
was measured just before them.

${markdown([['before', 'load'], ...loadCellsOf(loads)])}
`;
