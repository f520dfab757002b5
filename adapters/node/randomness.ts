import { randomBytes } from 'node:crypto';
import type { Randomness } from '../../commands/environment.ts';

const poolSize = 8_192;
let pool = new Uint8Array(0);
let used = 0;

/** From the operating system's generator. Small pieces are cut from a larger one, which costs a tenth; each byte is used once. */
export const freshBytes = (length: number): Uint8Array => {
  if (length > 256) return randomBytes(length);
  if (used + length > pool.length) {
    pool = randomBytes(poolSize);
    used = 0;
  }
  used += length;
  // A copy: nobody who holds a piece can reach its neighbours.
  return pool.slice(used - length, used);
};

export const systemRandomness = (): Randomness => ({ bytes: freshBytes });
