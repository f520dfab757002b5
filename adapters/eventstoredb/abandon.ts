import type { Readable, Transform } from 'node:stream';

/** A read or a subscription of the client. */
type Call = { readonly cancel: () => Promise<void> } | { readonly unsubscribe: () => Promise<void> };

/**
 * To be called with a call that was just begun. What it returns ends it: one that nobody reads to its end would keep
 * what it was sent for ever where the server has said everything, because then there is nothing left to cancel.
 */
export const abandoning = (call: Call): (() => void) => {
  const sink = call as unknown as Transform;
  let source: Readable | null = null;
  sink.on('pipe', (from) => {
    source = from;
  });
  // An error that comes when nobody listens any more would end the process.
  sink.on('error', () => {});
  return () => {
    source?.destroy();
    const ended = 'cancel' in call ? call.cancel() : call.unsubscribe();
    ended.catch(() => {}); // It never began.
  };
};
