import type { Skip } from './suite.ts';

/** What the process of one test file sends when its tests are done. */
export type Report = {
  readonly passed: number;
  readonly failed: number;
  readonly skips: readonly Skip[];
  /** Whatever else makes the file fail: a suite never run, a hook that threw, a skip without a reason. */
  readonly problems: readonly string[];
};

/** A test file as the runner saw it; `output` is everything it printed. A file with problems has at least one failure. */
export type FileResult = Report & { readonly file: string; readonly ms: number; readonly output: string };
