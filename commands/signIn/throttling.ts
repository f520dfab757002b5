import { type Rejection, reject } from '../../domain/decider.ts';
import { type Instant, millis } from '../../domain/instant.ts';
import { attempt, type Counters, forgottenAt, succeeded, type ThrottleKind } from '../../domain/signInThrottle.ts';
import type { Cryptography } from '../environment.ts';
import { streamQueue } from '../handling/streamQueue.ts';
import type { Vault } from '../ports/vault.ts';
import { toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';
import { vaultTable } from '../sealing/vaultTable.ts';

/** What an attempt is counted against; `of` is what distinguishes one account, client or browser from another. */
export type ThrottleKey = { readonly kind: ThrottleKind; readonly of: string };

/** An attempt that may go on. It is counted as failed already: exactly one of these is said where it was not. */
export type Admitted = {
  readonly counters: { readonly [kind in ThrottleKind]?: Counters };
  readonly succeeded: () => Promise<void>;
  /** It came to no end, good or bad: as if it had not been made. */
  readonly takeBack: () => Promise<void>;
};

export type Throttling = {
  /** Rejection: `too-many-requests` {retryAfterSeconds}; then nothing is counted. */
  readonly admit: (keys: readonly ThrottleKey[], at: Instant) => Promise<Admitted | Rejection>;
};

const throttleKind = 'throttle';

type Counted = {
  readonly id: string;
  readonly kind: ThrottleKind;
  readonly version: number;
  readonly before: Counters | null;
  readonly counters: Counters;
};

/** Counters in the vault, under keyed hashes: nobody reads from them who tried to sign in. */
export const createThrottling = (deps: {
  vault: Vault;
  crypto: Cryptography;
  purposeKeys: PurposeKeys;
}): Throttling => {
  const table = vaultTable<Counters>(deps.vault, throttleKind);
  const key = deps.purposeKeys('throttle');
  // Two hundred at once on one account take turns here instead of fighting over the row.
  const queue = streamQueue();
  const idOf = ({ kind, of }: ThrottleKey) => toHex(deps.crypto.hmacSha256(key, `${kind} ${of}`));

  const write = (id: string, kind: ThrottleKind, counters: Counters, expect: number | 'absent') =>
    table.put(id, counters, expect, { expiresAt: millis(forgottenAt(kind, counters)) });

  const count = (throttle: ThrottleKey, at: Instant): Promise<Counted | number> => {
    const { kind } = throttle;
    const id = idOf(throttle);
    return queue(id, async () => {
      for (;;) {
        const row = await table.get(id);
        const tried = attempt(kind, row?.value ?? null, at);
        if (!tried.allowed) return tried.waitSeconds;
        const { counters } = tried;
        const result = await write(id, kind, counters, row?.version ?? 'absent');
        if (result.put) return { id, kind, version: result.version, before: row?.value ?? null, counters };
      }
    });
  };

  /** @param to what is left of the counters as they stand now */
  const change = ({ id, kind }: Counted, to: (now: Counters, version: number) => Counters | null): Promise<void> =>
    queue(id, async () => {
      for (;;) {
        const row = await table.get(id);
        if (row === null) return;
        const left = to(row.value, row.version);
        const done =
          left === null ? await table.remove(id, row.version) : (await write(id, kind, left, row.version)).put;
        if (done) return;
      }
    });

  const takeBack = (counted: Counted): Promise<void> =>
    change(counted, (now, version) => {
      if (version === counted.version) return counted.before;
      return now.failures <= 1 ? null : { ...now, failures: now.failures - 1 };
    });

  const waitNow = async (keys: readonly ThrottleKey[], at: Instant): Promise<number> => {
    const rows = await Promise.all(keys.map(async (throttle) => ({ throttle, row: await table.get(idOf(throttle)) })));
    const waits = rows.map(({ throttle, row }) => {
      const tried = attempt(throttle.kind, row?.value ?? null, at);
      return tried.allowed ? 0 : tried.waitSeconds;
    });
    return Math.max(0, ...waits);
  };

  return {
    admit: async (keys, at) => {
      // Most who are refused are refused here, without a write.
      const wait = await waitNow(keys, at);
      if (wait > 0) return tooMany(wait);
      const all: Counted[] = [];
      for (const throttle of keys) {
        const counted = await count(throttle, at);
        if (typeof counted === 'number') {
          for (const earlier of all) await takeBack(earlier);
          return tooMany(counted);
        }
        all.push(counted);
      }
      return {
        counters: Object.fromEntries(all.map(({ kind, counters }) => [kind, counters])),
        succeeded: async () => {
          for (const counted of all) await change(counted, (now) => succeeded(counted.kind, now));
        },
        takeBack: async () => {
          for (const counted of all) await takeBack(counted);
        },
      };
    },
  };
};

const tooMany = (retryAfterSeconds: number): Rejection => reject('too-many-requests', { retryAfterSeconds });
