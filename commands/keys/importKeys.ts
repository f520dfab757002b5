import { isRejection, reject } from '../../domain/decider.ts';
import type { KeyId, Sha256Hex, UserId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import { importKeys } from '../../domain/keyImport.ts';
import { type Keyring, keyringStream } from '../../domain/keyring.ts';
import { type ImportKey, keyring } from '../../domain/keyringDecisions.ts';
import type { RejectionCode } from '../../domain/rejectionCodes.ts';
import type { User } from '../../domain/user.ts';
import type { Command, Run } from '../command.ts';
import { type OwnerFacts, ownerFacts } from './ownerFacts.ts';

export type KeyToImport = {
  readonly ownerId: UserId;
  readonly sha256: Sha256Hex;
  readonly mask: string;
  readonly name?: string | null | undefined;
  readonly createdAt?: Instant | null | undefined;
  readonly expiresAt?: Instant | null | undefined;
  readonly scopes?: readonly string[] | null | undefined;
};

/** `refused`: before any keyring was asked, with why. */
export type ImportItem = KeyToImport | { readonly refused: RejectionCode };

export type ImportResult =
  | { readonly status: 'imported'; readonly id: KeyId; readonly code: null }
  | { readonly status: 'refused'; readonly id: null; readonly code: RejectionCode };

export type ImportKeysInput = { readonly items: readonly ImportItem[] };
/** One for each item, in order. */
export type ImportKeysAnswer = { readonly results: readonly ImportResult[] };

type Numbered = KeyToImport & { readonly n: number };

/** An append to EventStoreDB has at most 1 MiB: that many keys without scopes, or a tenth of them with. */
const heaviestAppend = 100;
const weightOf = ({ scopes }: KeyToImport) => (scopes ? 10 : 1);

/** In what was asked alone: a run that takes over cuts it in the same places. */
const chunksOf = (items: readonly Numbered[]): readonly (readonly Numbered[])[] => {
  const chunks: Numbered[][] = [];
  let weight = Number.POSITIVE_INFINITY;
  for (const item of items) {
    if (weight + weightOf(item) > heaviestAppend) {
      chunks.push([]);
      weight = 0;
    }
    chunks.at(-1)!.push(item);
    weight += weightOf(item);
  }
  return chunks;
};

/** How many owners' keyrings are written at the same time. */
const ownersAtOnce = 32;

const keyIdOf = (run: Run, { n }: Numbered): KeyId => run.newId(`key ${n}`);

// Whoever was invited has no way in yet; what is brought over for them waits until they have.
const ownerRefused = (owner: User | null): RejectionCode | null => {
  if (owner === null || owner.status === 'deleted' || owner.status === 'erased') return 'not-found';
  return owner.status === 'deactivated' ? 'forbidden' : null;
};

const commandsFor = (run: Run, chunk: readonly Numbered[], facts: OwnerFacts['facts']): readonly ImportKey[] =>
  chunk.map((item) => {
    const { mask, name, createdAt, expiresAt, scopes } = item;
    const key = { keyId: keyIdOf(run, item), secretHash: item.sha256, mask, name, createdAt, expiresAt, scopes };
    return { type: 'ImportKey', ...facts, ...key };
  });

/** Decided on again where an earlier run appended already: a code is of the keyring as it stands, with these keys in it. */
const importChunk = async (run: Run, chunk: readonly Numbered[]): Promise<readonly ImportResult[]> => {
  const { ownerId, n: first } = chunk[0]!;
  let policyRevision: number | null = null;
  const decided = async (state: Keyring) => {
    const known = await ownerFacts(run, ownerId);
    policyRevision = known.policyRevision;
    const refused = ownerRefused(known.owner);
    if (refused !== null) return { events: [], codes: chunk.map(() => refused) };
    return importKeys(commandsFor(run, chunk, known.facts), state);
  };
  let codes: readonly (RejectionCode | null)[] | null = null;
  const step = await run.step(
    keyring,
    keyringStream(ownerId),
    async (state) => {
      const decision = await decided(state);
      if (decision.codes.includes('stale-owner-epoch')) return reject('stale-owner-epoch');
      codes = decision.codes;
      return decision.events;
    },
    { eventsFrom: first, policyRevision: () => policyRevision },
  );
  if (isRejection(step)) return chunk.map(() => ({ status: 'refused', id: null, code: step.rejected }));
  const made = new Set(step.events.flatMap((event) => (event.type === 'ApiKeyImported' ? [event.data.keyId] : [])));
  codes ??= (await decided(step.state)).codes;
  return chunk.map((item, i) => {
    const id = keyIdOf(run, item);
    if (made.has(id)) return { status: 'imported', id, code: null };
    return { status: 'refused', id: null, code: codes?.[i] ?? 'conflict' };
  });
};

/**
 * Takes over keys of another system by the hash of their text. Each keyring is decided on by itself, so an item that is
 * refused stops no other, and what a crash left is finished. An item's code: those of making a key; `conflict` for a
 * text that some key has or had, `not-found` for an owner who is not or no longer there, `forbidden` for one turned off.
 */
export const importKeysCommand: Command<ImportKeysInput, ImportKeysAnswer> = {
  name: 'ImportKeys',
  several: true,
  run: async ({ items }, run) => {
    const results: ImportResult[] = [];
    const byOwner = new Map<UserId, Numbered[]>();
    for (const [n, item] of items.entries()) {
      if ('refused' in item) results[n] = { status: 'refused', id: null, code: item.refused };
      else byOwner.set(item.ownerId, [...(byOwner.get(item.ownerId) ?? []), { ...item, n }]);
    }
    const importOwned = async (owned: readonly Numbered[]) => {
      for (const chunk of chunksOf(owned))
        for (const [i, result] of (await importChunk(run, chunk)).entries()) results[chunk[i]!.n] = result;
    };
    const owners = [...byOwner.values()];
    for (let from = 0; from < owners.length; from += ownersAtOnce)
      await Promise.all(owners.slice(from, from + ownersAtOnce).map(importOwned));
    return { result: { results } };
  },
};
