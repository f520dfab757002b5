import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { PasswordHasher } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';
import type { PasswordTask } from './passwordWorker.ts';

/** Milliseconds. Each thread takes 13 MB, and most processes hash seldom; starting one takes a tenth of what hashing does. */
const idleTimeout = 60_000;

export type PasswordHasherOptions = {
  /** 32 bytes, kept apart from the hashes: without it they cannot be tried offline. */
  readonly pepper: Uint8Array;
  /** Base-2 logarithm of bcrypt's rounds; 12 unless a test asks for less. */
  readonly cost?: number;
  /** One less than the machine's cores, so that hashing never takes the thread that answers. */
  readonly threads?: number;
  /** How many may wait for a thread; who comes after is refused with code `too-busy`. */
  readonly queue?: number;
};

/**
 * bcrypt reads 72 bytes and stops at a zero byte: what it gets is base64 of an HMAC-SHA-384 under the pepper, 64
 * characters for any password. Equal text in another Unicode composition is the same password (NFC).
 */
export const passwordHasher = (
  options: PasswordHasherOptions,
): PasswordHasher & { readonly close: () => Promise<void> } => {
  const cost = options.cost ?? 12;
  const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
  const room = threads + (options.queue ?? 64);
  const pool = new Piscina({
    filename: new URL('./passwordWorker.ts', import.meta.url).href,
    name: 'runPasswordTask' satisfies keyof typeof import('./passwordWorker.ts'),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout,
    concurrentTasksPerWorker: 1,
  });
  let running = 0;
  let closed = false;

  const run = async (task: PasswordTask) => {
    if (closed) throw new Failure('too-busy', 'password hashing is shutting down');
    if (running >= room) throw new Failure('too-busy', 'too many passwords are waiting to be hashed');
    running += 1;
    try {
      return await pool.run(task);
    } catch (cause) {
      if (!closed) throw cause;
      throw new Failure('too-busy', 'password hashing is shutting down', { cause });
    } finally {
      running -= 1;
    }
  };

  const keyed = (password: string) =>
    createHmac('sha384', options.pepper).update(password.normalize('NFC')).digest('base64');
  const unknown = dummyHash(cost);

  return {
    hash: async (password) => String(await run({ do: 'hash', text: keyed(password), cost })),

    verify: async (password, hash) => {
      const matches = await run({ do: 'compare', text: keyed(password), hash: hash ?? unknown });
      const right = matches === true && hash !== null;
      return { right, needsRehash: right && costOf(hash) !== cost };
    },

    close: async () => {
      closed = true;
      await pool.destroy();
    },
  };
};

const costOf = (hash: string): number => Number(/^\$2[aby]\$(\d\d)\$/.exec(hash)?.[1]);

/** A well-formed hash that no password is known for: comparing with it takes as long as with a real one. */
const dummyHash = (cost: number): string =>
  `$2b$${String(cost).padStart(2, '0')}$${'KeyledgerKeyledgerKee'.padEnd(22, '.')}${'NoPasswordIsKnownForThis'.padEnd(31, '.')}`;
