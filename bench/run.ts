// `npm run bench` measures every figure and writes docs/benchmarks.md; `npm run bench -- verify` measures those named.
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { type Delay, type DelayResult, measureDelay } from './delay.ts';
import type { Figure } from './figure.ts';
import { commandsFigure } from './figures/commands.ts';
import { eventStoreFigure } from './figures/eventstore.ts';
import { rebuildFigure } from './figures/rebuild.ts';
import { revocationDelay } from './figures/revocation.ts';
import { sdkFigure } from './figures/sdk.ts';
import { verifyFigure } from './figures/verify.ts';
import { machine } from './machine.ts';
import { delaysTableOf, jsonOf, pageOf, tableOf } from './report.ts';
import { measure, type Result } from './rounds.ts';

// As main/keyledger.ts has it: some figures run the product's parts in this process.
setFlagsFromString('--no-allocation-site-pretenuring');

const figures: readonly Figure[] = [verifyFigure, sdkFigure, commandsFigure, eventStoreFigure, rebuildFigure];
const delays: readonly Delay[] = [revocationDelay];
const all = [...figures, ...delays];

const asked = process.argv.slice(2).filter((argument) => argument !== '--json');
const jsonOnly = process.argv.includes('--json');
const unknown = asked.filter((name) => !all.some((figure) => figure.name === name));
if (unknown.length > 0) {
  const names = all.map(({ name }) => name).join(', ');
  console.error(`There is no figure ${unknown.join(', ')}. Usage: npm run bench -- [--json] [${names}]`);
  process.exit(2);
}

const isChosen = ({ name }: { readonly name: string }) => asked.length === 0 || asked.includes(name);
const results: Result[] = [];
const teller =
  ({ name }: { readonly name: string }) =>
  (text: string) =>
    console.error(`${name}: ${text}`);
for (const figure of figures.filter(isChosen)) results.push(await measure(figure, teller(figure)));
const delayResults: DelayResult[] = [];
for (const delay of delays.filter(isChosen)) delayResults.push(await measureDelay(delay, teller(delay)));

const run = { at: new Date().toISOString(), machine: machine(), results, delays: delayResults };
if (!jsonOnly)
  console.log(
    [results.length > 0 && tableOf(results), delayResults.length > 0 && delaysTableOf(delayResults), '']
      .filter((table) => table !== false)
      .join('\n\n'),
  );
console.log(jsonOf(run));
// A page of some figures would lose the others.
if (all.every(isChosen)) writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), pageOf(run, figures, delays));
