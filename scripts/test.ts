// `npm test`: every check there is, counted. The last line is `N passed, N failed, N skipped`; each step counts as one.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { add, type Counts, countsLine, countsOf, none, print } from '../test/support/printing.ts';
import { stopAll } from '../test/support/runFile.ts';
import { findTests, runFiles } from '../test/support/runFiles.ts';
import { checkCoverage, rawCoverage } from './coverage.ts';
import { type Outcome, runTool } from './tools.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopAll();
    process.exit(1);
  });
}

const step = async (name: string, work: Promise<Outcome>): Promise<Counts> => {
  const started = performance.now();
  const { ok, output } = await work;
  console.log(`${ok ? '✔' : '✘'} ${name}  ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (!ok || name === 'coverage') console.log(output.replace(/^/gm, '    '));
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
};

const projects = ['.', 'sdk', 'console'].filter((folder) => existsSync(join(root, folder, 'tsconfig.json')));

const checks = await Promise.all([
  step('format and lint', runTool(root, 'biome', ['ci', '--colors=off', '--error-on-warnings', '.'])),
  step('imports', runTool(root, 'depcruise', ['--config', '.dependency-cruiser.cjs', '.'])),
  ...projects.map((folder) => step(`types of ${folder}`, runTool(root, 'tsc', ['--noEmit', '--project', folder]))),
]);

rmSync(join(root, 'coverage'), { recursive: true, force: true });
// Of code that comes from a cache V8 counts less exactly.
const env = { ...process.env, NODE_V8_COVERAGE: rawCoverage(root), NODE_DISABLE_COMPILE_CACHE: '1' };
const tests = (await runFiles(findTests(root, []), env, print)).map(countsOf).reduce(add, none);

const covered = await step('coverage', checkCoverage(root));

const total = [...checks, tests, covered].reduce(add);
console.log(countsLine(total));
process.exitCode = total.failed > 0 ? 1 : 0;
