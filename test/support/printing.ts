import type { FileResult } from './report.ts';

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

export const none: Counts = { passed: 0, failed: 0, skipped: 0 };

export const countsOf = ({ passed, failed, skips }: FileResult): Counts => ({ passed, failed, skipped: skips.length });

export const add = (a: Counts, b: Counts): Counts => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** The line that ends every run, alone on its line. */
export const countsLine = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** One line for a file; what it skipped and why; and where it failed, everything it printed. */
export const print = (result: FileResult): void => {
  const { file, passed, failed, skips, problems, ms, output } = result;
  const parts = [`${passed} passed`, failed > 0 && `${failed} failed`, skips.length > 0 && `${skips.length} skipped`];
  console.log(`${failed > 0 ? '✘' : '✔'} ${file}  ${parts.filter(Boolean).join(', ')}  ${(ms / 1000).toFixed(1)} s`);
  for (const skip of skips) console.log(`    skipped: ${skip.suite}: ${skip.name} (${skip.reason})`);
  if (failed === 0) return;
  console.log(output.trimEnd().replace(/^/gm, '    '));
  for (const problem of problems) console.log(`    ✘ ${problem}`);
};
