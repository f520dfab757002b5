import type { UserId } from '../../domain/ids.ts';
import type { Request } from '../command.ts';
import type { Clock, Cryptography } from '../environment.ts';
import type { Vault } from '../ports/vault.ts';
import { toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';
import { vaultTable } from '../sealing/vaultTable.ts';

type Idempotency = NonNullable<Request['idempotency']>;

/**
 * Calls that end the session they come with, so that a repeat with the same Idempotency-Key comes from nobody. Whoever
 * shows the token of the session that was, and asks for the same, is whoever asked first.
 */
export type LastCalls = {
  /** To be put down before anything is done: a process that dies then has not made the repeat a stranger's. */
  readonly note: (token: string, call: Idempotency, userId: UserId) => Promise<void>;
  /** Whose call that was; null: nobody's that is known. What came of it, whoever asks looks up. */
  readonly whose: (token: string, call: Idempotency) => Promise<UserId | null>;
};

export const lastCallKind = 'last-call';
/** As long as an answer is kept. */
const keptMs = 24 * 3_600_000;

export const createLastCalls = (deps: {
  readonly vault: Vault;
  readonly crypto: Cryptography;
  readonly purposeKeys: PurposeKeys;
  readonly clock: Clock;
}): LastCalls => {
  const { crypto, clock } = deps;
  const table = vaultTable<{ readonly userId: UserId }>(deps.vault, lastCallKind);
  const hashing = deps.purposeKeys('last calls');
  const idOf = (token: string, { key, route, body }: Idempotency) =>
    toHex(crypto.hmacSha256(hashing, JSON.stringify([token, key, route, body])));
  return {
    note: async (token, call, userId) => {
      const options = { person: userId, expiresAt: clock.now() + keptMs };
      await table.put(idOf(token, call), { userId }, 'any', options);
    },
    whose: async (token, call) => (await table.get(idOf(token, call)))?.value.userId ?? null,
  };
};
