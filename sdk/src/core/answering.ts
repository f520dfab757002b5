import { VerifierUnavailable } from '../errors.ts';
import { canBeKey, hasLengthOfImported, hasLengthOfKey } from '../form.ts';
import type { InvalidKey, Question, ValidKey } from '../types.ts';
import type { Asking, Result } from './asking.ts';
import type { Calls } from './calls.ts';
import type { Known } from './known.ts';
import type { Entry } from './memory.ts';
import { none } from './scopes.ts';
import type { Surroundings } from './surroundings.ts';
import type { Trust } from './trust.ts';

const malformed: Promise<InvalidKey> = Promise.resolve(Object.freeze({ valid: false, code: 'malformed' }));

// Where a question beside an answer fails, the next one comes no sooner.
const refreshAgainMs = 1_000;

const isUnanswered = (error: unknown) =>
  error instanceof VerifierUnavailable && (error.code === 'timeout' || error.code === 'unreachable');

/** Answers the uses of keys: from memory where that may say yes, by the server's word else. */
export const createAnswering = (parts: {
  /** Whether there may be keys that Keyledger has not made: then nothing is malformed before it was asked for. */
  readonly importedKeys: boolean;
  readonly known: Known;
  readonly trust: Trust;
  readonly asking: Asking;
  readonly health: Calls['health'];
  readonly stale: () => VerifierUnavailable;
  readonly surroundings: Pick<Surroundings, 'monotonic' | 'hash'>;
}) => {
  const { importedKeys, known, trust, asking, health, stale, surroundings } = parts;
  const { monotonic, hash } = surroundings;
  const hasLength = importedKeys ? hasLengthOfImported : hasLengthOfKey;

  const askOrRecall = async (secret: string, key: string, question: Question): Promise<Result> => {
    const { scopes = none, ip } = question;
    const recalled = (): Promise<ValidKey> | null => {
      const now = monotonic();
      const entry = known.find(secret);
      return entry && trust.mayRecall(now) && known.counts(entry, scopes, now) ? known.use(entry, ip, now) : null;
    };
    if (!trust.isFresh(monotonic())) {
      if (health() === 'silent') {
        const answer = recalled();
        if (answer !== null) return answer;
      }
      if (trust.state() === 'stale') throw stale();
    }
    try {
      return await asking.ask(secret, key, question);
    } catch (error) {
      const answer = isUnanswered(error) ? recalled() : null;
      if (answer === null) throw error;
      return answer;
    }
  };

  /** A use of a key that is about to be too old to be remembered pays for nobody: it asks beside its answer. */
  const refresh = (entry: Entry, key: string, question: Question, now: number) => {
    entry.refreshAt = now + refreshAgainMs;
    // Where that fails until it is too old, the next use asks, and is told why.
    asking.ask(entry.hash, key, { ip: question.ip }).catch(() => {});
  };

  /** @throws VerifierUnavailable */
  return (key: string, question: Question): Promise<Result> => {
    if (!hasLength(key)) return malformed;
    const secret = hash(key);
    // Only what had the form of a key is remembered: for the rest the checksum is done before anything is asked.
    const entry = known.find(secret);
    if (entry !== undefined) {
      const now = monotonic();
      if (trust.isFresh(now) && known.counts(entry, question.scopes ?? none, now)) {
        if (now >= entry.refreshAt) refresh(entry, key, question, now);
        return known.use(entry, question.ip, now);
      }
    } else if (!importedKeys && !canBeKey(key)) return malformed;
    const { scopes } = question;
    // What becomes of the asker's list while this is asked is another question.
    return askOrRecall(secret, key, scopes === undefined ? question : { ...question, scopes: [...scopes] });
  };
};
