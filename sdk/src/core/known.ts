import type { RevocationMessage, ValidKey } from '../types.ts';
import type { Clock } from './clock.ts';
import { createMemory, type Entry } from './memory.ts';
import { isBeyond, type Place } from './place.ts';
import type { Proof } from './proof.ts';
import { holds } from './scopes.ts';
import type { Surroundings } from './surroundings.ts';
import type { Usage } from './usage.ts';

// Remembered keys are asked for again before this, some earlier so that they do not all come at once.
const longestMemoryMs = 15 * 60_000;
const refreshFrom = 0.6;

/** The keys that are known to work, and for how long that counts. */
export const createKnown = (parts: {
  readonly cacheSize: number;
  readonly place: Pick<Place, 'epoch' | 'from'>;
  readonly proof: Pick<Proof, 'serverTime'>;
  readonly clock: Pick<Clock, 'at'>;
  readonly usage: Pick<Usage, 'note'>;
  readonly surroundings: Pick<Surroundings, 'monotonic' | 'random'>;
}) => {
  const { cacheSize, place, proof, clock, usage, surroundings } = parts;
  const { monotonic, random } = surroundings;
  const memory = createMemory(cacheSize);

  const isPast = (endsAt: number, now: number) => endsAt <= clock.at(now) || endsAt <= proof.serverTime();

  return {
    find: memory.find,
    drop: memory.drop,
    clear: memory.clear,
    size: memory.size,

    /** Whether a key is still known to work, and has all of the scopes. @param now monotonic */
    counts: (entry: Entry, scopes: readonly string[], now: number): boolean =>
      now < entry.until && !isPast(entry.endsAt, now) && (scopes.length === 0 || holds(entry.key, scopes)),

    /** @returns what the use gets */
    use: (entry: Entry, ip: string | undefined, now: number): Promise<ValidKey> => {
      memory.touch(entry);
      usage.note(entry, now, ip);
      return entry.answer;
    },

    /** @param hash of its text @param askedAt monotonic @param epoch of the log as of which it works */
    keep: (hash: string, key: ValidKey, askedAt: number, epoch: string): void => {
      // What happened before the feed was followed will never be told.
      if (epoch !== place.epoch() || isBeyond(place.from(), key.position)) return;
      const endsAt = key.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(key.expiresAt);
      if (isPast(endsAt, monotonic())) {
        memory.drop(hash);
        return;
      }
      memory.put({
        hash,
        key,
        answer: Promise.resolve(key),
        endsAt,
        refreshAt: askedAt + longestMemoryMs * (refreshFrom + (random() * (1 - refreshFrom)) / 2),
        until: askedAt + longestMemoryMs,
        uses: 0,
        usedAt: 0,
        ip: undefined,
        newer: null,
        older: null,
        next: undefined,
      });
    },

    forget: ({ kind, keyId, ownerId }: RevocationMessage): void => {
      if (kind === 'key') memory.dropKey(keyId!);
      else if (kind === 'owner') memory.dropOwner(ownerId!);
      else memory.clear();
    },
  };
};

export type Known = ReturnType<typeof createKnown>;
