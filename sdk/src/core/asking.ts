import { plainAddress } from '../address.ts';
import { refusedWith, VerifierUnavailable } from '../errors.ts';
import { type Answer, answerOf } from '../shapes.ts';
import type { InvalidKey, Question, RevocationMessage, ValidKey } from '../types.ts';
import { type Calls, timeoutMs } from './calls.ts';
import { createJoined } from './joined.ts';
import type { Known } from './known.ts';
import { createOvertaking } from './overtaking.ts';
import { isBeyond, type Place } from './place.ts';
import { missingOf, none } from './scopes.ts';
import type { Surroundings } from './surroundings.ts';

export type Result = ValidKey | InvalidKey;

const mostRetryPauseMs = 250;
const longestUserAgent = 1_024;

const isWorthARetry = (error: unknown) =>
  error instanceof VerifierUnavailable && ['timeout', 'unreachable', 'server-error'].includes(error.code);

/** Asks the server about keys. An answer that was overtaken by what the feed told meanwhile counts for nothing. */
export const createAsking = (parts: {
  readonly calls: Pick<Calls, 'ask'>;
  readonly place: Pick<Place, 'epoch' | 'lastReceived'>;
  readonly known: Pick<Known, 'keep' | 'drop'>;
  /** An answer was of another log than the one that is followed. */
  readonly distrust: () => void;
  readonly isClosed: () => boolean;
  readonly surroundings: Pick<Surroundings, 'monotonic' | 'after' | 'random'>;
}) => {
  const { calls, place, known, distrust, isClosed, surroundings } = parts;
  const { monotonic, after, random } = surroundings;
  const overtaking = createOvertaking(2 * timeoutMs);
  const joined = createJoined<Result>();

  /** @returns null where the answer is of another log, or older than what was heard meanwhile */
  const judged = (answer: Answer, minPosition: string | null): Result | null => {
    const epoch = place.epoch();
    if (epoch !== null && answer.epoch !== epoch) {
      distrust();
      return null;
    }
    if (isBeyond(minPosition, answer.position) || overtaking.hasOvertaken(answer)) return null;
    return answer.result;
  };

  /** @returns null where the answer must not be used @throws VerifierUnavailable */
  const askOnce = async (hash: string, key: string, question: Question): Promise<Result | null> => {
    const { scopes = none, ip, userAgent } = question;
    const address = plainAddress(ip);
    const minPosition = place.lastReceived();
    const askedAt = monotonic();
    const { status, body } = await calls.ask({
      key,
      ...(scopes.length > 0 && { scopes }),
      ...(minPosition !== null && { minPosition }),
      ...(address !== undefined && { ip: address }),
      ...(typeof userAgent === 'string' && { userAgent: userAgent.slice(0, longestUserAgent) }),
    });
    if (status !== 200) throw refusedWith(status);
    const answer = answerOf(body);
    if (answer === null) throw new VerifierUnavailable('unusable-answer', status);
    const result = judged(answer, minPosition);
    if (result === null) return null;
    if (!result.valid) {
      known.drop(hash);
      return result;
    }
    Object.freeze(result.scopes);
    Object.freeze(result.permissions);
    known.keep(hash, Object.freeze(result), askedAt, answer.epoch);
    const missing = missingOf(result, scopes);
    return missing.length === 0 ? result : { valid: false, code: 'insufficient-scope', missing };
  };

  const pause = () => new Promise<void>((resolve) => after(random() * mostRetryPauseMs, resolve));

  const ask = async (hash: string, key: string, question: Question): Promise<Result> => {
    const until = monotonic() + 2 * timeoutMs;
    for (let failures = 0; ; ) {
      try {
        const result = await askOnce(hash, key, question);
        if (result !== null) return result;
        if (monotonic() > until) throw new VerifierUnavailable('overtaken');
      } catch (error) {
        if (!isWorthARetry(error) || ++failures > 1) throw error;
      }
      await pause();
      if (isClosed()) throw new VerifierUnavailable('closed');
    }
  };

  return {
    /** Together with whoever asks the same. @param hash of the key's text @throws VerifierUnavailable */
    ask: (hash: string, key: string, question: Question): Promise<Result> => {
      const { scopes = none } = question;
      const name = `${hash} ${scopes.length < 2 ? scopes[0] : [...scopes].sort().join(' ')}`;
      return joined.ask(name, () => ask(hash, key, question));
    },

    /** What the feed tells, before anything else is made of it. */
    heard: (message: RevocationMessage): void => {
      joined.close();
      overtaking.note(message, monotonic());
    },

    /** Another log is followed. */
    restarted: joined.close,

    /** @param now monotonic */
    prune: overtaking.prune,
  };
};

export type Asking = ReturnType<typeof createAsking>;
