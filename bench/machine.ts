import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

export type Machine = {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly sqlite: string;
};

export const machine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${release()} ${arch()}`,
  node: process.version,
  sqlite: process.versions.sqlite ?? 'unknown',
});

/** How many wanted to run, on average over the last minute. */
export const loadNow = (): number => Math.round(loadavg()[0]! * 10) / 10;

/** Above it at the start, what is measured says less of the product than of whatever else is at work. */
export const busyAbove = 1;

/** Null: nothing to be told. @param load at the start, before this run has left a mark of its own */
export const warningOf = (load: number): string | null =>
  load > busyAbove
    ? `The load average at the start was ${load}: others were at work on this machine, and no figure of this run counts.`
    : null;
