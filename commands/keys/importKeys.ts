import { isRejection, reject } from '../../domain/decider.ts';
import type { KeyId, Sha256Hex, UserId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import { importKeys } from '../../domain/keyImport.ts';
import { type Keyring, keyringStream } from '../../domain/keyring.ts';
import { type ImportKey, keyring } from '../../domain/keyringDecisions.ts';
import type { RejectionCode } from '../../domain/rejectionCodes.ts';
import { longestCatalog, mostActions } from '../../domain/scopes.ts';
import type { User } from '../../domain/user.ts';
import type { Command, Run } from '../command.ts';
import { cutToFit, envelopeBytes, textBytes } from '../handling/appendSize.ts';
import { together } from '../handling/together.ts';
import type { ImportClaims } from './importClaims.ts';
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

/** An application's name may take half of a scope, and every action below what was asked for comes with it. */
const broughtBytes = (scope: string): number => (scope.indexOf(':') + 68) * mostActions;

/** What a key takes at most, whatever catalog its scopes are looked up in. */
const keyBytes = ({ name, mask, scopes }: KeyToImport): number =>
  envelopeBytes +
  textBytes(name ?? null) +
  textBytes(mask) +
  Math.min(
    longestCatalog,
    (scopes ?? []).reduce((sum, scope) => sum + broughtBytes(scope), 0),
  );

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
const importChunk = async (
  claims: ImportClaims,
  run: Run,
  chunk: readonly Numbered[],
): Promise<readonly ImportResult[]> => {
  const { ownerId, n: first } = chunk[0]!;
  const { at } = run.request;
  const claimed = await together(chunk.map((item) => claims.claim(item.sha256, keyIdOf(run, item), ownerId, at)));
  let policyRevision: number | null = null;
  const decided = async (state: Keyring) => {
    const known = await ownerFacts(run, ownerId);
    policyRevision = known.policyRevision;
    const refused = ownerRefused(known.owner);
    if (refused !== null) return { events: [], codes: chunk.map(() => refused) };
    const mine = chunk.filter((_, i) => claimed[i]);
    const { events, codes } = importKeys(commandsFor(run, mine, known.facts), state);
    const rest = [...codes];
    return { events, codes: claimed.map((isClaimed) => (isClaimed ? (rest.shift() ?? null) : 'conflict')) };
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
  const refused = isRejection(step) ? step.rejected : null;
  const events = isRejection(step) ? [] : step.events;
  const made = new Set(events.flatMap((event) => (event.type === 'ApiKeyImported' ? [event.data.keyId] : [])));
  if (!isRejection(step)) codes ??= (await decided(step.state)).codes;
  return together(
    chunk.map(async (item, i): Promise<ImportResult> => {
      const id = keyIdOf(run, item);
      if (made.has(id)) return { status: 'imported', id, code: null };
      if (claimed[i]) await claims.release(item.sha256, id);
      return { status: 'refused', id: null, code: refused ?? codes?.[i] ?? 'conflict' };
    }),
  );
};

/**
 * Takes over keys of another system by the hash of their text. Each keyring is decided on by itself, so an item that is
 * refused stops no other, and what a crash left is finished. An item's code: those of making a key; `conflict` for a
 * text that some key has or had, or is just becoming, `not-found` for an owner who is not or no longer there, `forbidden` for one turned off.
 */
export const importKeysCommand = (claims: ImportClaims): Command<ImportKeysInput, ImportKeysAnswer> => ({
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
      for (const chunk of cutToFit(owned, keyBytes))
        for (const [i, result] of (await importChunk(claims, run, chunk)).entries()) results[chunk[i]!.n] = result;
    };
    const owners = [...byOwner.values()];
    for (let from = 0; from < owners.length; from += ownersAtOnce)
      await together(owners.slice(from, from + ownersAtOnce).map(importOwned));
    return { result: { results } };
  },
});
