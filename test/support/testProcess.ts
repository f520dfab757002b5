// The process in which the runner runs one test file: imports it, runs the suites that it queued, and sends the counts.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Report } from './report.ts';

type Run = () => Promise<[errors: string | true, passed: number, skipped: number, total: number]>;

const file = process.argv[2];
if (file === undefined) throw new Error('which test file?');

// The way uvu's own command line collects suites: `.run()` only queues where these are set before uvu is loaded.
const queue: Run[] = [];
Object.assign(globalThis, { UVU_DEFER: 1, UVU_QUEUE: [queue] });

const { told } = await import('./suite.ts');
await import(pathToFileURL(file).href);

let passed = 0;
let failed = 0;
let skipped = 0;
const problems: string[] = [];

for (const run of queue) {
  const [errors, ran, skips, total] = await run();
  passed += ran;
  failed += total - ran;
  skipped += skips;
  if (errors !== true) process.stdout.write(`\n${errors}\n`);
  else if (ran < total) problems.push('a hook threw, so tests did not run');
}

for (const title of told.unrun) problems.push(`the suite "${title}" never calls .run()`);
problems.push(...forgottenByHand(readFileSync(file, 'utf8')));
if (skipped > told.skips.length)
  problems.push('tests were skipped, or left out by .only, without a reason: see skipUnless');
if (passed + failed + skipped === 0) problems.push('no test ran');

const report: Report = { passed, failed, skips: told.skips, problems };
process.send?.(report);

/** Suites taken from uvu itself tell nobody that they exist, so they are looked for in the text. */
function forgottenByHand(source: string): string[] {
  if (!source.includes("from 'uvu'")) return [];
  return [...source.matchAll(/\b(?:const|let)\s+(\w+)\s*=\s*suite\b/g)]
    .map(([, name]) => name)
    .filter((name) => !source.includes(`${name}.run()`))
    .map((name) => `the suite ${name} never calls .run()`);
}
