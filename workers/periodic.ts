import { type Worker, type WorkerParts, worker } from './worker.ts';

/** Something done again and again. `work` says whether there is more of it to do at once. */
export const periodic = (
  parts: WorkerParts,
  name: string,
  everyMs: number,
  work: (signal: AbortSignal) => Promise<{ readonly more: boolean }>,
): Worker => worker(parts, name, async (signal) => ((await work(signal)).more ? 0 : everyMs));
