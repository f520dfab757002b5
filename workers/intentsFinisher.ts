import { periodic } from './periodic.ts';
import type { Worker, WorkerParts } from './worker.ts';

const everyMs = 5_000;

/** Finishes commands on several streams that a crash left between two of them. */
export const intentsFinisher = (
  parts: WorkerParts & { readonly finishIntents: (signal: AbortSignal) => Promise<unknown> },
): Worker =>
  periodic(parts, 'intents-finisher', everyMs, async (signal) => {
    await parts.finishIntents(signal);
    return { more: false };
  });
