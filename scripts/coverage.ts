// How much of the code that decides is run by the tests. `npm run coverage` shows every file of the last `npm test`.
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { type Outcome, runTool } from './tools.ts';

/** Per cent of lines that each of these folders must reach. */
const threshold = 95;
const folders = ['domain', 'commands'];

/** Where each process leaves what V8 counted, when NODE_V8_COVERAGE names this folder. */
export const rawCoverage = (root: string): string => join(root, 'coverage', 'raw');

/** Holds the folders against the threshold, and says so in one line each. */
export const checkCoverage = async (root: string): Promise<Outcome> => {
  const { ok, output } = await report(root, 'json-summary');
  if (!ok) return { ok, output };
  const summary = JSON.parse(readFileSync(join(root, 'coverage', 'coverage-summary.json'), 'utf8')) as Summary;
  const results = folders.map((folder) => folderCoverage(root, folder, summary));
  return { ok: results.every((result) => result.ok), output: results.map((result) => result.output).join('\n') };
};

type Lines = { readonly total: number; readonly covered: number };
type Summary = { readonly [path: string]: { readonly lines: Lines } };

const folderCoverage = (root: string, folder: string, summary: Summary): Outcome => {
  const files = Object.entries(summary).filter(([path]) => path.startsWith(join(root, folder, '/')));
  const sum = (count: (lines: Lines) => number) => files.reduce((total, [, { lines }]) => total + count(lines), 0);
  const covered = sum((lines) => lines.covered);
  const total = sum((lines) => lines.total);
  const percent = total === 0 ? 100 : (100 * covered) / total;
  const ok = percent >= threshold;
  const output = [`${folder}: ${percent.toFixed(1)} % of ${total} lines covered${ok ? '' : `, ${threshold} % needed`}`];
  if (!ok)
    for (const [path, { lines }] of files.filter(falls)) output.push(`    ${path.slice(root.length)} ${of(lines)}`);
  return { ok, output: output.join('\n') };
};

const falls = ([, { lines }]: [string, { lines: Lines }]) => lines.covered < (lines.total * threshold) / 100;
const of = ({ covered, total }: Lines) => `${covered} of ${total}`;

const report = (root: string, reporter: string): Promise<Outcome> =>
  runTool(root, 'c8', [
    ...['report', '--all', '--temp-directory', rawCoverage(root), '--reports-dir', join(root, 'coverage')],
    ...['--reporter', reporter],
    ...folders.flatMap((folder) => ['--include', `${folder}/**/*.ts`]),
    ...typesOnly(root).flatMap((file) => ['--exclude', file]),
  ]);

/** Files of which nothing is left at run time: never loaded, and so never counted as covered. */
const typesOnly = (root: string): string[] =>
  globSync(`{${folders.join(',')}}/**/*.ts`, { cwd: root }).filter((file) => {
    const code = stripTypeScriptTypes(readFileSync(join(root, file), 'utf8'));
    return code.replace(/\/\*[\s\S]*?\*\/|\/\/.*|export\s*\{\s*\}|[\s;]/g, '') === '';
  });

if (import.meta.main) {
  const { ok, output } = await report(process.cwd(), 'text');
  console.log(output);
  process.exitCode = ok ? 0 : 1;
}
