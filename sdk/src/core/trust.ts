import type { State } from '../types.ts';
import type { Calls } from './calls.ts';
import type { Proof } from './proof.ts';
import type { Surroundings } from './surroundings.ts';

// A proof younger than that lets memory say yes.
export const freshMs = 3_000;

/** Whether memory may say yes, and the state that follows from it. */
export const createTrust = (parts: {
  readonly proof: Pick<Proof, 'at' | 'surelyAt'>;
  readonly health: Calls['health'];
  /** For how long memory may say yes without a word from a server that does not answer: milliseconds. */
  readonly maxSilenceMs: number;
  readonly monotonic: Surroundings['monotonic'];
  /** Told again and again while it is live. */
  readonly live: () => void;
  readonly changed: (state: State) => void;
}) => {
  const { proof, health, maxSilenceMs, monotonic, live, changed } = parts;
  let closed = false;
  /** A gap, another log, or something forged: memory is not used until the feed was read to its end. */
  let distrusted = true;
  /** Memory says yes until then, monotonic; the fast path looks at nothing else. */
  let trustedUntil = Number.NEGATIVE_INFINITY;
  let told: State = 'catching-up';

  const isFresh = (now: number) => now < trustedUntil;

  const state = (): State => {
    const now = monotonic();
    if (isFresh(now)) return 'live';
    return now - proof.surelyAt() > maxSilenceMs && health() !== 'answered' ? 'stale' : 'catching-up';
  };

  /** After everything that may change the state. */
  const update = () => {
    const fresh = Math.min(proof.at() + freshMs, proof.surelyAt() + maxSilenceMs);
    trustedUntil = distrusted || closed ? Number.NEGATIVE_INFINITY : fresh;
    const now = state();
    if (now === 'live') live();
    if (now === told || closed) return;
    told = now;
    changed(now);
  };

  return {
    isFresh,

    /** Where nobody answers: nothing but silence speaks against memory, and not for too long. */
    mayRecall: (now: number): boolean => !distrusted && !closed && now - proof.surelyAt() <= maxSilenceMs,

    state,
    update,

    distrust: (): void => {
      distrusted = true;
      update();
    },

    /** The feed was read to its end. */
    restore: (): void => {
      distrusted = false;
      update();
    },

    close: (): void => {
      closed = true;
      update();
    },
  };
};

export type Trust = ReturnType<typeof createTrust>;
