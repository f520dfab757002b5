import type { KeyPolicy } from '../../domain/keyPolicy.ts';
import { createFeed, type EpochFrom, type Feed } from '../feed/feed.ts';
import { createRoleBook, type FrozenRoleBook } from './rights.ts';
import { emptyState, type FoldedTo, type IndexState } from './state.ts';
import { createTokens, type FrozenTokens } from './tokens.ts';

/** Rises with every change of what the sections are. */
export const snapshotFormat = 1;

/** Rises with every change of what the fold makes of an event: what an older release folded is thrown away. */
export const foldVersion = 1;

/** One column, or one JSON text, of a snapshot. */
export type Section = { readonly name: string; readonly bytes: Uint8Array };

/** What is not a column. */
type Small = {
  readonly foldedTo: FoldedTo;
  readonly installationId: string | null;
  readonly epoch: string | null;
  readonly policy: KeyPolicy;
  readonly roles: FrozenRoleBook;
  readonly tokens: FrozenTokens;
  readonly scopeSets: readonly (readonly string[])[];
  readonly ownerSets: readonly (readonly string[])[];
  readonly keys: number;
  readonly owners: number;
  readonly feed: { readonly width: number; readonly epochs: readonly EpochFrom[] };
};

const toBytes = (array: Uint8Array | Int32Array | Float64Array) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/**
 * Index and feed as bytes, one section after the other. Nothing may be folded between the first and the last of them:
 * they are of one moment only then. Each is a copy and may be written when it suits.
 */
export function* freeze(state: IndexState, feed: Feed): Generator<Section> {
  if (state.foldedTo === null) throw new Error('nothing was folded yet');
  const { keys, owners } = state;
  const { positions, epochs } = feed.freeze();
  const small: Small = {
    foldedTo: state.foldedTo,
    installationId: state.installationId,
    epoch: state.epoch,
    policy: state.policy,
    roles: state.roles.freeze(),
    tokens: state.tokens.freeze(),
    scopeSets: keys.sets(),
    ownerSets: owners.sets(),
    keys: keys.size(),
    owners: owners.size(),
    feed: { width: positions.width, epochs },
  };
  yield { name: 'small', bytes: new TextEncoder().encode(JSON.stringify(small)) };
  yield { name: 'feed', bytes: positions.bytes };
  yield { name: 'key ids', bytes: keys.ids().slice() };
  yield { name: 'key hashes', bytes: keys.hashes().slice() };
  for (const [name, column] of Object.entries(keys.columns))
    yield { name: `key ${name}`, bytes: toBytes(column.copy(small.keys)) };
  yield { name: 'owner ids', bytes: owners.ids().slice() };
  for (const [name, column] of Object.entries(owners.columns))
    yield { name: `owner ${name}`, bytes: toBytes(column.copy(small.owners)) };
}

/** @throws where sections are missing or of another length than they say: the caller starts from nothing then */
export const thaw = (
  sections: ReadonlyMap<string, Uint8Array>,
): { readonly state: IndexState; readonly feed: Feed } => {
  const bytesOf = (name: string, length?: number) => {
    const bytes = sections.get(name);
    if (bytes === undefined || (length !== undefined && bytes.length !== length))
      throw new Error(`the section "${name}" of the snapshot is not whole`);
    return bytes;
  };

  const small = JSON.parse(new TextDecoder().decode(bytesOf('small'))) as Small;
  const state: IndexState = {
    ...emptyState({ roles: createRoleBook(small.roles), tokens: createTokens(small.tokens) }),
    policy: small.policy,
    installationId: small.installationId,
    epoch: small.epoch,
    foldedTo: small.foldedTo,
  };
  const { keys, owners } = state;
  keys.loadSets(small.scopeSets);
  keys.loadIds(bytesOf('key ids', small.keys * 16), small.keys);
  keys.loadHashes(bytesOf('key hashes', small.keys * 32), small.keys);
  for (const [name, column] of Object.entries(keys.columns)) column.load(bytesOf(`key ${name}`), small.keys);
  owners.loadSets(small.ownerSets);
  owners.loadIds(bytesOf('owner ids', small.owners * 16), small.owners);
  for (const [name, column] of Object.entries(owners.columns)) column.load(bytesOf(`owner ${name}`), small.owners);
  const { width, epochs } = small.feed;
  return { state, feed: createFeed({ positions: { width, bytes: bytesOf('feed') }, epochs }) };
};
