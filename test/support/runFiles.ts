import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { FileResult } from './report.ts';
import { runFile } from './runFile.ts';

/** The project's test files whose path holds one of the texts given, or all of them. */
export const findTests = (root: string, filters: readonly string[]): string[] =>
  globSync('{test,sdk,console}/**/*.test.ts', { cwd: root, exclude: ['**/node_modules/**'] })
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort()
    .map((path) => resolve(root, path));

/** Runs the files, as many at a time as there are cores; those that start real processes one by one, after the rest. */
export const runFiles = async (
  files: readonly string[],
  env: NodeJS.ProcessEnv,
  onResult: (result: FileResult) => void,
): Promise<FileResult[]> => {
  const results: FileResult[] = [];
  const drain = async (queue: string[]) => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runFile(file, env);
      results.push(result);
      onResult(result);
    }
  };
  const quick = files.filter((file) => !isEndToEnd(file));
  await Promise.all(Array.from({ length: availableParallelism() }, () => drain(quick)));
  await drain(files.filter(isEndToEnd));
  return results;
};

const isEndToEnd = (file: string) => file.endsWith('.e2e.test.ts');
