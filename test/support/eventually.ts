import { setTimeout } from 'node:timers/promises';

/**
 * Waits for what happens elsewhere (a socket, another thread) and will not say so. No pause in its stead: it goes on as
 * soon as the condition holds, and fails where it never does.
 */
export const eventually = async (condition: () => boolean | Promise<boolean>, what = String(condition)) => {
  for (let tries = 0; tries < 5000; tries++) {
    if (await condition()) return;
    await setTimeout(1);
  }
  throw new Error(`never came true: ${what}`);
};
