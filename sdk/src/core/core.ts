import { VerifierUnavailable } from '../errors.ts';
import type { Question, Status } from '../types.ts';
import { createAnswering } from './answering.ts';
import { createAsking, type Result } from './asking.ts';
import { createCalls, timeoutMs } from './calls.ts';
import { createClock } from './clock.ts';
import { createFeed } from './feed.ts';
import { createKnown } from './known.ts';
import { createListeners } from './listeners.ts';
import { createPlace } from './place.ts';
import { createProof } from './proof.ts';
import { createReceipts } from './receipts.ts';
import type { Surroundings } from './surroundings.ts';
import { createTrust } from './trust.ts';
import { createUsage } from './usage.ts';
import { createWaiting } from './waiting.ts';

export type CoreSettings = {
  /** Keys remembered at most. */
  readonly cacheSize: number;
  /** For how long memory may say yes without a word from a server that does not answer: milliseconds. */
  readonly maxSilenceMs: number;
  /** Whether there may be keys that Keyledger has not made: then nothing is malformed before it was asked for. */
  readonly importedKeys: boolean;
  /** Tells this process from others with the same token. */
  readonly instance: string;
};

const tickMs = 250;
const usageMs = 5_000;
const noQuestion: Question = {};

/** The verifier without a socket or a clock: what it does follows from what it is told, and when. */
export const createCore = (settings: CoreSettings, surroundings: Surroundings) => {
  const { cacheSize, maxSilenceMs, importedKeys, instance } = settings;
  const { monotonic, after } = surroundings;
  let closed = false;

  const listeners = createListeners();
  const ready = createWaiting(after, maxSilenceMs);
  const calls = createCalls(surroundings);
  const usage = createUsage(calls, Math.max(cacheSize, 10_000), surroundings);
  const receipts = createReceipts(calls, instance, surroundings);
  const clock = createClock(surroundings);
  const place = createPlace();
  const proof = createProof(monotonic());
  const trust = createTrust({
    proof,
    health: calls.health,
    maxSilenceMs,
    monotonic,
    live: ready.resolve,
    changed: (state) => listeners.emit('state', state),
  });
  const known = createKnown({ cacheSize, place, proof, clock, usage, surroundings });
  const feed = createFeed({
    ...{ calls, place, proof, trust, receipts, surroundings },
    forget: (message) => {
      asking.heard(message);
      known.forget(message);
    },
    forgetAll: () => {
      known.clear();
      asking.restarted();
    },
    news: (message) => listeners.emit('revoked', message),
    refused: ready.reject,
  });
  const asking = createAsking({ calls, place, known, distrust: feed.distrust, isClosed: () => closed, surroundings });
  const stale = () => new VerifierUnavailable('stale', undefined, feed.trouble());
  const answer = createAnswering({ importedKeys, known, trust, asking, health: calls.health, stale, surroundings });

  let usageAt = monotonic();
  const tick = () => {
    const now = monotonic();
    if (clock.look(now)) feed.distrust();
    asking.prune(now);
    feed.look(now);
    if (now - usageAt >= usageMs) {
      usageAt = now;
      void usage.flush();
    }
    trust.update();
    stopTicking = after(tickMs, tick);
  };
  let stopTicking = after(tickMs, tick);
  feed.start();

  /** Resolves with it, or after so long. */
  const atMost = (ms: number, done: Promise<unknown>) =>
    new Promise<void>((resolve, reject) => {
      const callOff = after(ms, resolve);
      const over = () => {
        callOff();
        resolve();
      };
      done.then(over, reject);
    });

  let closing: Promise<void> | null = null;
  const close = async () => {
    closed = true;
    stopTicking();
    feed.close();
    trust.close();
    ready.reject(new VerifierUnavailable('closed'));
    await atMost(timeoutMs, Promise.all([receipts.close(), usage.close()]));
    calls.close();
    known.clear();
    listeners.clear();
  };

  return {
    /** @throws VerifierUnavailable */
    verify: (key: string, question: Question = noQuestion): Promise<Result> =>
      closed ? Promise.reject(new VerifierUnavailable('closed')) : answer(key, question),

    /** Resolves when it is live. @throws VerifierUnavailable where that takes longer than maxSilenceMs, or is refused */
    ready: async (): Promise<void> => {
      if (closed) throw new VerifierUnavailable('closed');
      if (!trust.isFresh(monotonic())) await ready.wait(stale);
    },

    status: (): Status => {
      const heardAt = feed.lastHeardAt();
      return {
        state: trust.state(),
        position: place.position(),
        head: place.head(),
        lastHeardAt: heardAt === null ? null : new Date(heardAt).toISOString(),
        cached: known.size(),
      };
    },

    on: listeners.on,

    /** Whoever closes it again waits for the same end. */
    close: (): Promise<void> => {
      closing ??= close();
      return closing;
    },
  };
};

export type Core = ReturnType<typeof createCore>;
