import type { VerifierUnavailable } from '../errors.ts';
import type { Surroundings } from './surroundings.ts';

type One = { readonly resolve: () => void; readonly reject: (error: VerifierUnavailable) => void };

/** Those who wait for something that all of them get at once, none for longer than so many milliseconds. */
export const createWaiting = (after: Surroundings['after'], longestMs: number) => {
  const waiting = new Set<One>();

  const settle = (how: (one: One) => void) => {
    for (const one of waiting) how(one);
  };

  return {
    /** @param late why it is given up after that time */
    wait: (late: () => VerifierUnavailable): Promise<void> =>
      new Promise((resolve, reject) => {
        const settled =
          <T>(settle: (value: T) => void) =>
          (value: T) => {
            callOff();
            waiting.delete(one);
            settle(value);
          };
        const one: One = { resolve: settled<void>(resolve), reject: settled(reject) };
        const callOff = after(longestMs, () => one.reject(late()));
        waiting.add(one);
      }),

    resolve: (): void => settle((one) => one.resolve()),
    reject: (error: VerifierUnavailable): void => settle((one) => one.reject(error)),
  };
};
