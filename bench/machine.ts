import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

export type Machine = {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly sqlite: string;
  /** How many wanted to run, on average over the last minute, at the end of the run: more than the cores is a busy machine. */
  readonly load: number;
};

export const machine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${release()} ${arch()}`,
  node: process.version,
  sqlite: process.versions.sqlite ?? 'unknown',
  load: Math.round(loadavg()[0]! * 10) / 10,
});
