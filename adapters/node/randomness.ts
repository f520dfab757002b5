import { randomBytes } from 'node:crypto';
import type { Randomness } from '../../commands/environment.ts';

/** The operating system's generator. */
export const systemRandomness = (): Randomness => ({ bytes: (length) => randomBytes(length) });
