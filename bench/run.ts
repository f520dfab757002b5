// `npm run bench` measures every figure and writes docs/benchmarks.md; `npm run bench -- verify` measures those named.
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { Figure } from './figure.ts';
import { commandsFigure } from './figures/commands.ts';
import { eventStoreFigure } from './figures/eventstore.ts';
import { rebuildFigure } from './figures/rebuild.ts';
import { verifyFigure } from './figures/verify.ts';
import { machine } from './machine.ts';
import { jsonOf, pageOf, tableOf } from './report.ts';
import { measure, type Result } from './rounds.ts';

// As main/keyledger.ts has it: some figures run the product's parts in this process.
setFlagsFromString('--no-allocation-site-pretenuring');

const figures: readonly Figure[] = [verifyFigure, commandsFigure, eventStoreFigure, rebuildFigure];

const asked = process.argv.slice(2).filter((argument) => argument !== '--json');
const jsonOnly = process.argv.includes('--json');
const unknown = asked.filter((name) => !figures.some((figure) => figure.name === name));
if (unknown.length > 0) {
  const names = figures.map(({ name }) => name).join(', ');
  console.error(`There is no figure ${unknown.join(', ')}. Usage: npm run bench -- [--json] [${names}]`);
  process.exit(2);
}

const chosen = figures.filter(({ name }) => asked.length === 0 || asked.includes(name));
const results: Result[] = [];
for (const figure of chosen) {
  results.push(await measure(figure, (text) => console.error(`${figure.name}: ${text}`)));
}

const run = { at: new Date().toISOString(), machine: machine(), results };
if (!jsonOnly) console.log(`${tableOf(results)}\n`);
console.log(jsonOf(run));
// A page of some figures would lose the others.
if (chosen.length === figures.length)
  writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), pageOf(run, figures));
