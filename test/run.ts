// Runs the tests: all of them, or those whose path holds one of the arguments. `node test/run.ts domain keyring`
import { fileURLToPath } from 'node:url';
import { add, countsLine, countsOf, none, print } from './support/printing.ts';
import { stopAll } from './support/runFile.ts';
import { findTests, runFiles } from './support/runFiles.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopAll();
    process.exit(1);
  });
}

const root = fileURLToPath(new URL('..', import.meta.url));
const files = findTests(root, process.argv.slice(2));
const results = await runFiles(files, process.env, print);
const counts = results.map(countsOf).reduce(add, none);

if (files.length === 0) console.error('No test file matches.');
console.log(countsLine(counts));
process.exitCode = counts.failed > 0 || files.length === 0 ? 1 : 0;
