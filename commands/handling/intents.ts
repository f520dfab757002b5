import type { KeyId } from '../../domain/ids.ts';
import { type Instant, millis } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import type { Request } from '../command.ts';
import type { Clock, Cryptography } from '../environment.ts';
import { keySecretKind } from '../keys/keySecrets.ts';
import type { Position } from '../ports/eventStore.ts';
import type { Vault, VaultRow } from '../ports/vault.ts';
import { type Boxes, personsOfBox } from '../sealing/boxes.ts';
import { toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';

/** A command that was begun: enough to run it again with the same ids, time and secrets. */
export type Intent = {
  readonly command: string;
  /** HMAC of the request's body; empty: it came without an Idempotency-Key. */
  readonly body: string;
  readonly commandId: string;
  readonly at: Instant;
  /** 32 random bytes, base64. */
  readonly seed: string;
  /** The process that began it, or took it over. */
  readonly process: string;
  /** Of a command on several streams, so that a worker can finish it. */
  readonly unfinished: { readonly input: Json; readonly request: Request } | null;
};

/** What a command had answered. `secret.text` null: its key ended, so it was destroyed. */
export type Answer = {
  readonly command: string;
  readonly body: string;
  readonly position: Position | null;
  readonly result: Json;
  readonly secret: { readonly keyId: KeyId; readonly text: string | null } | null;
  /** There were texts that are shown once: they are kept elsewhere, for a shorter time. */
  readonly shown?: true;
};

/** A begun command's row, as long as nobody else wrote it. */
export type Held = { readonly id: string; readonly version: number; readonly intent: Intent };

export type Found =
  | ({ readonly state: 'begun' } & Held)
  | { readonly state: 'answered'; readonly answer: Answer }
  /** Somebody whom the answer speaks of was erased since. */
  | { readonly state: 'unreadable' };

export type Intents = {
  /** The row's id for a request with an Idempotency-Key, and what its body must equal in a repeat. */
  readonly keyOf: (request: Request) => { readonly id: string; readonly body: string } | null;
  /** @returns what stands there already, or the row that was put */
  readonly begin: (id: string, intent: Intent) => Promise<{ readonly begun: Held } | { readonly found: Found }>;
  /** @returns null where another process was faster */
  readonly takeOver: (held: Held, process: string) => Promise<Held | null>;
  /**
   * The sealed answer stands in its place for 24 h; without an Idempotency-Key nothing does.
   * @returns false where somebody else wrote the row since
   */
  readonly answer: (held: Held, answer: Answer, persons: readonly string[]) => Promise<boolean>;
  /** It was refused, or came to nothing: a repeat decides anew. @returns false where somebody else wrote the row since */
  readonly forget: (held: Held) => Promise<boolean>;
  readonly look: (id: string) => Promise<Found | null>;
  /** Commands on several streams that have no answer yet, by the order of their ids. */
  readonly unfinished: () => AsyncIterable<Held>;
  /**
   * Every copy of a key's text that is kept for a repeat, and the one kept to be copied again. To be called when the
   * key ends; once more does no harm.
   */
  readonly destroySecrets: (keyId: KeyId) => Promise<void>;
};

export const intentKind = 'intent';
const kind = intentKind;
const purpose = 'vault intent';
const keptMs = 24 * 3_600_000;
/** The `ref` of what a worker finishes; an answer's is the key whose text it holds. */
const unfinishedRef = 'unfinished';
const pageSize = 100;

// Stored shapes, sealed: an intent under the master key alone, so that it can be finished whoever is erased meanwhile;
// an answer under the keys of all whom it may speak of.
type Stored = ({ readonly state: 'begun' } & Intent) | ({ readonly state: 'answered' } & Answer);

export const createIntents = (deps: {
  vault: Vault;
  boxes: Boxes;
  crypto: Cryptography;
  purposeKeys: PurposeKeys;
  clock: Clock;
}): Intents => {
  const { vault, boxes, crypto, clock } = deps;
  const hashing = deps.purposeKeys('idempotency');
  const aadOf = (id: string) => `${kind} ${id}`;
  const hmac = (...parts: readonly string[]) => toHex(crypto.hmacSha256(hashing, JSON.stringify(parts)));

  const seal = (id: string, persons: readonly string[], value: Stored) =>
    boxes.seal(purpose, persons, JSON.stringify(value), aadOf(id));

  const open = async (row: VaultRow): Promise<Found> => {
    const text = await boxes.open(purpose, row.value, aadOf(row.id));
    if (text === null) return { state: 'unreadable' };
    const { state, ...rest } = JSON.parse(text) as Stored;
    if (state === 'answered') return { state, answer: rest as Answer };
    return { state, id: row.id, version: row.version, intent: rest as Intent };
  };

  const rowOf = async (id: string, intent: Intent) => ({
    kind,
    id,
    value: (await seal(id, [], { state: 'begun', ...intent }))!,
    person: null,
    ref: intent.unfinished ? unfinishedRef : null,
    // What others wait for is kept until it is done, whenever that is.
    expiresAt: intent.unfinished ? null : millis(intent.at) + keptMs,
  });

  const destroyText = async (id: string, keyId: KeyId): Promise<void> => {
    for (;;) {
      const row = await vault.get(kind, id);
      const found = row && (await open(row));
      if (!row || found?.state !== 'answered' || !found.answer.secret?.text) return;
      const answer = { ...found.answer, secret: { keyId, text: null } };
      const value = await seal(id, personsOfBox(row.value), { state: 'answered', ...answer });
      const { version, ...rest } = row;
      if (value === null || (await vault.put({ ...rest, value }, version)).put) return;
    }
  };

  return {
    keyOf: ({ actor, idempotency }) =>
      idempotency && {
        id: hmac('key', actor.kind, actor.id ?? '', idempotency.route, idempotency.key),
        body: hmac('body', idempotency.body),
      },

    begin: async (id, intent) => {
      const result = await vault.put(await rowOf(id, intent), 'absent');
      if (result.put) return { begun: { id, version: result.version, intent } };
      if (!result.current) throw new Error('an intent could neither be put nor read');
      const found = await open(result.current);
      // It was put all the same when an earlier try came back with an error.
      const { commandId, process } = intent;
      const own = found.state === 'begun' && found.intent.commandId === commandId && found.intent.process === process;
      return own ? { begun: found } : { found };
    },

    takeOver: async (held, process) => {
      const intent = { ...held.intent, process };
      const result = await vault.put(await rowOf(held.id, intent), held.version);
      return result.put ? { id: held.id, version: result.version, intent } : null;
    },

    answer: async ({ id, version, intent }, answer, persons) => {
      const value = intent.body === '' ? null : await seal(id, persons, { state: 'answered', ...answer });
      if (value === null) return vault.remove(kind, id, version);
      const expiresAt = clock.now() + keptMs;
      const row = { kind, id, value, person: persons[0] ?? null, ref: answer.secret?.keyId ?? null, expiresAt };
      const result = await vault.put(row, version);
      // Another run that was refused has forgotten the command: what was done is to be known all the same.
      return result.put || (result.current === null && (await vault.put(row, 'absent')).put);
    },

    forget: ({ id, version }) => vault.remove(kind, id, version),

    look: async (id) => {
      const row = await vault.get(kind, id);
      return row && open(row);
    },

    unfinished: async function* () {
      for (let after: string | null = null; ; ) {
        const rows: readonly VaultRow[] = await vault.find(kind, { ref: unfinishedRef }, { after, limit: pageSize });
        for (const row of rows) {
          const found = await open(row);
          if (found.state === 'begun') yield found;
        }
        after = rows.at(-1)?.id ?? null;
        if (rows.length < pageSize) return;
      }
    },

    destroySecrets: async (keyId) => {
      await vault.remove(keySecretKind, keyId);
      for (let after: string | null = null; ; ) {
        const rows: readonly VaultRow[] = await vault.find(kind, { ref: keyId }, { after, limit: pageSize });
        for (const row of rows) await destroyText(row.id, keyId);
        after = rows.at(-1)?.id ?? null;
        if (rows.length < pageSize) return;
      }
    },
  };
};
