import type { Instant } from '../../domain/instant.ts';
import type { Cryptography, Randomness } from '../environment.ts';
import { recent } from '../handling/recent.ts';
import type { Vault, VaultRow } from '../ports/vault.ts';
import { fromBase64, toBase64 } from './encoding.ts';
import type { PurposeKeys } from './purposeKeys.ts';

/** A person's data key, 32 bytes; null: destroyed, for ever. */
export type PersonKey = Uint8Array | null;

/** One data key per person, wrapped in the vault under the master key: destroying it erases the person. */
export type PersonKeys = {
  /** Made where it is missing; durable before it resolves. */
  readonly ensure: (person: string) => Promise<PersonKey>;
  /** @throws where the person never had one: they have no event yet, or the vault is not this log's */
  readonly find: (person: string) => Promise<PersonKey>;
  /** What this process knows without asking; undefined: nothing. */
  readonly cached: (person: string) => PersonKey | undefined;
  readonly exists: (person: string) => Promise<boolean>;
  /** Again or for a person without a key as well: none is ever made for them afterwards. */
  readonly destroy: (person: string, at: Instant) => Promise<void>;
  /** To be called in every process that reads of an erasure. */
  readonly drop: (person: string) => void;
};

const kind = 'person-key';

// Stored shapes. The row is nobody's (`person` null), so that a purge of the person leaves the gravestone standing.
type KeyRow = { readonly wrapped: string } | { readonly destroyedAt: Instant };

/** Whether the vault knows of a key of theirs, be it destroyed. Asks nobody for the master key. */
export const knowsPerson = async (vault: Pick<Vault, 'get'>, person: string): Promise<boolean> =>
  (await vault.get(kind, person)) !== null;

/** @param limit of the unwrapped keys that are remembered */
export const personKeys = (
  deps: { vault: Vault; crypto: Cryptography; randomness: Randomness; purposeKeys: PurposeKeys },
  limit = 20_000,
): PersonKeys => {
  const { vault, crypto, randomness } = deps;
  const wrapping = deps.purposeKeys('person keys');
  const known = recent<{ readonly key: PersonKey }>(limit);
  const underway = new Map<string, Promise<PersonKey | undefined>>();

  const unwrap = (row: VaultRow): PersonKey => {
    const value = JSON.parse(row.value) as KeyRow;
    if ('destroyedAt' in value) return null;
    const key = crypto.open(wrapping, fromBase64(value.wrapped), row.id);
    if (!key) throw new Error(`the key of person ${row.id} was not wrapped under this master key`);
    return key;
  };

  /** Counts what made this process forget: what was read before is not remembered after. */
  let forgotten = 0;
  const remember = (person: string, key: PersonKey, since: number): PersonKey => {
    if (since === forgotten) known.set(person, { key });
    return key;
  };

  /** One reader per person, however many ask. */
  const load = (person: string): Promise<PersonKey | undefined> => {
    const running = underway.get(person);
    if (running !== undefined) return running;
    const since = forgotten;
    const reading = vault
      .get(kind, person)
      .then((row) => (row ? remember(person, unwrap(row), since) : undefined))
      .finally(() => {
        if (underway.get(person) === reading) underway.delete(person);
      });
    underway.set(person, reading);
    return reading;
  };

  const lookUp = async (person: string): Promise<PersonKey | undefined> => {
    const entry = known.get(person);
    return entry ? entry.key : load(person);
  };

  return {
    ensure: async (person) => {
      const present = await lookUp(person);
      if (present !== undefined) return present;
      const since = forgotten;
      const key = randomness.bytes(32);
      const value = JSON.stringify({ wrapped: toBase64(crypto.seal(wrapping, key, person)) } satisfies KeyRow);
      const result = await vault.put({ kind, id: person, value, person: null, ref: null, expiresAt: null }, 'absent');
      if (result.put) return remember(person, key, since);
      // Another was faster; a row that expired or was removed in between does not happen to keys.
      if (!result.current) throw new Error(`the key of person ${person} could neither be put nor read`);
      return remember(person, unwrap(result.current), since);
    },

    find: async (person) => {
      const key = await lookUp(person);
      if (key === undefined) throw new Error(`person ${person} has no key in this vault`);
      return key;
    },

    cached: (person) => known.get(person)?.key,

    exists: async (person) => (await lookUp(person)) !== undefined,

    destroy: async (person, at) => {
      const before = await vault.get(kind, person);
      if (before === null || !('destroyedAt' in JSON.parse(before.value))) {
        const value = JSON.stringify({ destroyedAt: at } satisfies KeyRow);
        await vault.put({ kind, id: person, value, person: null, ref: null, expiresAt: null }, 'any');
      }
      forgotten += 1;
      underway.delete(person);
      known.set(person, { key: null });
    },

    drop: (person) => {
      forgotten += 1;
      underway.delete(person);
      known.delete(person);
    },
  };
};
