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

/** The figure before leaves about one behind, whose mark fades within a minute. */
export const busyPerCore = 0.5;

/** Whether what is measured now says less of the product than of whatever else is at work. */
export const isBusy = (load: number): boolean => load > busyPerCore * availableParallelism();
