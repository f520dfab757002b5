import { setImmediate } from 'node:timers/promises';
import type { PasswordHasher } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';

/** Hashes that cost nothing and can be read, and how many were asked for. */
export type FakeHasher = PasswordHasher & {
  /** The hashes that passwords were compared with, null for nobody's. */
  readonly verified: (string | null)[];
  /** At most so many at once; the next is refused as too busy. */
  room: number;
  /** Everything waits from now on. */
  readonly shut: () => void;
  readonly open: () => void;
  /** So many wait. */
  readonly waiting: (count: number) => Promise<void>;
};

export const hashOf = (password: string) => `hash of ${password.normalize('NFC')}`;

/** What an older release would have stored. */
export const oldHashOf = (password: string) => `old ${hashOf(password)}`;

export const fakeHasher = (): FakeHasher => {
  let running = 0;
  let gate: Promise<void> | null = null;
  let open = () => {};
  const busy = async <T>(answer: () => T): Promise<T> => {
    if (running >= hasher.room) throw new Failure('too-busy', 'too many passwords at once');
    running += 1;
    try {
      await gate;
      return answer();
    } finally {
      running -= 1;
    }
  };
  const hasher: FakeHasher = {
    verified: [],
    room: Number.POSITIVE_INFINITY,
    shut: () => {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    open: () => open(),
    waiting: async (count) => {
      while (running < count) await setImmediate();
    },
    hash: (password) => busy(() => hashOf(password)),
    verify: (password, hash) =>
      busy(() => {
        hasher.verified.push(hash);
        const old = hash === oldHashOf(password);
        return { right: old || hash === hashOf(password), needsRehash: old };
      }),
  };
  return hasher;
};
