import { setTimeout } from 'node:timers/promises';

/**
 * Waits for what happens elsewhere (a socket, another thread) and will not say so. No pause in its stead: it goes on as
 * soon as the condition holds, and fails where it never does.
 *
 * @param everyMs how often it is looked at: rarely, where looking costs much or what is waited for takes seconds
 */
export const eventually = async (
  condition: () => boolean | Promise<boolean>,
  what = String(condition),
  everyMs = 1,
) => {
  for (let tries = 0; tries < 5000; tries++) {
    if (await condition()) return;
    await setTimeout(everyMs);
  }
  throw new Error(`never came true: ${what}`);
};
