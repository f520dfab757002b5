// `npm run bench` measures every figure and writes docs/benchmarks.md; `npm run bench -- verify` measures those named.
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { type Delay, type DelayResult, measureDelay } from './delay.ts';
import type { Figure } from './figure.ts';
import { commandsFigure } from './figures/commands.ts';
import { eventStoreFigure } from './figures/eventstore.ts';
import { foldTrial } from './figures/fold.ts';
import { millionTrial } from './figures/million.ts';
import { ownerOffTrial } from './figures/ownerOff.ts';
import { rebuildFigure } from './figures/rebuild.ts';
import { revocationDelay } from './figures/revocation.ts';
import { sdkFigure } from './figures/sdk.ts';
import { stormTrial } from './figures/storm.ts';
import { forwardAuthFigure, introspectFigure, verifyFigure } from './figures/verify.ts';
import { writingTrial } from './figures/writing.ts';
import { loadNow, machine, warningOf } from './machine.ts';
import { delaysTableOf, jsonOf, pageOf, tableOf, trialsTableOf } from './report.ts';
import { measure, type Result } from './rounds.ts';
import { measureTrial, type Trial, type TrialResult } from './trial.ts';

// As main/runtime.mjs has it: some figures run the product's parts in this process.
setFlagsFromString('--no-allocation-site-pretenuring');

const figures: readonly Figure[] = [
  verifyFigure,
  introspectFigure,
  forwardAuthFigure,
  sdkFigure,
  commandsFigure,
  eventStoreFigure,
  rebuildFigure,
];
const delays: readonly Delay[] = [revocationDelay];
const trials: readonly Trial[] = [writingTrial, foldTrial, ownerOffTrial, millionTrial, stormTrial];
const all = [...figures, ...delays, ...trials];

const asked = process.argv.slice(2).filter((argument) => argument !== '--json');
const jsonOnly = process.argv.includes('--json');
const unknown = asked.filter((name) => !all.some((figure) => figure.name === name));
if (unknown.length > 0) {
  const names = all.map(({ name }) => name).join(', ');
  console.error(`There is no figure ${unknown.join(', ')}. Usage: npm run bench -- [--json] [${names}]`);
  process.exit(2);
}

// Servers and folders go with this process, however it ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const isChosen = ({ name }: { readonly name: string }) => asked.length === 0 || asked.includes(name);
const teller =
  ({ name }: { readonly name: string }) =>
  (text: string) =>
    console.error(`${name}: ${text}`);

const warning = warningOf(loadNow());
if (warning !== null) console.error(warning);

/** One after the other. What else the machine does is looked at before each. */
const loads: { [name: string]: number } = {};
const failures: { readonly name: string; readonly error: string }[] = [];
const each = async <Asked extends { readonly name: string }, Found>(
  from: readonly Asked[],
  take: (one: Asked, tell: (text: string) => void) => Promise<Found>,
): Promise<readonly Found[]> => {
  const found: Found[] = [];
  for (const one of from.filter(isChosen)) {
    const tell = teller(one);
    const load = loadNow();
    loads[one.name] = load;
    tell(`load ${load} before it`);
    try {
      found.push(await take(one, tell));
    } catch (error) {
      // The others are worth having all the same.
      console.error(error);
      failures.push({ name: one.name, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return found;
};

const results: readonly Result[] = await each(figures, measure);
const delayResults: readonly DelayResult[] = await each(delays, measureDelay);
const trialResults: readonly TrialResult[] = await each(trials, measureTrial);

const run = {
  at: new Date().toISOString(),
  machine: machine(),
  warning,
  failures,
  loads,
  results,
  delays: delayResults,
  trials: trialResults,
};
if (!jsonOnly)
  console.log(
    [
      results.length > 0 && tableOf(results),
      delayResults.length > 0 && delaysTableOf(delayResults),
      trialResults.length > 0 && trialsTableOf(trialResults),
      ...failures.map(({ name, error }) => `FAILED: ${name}: ${error}`),
      warning !== null && `WARNING: ${warning}`,
      '',
    ]
      .filter((table) => table !== false)
      .join('\n\n'),
  );
console.log(jsonOf(run));
// A page of some figures would lose the others.
if (all.every(isChosen))
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), pageOf(run, { figures, delays, trials }));
// Whatever a failure left running ends with this process.
if (failures.length > 0) process.exit(1);
