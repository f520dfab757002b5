import type { KeyId, Sha256Hex } from '../../domain/ids.ts';
import { type Instant, instant, millis } from '../../domain/instant.ts';
import { createBytesTable } from './bytesTable.ts';
import { createColumn } from './column.ts';
import { createInterner } from './interner.ts';
import type { Owners } from './owners.ts';
import { readHex, readUuid, writeUuid } from './uuidBytes.ts';

/** Every key that the log ever had, as rows of numbers, found by its hash or its id. */
export type Keys = ReturnType<typeof createKeys>;

export type NewKey = {
  readonly keyId: KeyId;
  readonly secretHash: Sha256Hex;
  readonly ownerEpoch: number;
  readonly scopes: readonly string[] | null;
  readonly expiresAt: Instant | null;
};

const revoked = 1;
const expired = 2;

const never = Number.POSITIVE_INFINITY;
const time = (at: Instant | null) => (at === null ? never : millis(at));
const written = (ms: number): Instant | null => (ms === never ? null : instant(ms));

export const createKeys = (owners: Owners) => {
  // Row n of both tables is key n. A hash claimed once more is kept in its row and never found there.
  const hashes = createBytesTable(32);
  const ids = createBytesTable(16);
  const columns = {
    owner: createColumn(Int32Array),
    ownerEpoch: createColumn(Int32Array),
    expiresAt: createColumn(Float64Array),
    graceUntil: createColumn(Float64Array),
    flags: createColumn(Uint8Array),
    // Number of the scope set plus one; 0: all that the owner may.
    scopes: createColumn(Int32Array),
    // Row of the owner's key before this one plus one; 0: none.
    previousOfOwner: createColumn(Int32Array),
  };
  let sets = createInterner();
  const hash = new Uint8Array(32);
  const id = new Uint8Array(16);

  const find = (keyId: KeyId) => (readUuid(keyId, id) ? ids.find(id) : -1);

  /** @throws where the log never made the key that an event speaks of */
  const known = (keyId: KeyId) => {
    const key = find(keyId);
    if (key < 0) throw new Error('the key was never created');
    return key;
  };

  const setScopes = (key: number, scopes: readonly string[] | null) =>
    columns.scopes.set(key, scopes === null ? 0 : sets.intern(scopes) + 1);

  const flag = (key: number, value: number) => columns.flags.set(key, columns.flags.get(key) | value);

  return {
    columns,
    size: ids.size,
    ids: ids.bytes,
    hashes: hashes.bytes,
    find,
    findByHash: (bytes: Uint8Array) => hashes.find(bytes),
    /** False: its hash belongs to a key before it, for ever. */
    ownsHash: (key: number) => hashes.find(hashes.buffer(), key * 32) === key,
    keyId: (key: number): KeyId => writeUuid(ids.buffer(), key * 16),

    add: (owner: number, made: NewKey) => {
      if (!readHex(made.secretHash, hash)) throw new Error('the hash of a key is no SHA-256');
      if (!readUuid(made.keyId, id)) throw new Error('the id of a key is no UUID');
      if (ids.find(id) >= 0) throw new Error('the key was created before');
      hashes.add(hash);
      const key = ids.add(id);
      columns.owner.set(key, owner);
      columns.ownerEpoch.set(key, made.ownerEpoch);
      columns.expiresAt.set(key, time(made.expiresAt));
      columns.graceUntil.set(key, never);
      columns.flags.set(key, 0);
      setScopes(key, made.scopes);
      columns.previousOfOwner.set(key, owners.columns.newestKey.get(owner));
      owners.columns.newestKey.set(owner, key + 1);
    },
    setScopes: (keyId: KeyId, scopes: readonly string[] | null) => setScopes(known(keyId), scopes),
    setExpiry: (keyId: KeyId, expiresAt: Instant | null) => columns.expiresAt.set(known(keyId), time(expiresAt)),
    setGrace: (keyId: KeyId, graceUntil: Instant) => columns.graceUntil.set(known(keyId), millis(graceUntil)),
    revoke: (keyId: KeyId) => flag(known(keyId), revoked),
    expire: (keyId: KeyId) => flag(known(keyId), expired),

    owner: columns.owner.get,
    ownerEpoch: columns.ownerEpoch.get,
    isRevoked: (key: number) => (columns.flags.get(key) & revoked) !== 0,
    isExpired: (key: number) => (columns.flags.get(key) & expired) !== 0,
    expiresAt: (key: number) => written(columns.expiresAt.get(key)),
    graceUntil: (key: number) => written(columns.graceUntil.get(key)),
    /** Milliseconds since 1970; Infinity: never. */
    expiresAtMs: columns.expiresAt.get,
    graceUntilMs: columns.graceUntil.get,
    /** Number of the scope set plus one; 0: all that the owner may. */
    scopeSet: columns.scopes.get,
    scopes: (key: number) => (columns.scopes.get(key) === 0 ? null : sets.get(columns.scopes.get(key) - 1)),

    /** The rows of an owner's keys, newest first. */
    *ofOwner(owner: number): Generator<number> {
      let next = owners.columns.newestKey.get(owner);
      while (next > 0) {
        yield next - 1;
        next = columns.previousOfOwner.get(next - 1);
      }
    },

    sets: () => sets.all(),
    loadSets: (loaded: readonly (readonly string[])[]) => {
      sets = createInterner(loaded);
    },
    loadIds: ids.load,
    loadHashes: hashes.load,
  };
};
