import type { Decider, Decision, Rejection } from './decider.ts';
import { isRejection, reject } from './decider.ts';
import type { KeyId, Sha256Hex } from './ids.ts';
import type { Instant } from './instant.ts';
import { earliest, instant, millis, plusSeconds } from './instant.ts';
import type { KeyFacts } from './keyRules.ts';
import { carriedExpiry, carriedScopes, editedExpiry, expiryOf, scopesOf } from './keyRules.ts';
import type { ClosingReason, Key, Keyring, KeyringEvent, RevocationReason } from './keyring.ts';
import { keyringFold } from './keyring.ts';
import { equalLists, sortedSet, tidy } from './text.ts';

/** `ownerEpoch`: the owner's epoch as of the command; only keys of it count, and one that the keyring knows to be over is refused. */
type OwnerFacts = { readonly at: Instant; readonly ownerEpoch: number };
/** `mayUseApi`: the owner's roles hold the permission `api-keys:use`. */
type Facts = OwnerFacts & KeyFacts & { readonly mayUseApi: boolean };
type Secret = { readonly secretHash: Sha256Hex; readonly mask: string };

export type CreateApiKey = Facts &
  Secret & {
    readonly type: 'CreateApiKey';
    readonly keyId: KeyId;
    readonly name?: string | null | undefined;
    readonly description?: string | null | undefined;
    readonly expiresAt?: Instant | null | undefined;
    readonly scopes?: readonly string[] | null | undefined;
  };

/** Undefined leaves a field as it is; null clears it. */
export type EditKey = Facts & {
  readonly type: 'EditKey';
  readonly keyId: KeyId;
  readonly name?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly expiresAt?: Instant | null | undefined;
  readonly scopes?: readonly string[] | null | undefined;
};

/** `keyId` makes place for `newKeyId`. Without `expiresAt` the new key lives as long as the old one was to. */
export type RotateKey = Facts &
  Secret & {
    readonly type: 'RotateKey';
    readonly keyId: KeyId;
    readonly newKeyId: KeyId;
    readonly graceSeconds: number;
    readonly expiresAt?: Instant | null | undefined;
  };

/** A key is `replaced` by making another, never by this. */
export type RevokeKey = OwnerFacts & {
  readonly type: 'RevokeKey';
  readonly keyId: KeyId;
  readonly reason: Exclude<RevocationReason, 'replaced'>;
  readonly note: string | null;
};

/** Records every expiry that is due. The clock has ended the keys already, so no fact about their owner is needed. */
export type ExpireKeys = { readonly type: 'ExpireKeys'; readonly at: Instant };

/** `ownerEpoch`: the one that the user's event ended, at `endedAt`. */
export type CloseKeyring = {
  readonly type: 'CloseKeyring';
  readonly ownerEpoch: number;
  readonly reason: ClosingReason;
  readonly endedAt: Instant;
};

/** A key that another system made and whose text is not known here. `besides`: imported by the same append, before it. */
export type ImportKey = OwnerFacts &
  KeyFacts &
  Secret & {
    readonly type: 'ImportKey';
    readonly keyId: KeyId;
    readonly name?: string | null | undefined;
    readonly createdAt?: Instant | null | undefined;
    readonly expiresAt?: Instant | null | undefined;
    readonly scopes?: readonly string[] | null | undefined;
    readonly besides?: readonly ImportedBefore[] | undefined;
  };

type ImportedBefore = Pick<Key, 'name' | 'secretHash'>;

export type KeyringCommand = CreateApiKey | EditKey | RotateKey | RevokeKey | ExpireKeys | CloseKeyring | ImportKey;

const decide = (command: KeyringCommand, state: Keyring): Decision<KeyringEvent> => {
  switch (command.type) {
    case 'CreateApiKey':
      return create(command, state);
    case 'EditKey':
      return edit(command, state);
    case 'RotateKey':
      return rotate(command, state);
    case 'RevokeKey':
      return revoke(command, state);
    case 'ExpireKeys':
      return expire(command, state);
    case 'CloseKeyring':
      return close(command, state);
    case 'ImportKey':
      return importKey(command, state);
  }
};

const create = (command: CreateApiKey, state: Keyring): Decision<KeyringEvent> => {
  const { keyId, secretHash, mask, policy } = command;
  const refused = stale(command, state) ?? switchedOff(command) ?? notPermitted(command) ?? knownSecret(command, state);
  if (refused) return refused;
  const name = tidy(command.name ?? null);
  if (name === null && policy.nameRequired) return reject('name-required');
  const expiry = expiryOf(command, command.expiresAt);
  if (isRejection(expiry)) return expiry;
  const scopes = scopesOf(command, command.scopes);
  if (isRejection(scopes)) return scopes;

  const full = countOf(state, command) >= policy.maxKeysPerUser;
  if (full && policy.whenFull === 'refuse') return limitReached(command);
  const replaced = full ? countedKeys(state, command) : [];
  const taken = full || !policy.uniqueNames ? null : nameTaken(command, name, countedKeys(state, command));
  if (taken) return taken;
  const description = tidy(command.description ?? null);
  const recoverable = policy.secret === 'recoverable';
  const replaces = newest(replaced)?.keyId ?? null;
  return [
    // First the ends: whoever has read only half of the append has seen one key too few, never one too many.
    ...replaced.map((key) => revoked(key.keyId, 'replaced', null)),
    {
      type: 'ApiKeyCreated',
      data: {
        keyId,
        ownerEpoch: command.ownerEpoch,
        name,
        description,
        secretHash,
        mask,
        ...scopes,
        ...expiry,
        recoverable,
        replaces,
      },
    },
  ];
};

// No role is asked for: what is edited cannot be used without it, and an owner may always shorten a key or narrow it.
const edit = (command: EditKey, state: Keyring): Decision<KeyringEvent> => {
  const refused = stale(command, state) ?? switchedOff(command);
  if (refused) return refused;
  const key = state.keys.get(command.keyId);
  if (!key) return reject('not-found');
  if (!isCurrent(key, command, state) || hasExpired(key, command.at)) return reject('already-ended');
  const renamed = rename(command, key, state);
  if (isRejection(renamed)) return renamed;
  const rescoped = rescope(command, key);
  if (isRejection(rescoped)) return rescoped;
  const expiry = command.expiresAt === undefined ? key : editedExpiry(command, command.expiresAt, key);
  if (isRejection(expiry)) return expiry;
  const { expiresAt } = expiry;
  const moved: KeyringEvent[] =
    expiresAt === key.expiresAt ? [] : [{ type: 'ApiKeyExpiryChanged', data: { keyId: key.keyId, expiresAt } }];
  return [...renamed, ...rescoped, ...moved];
};

// Whether a name may change is the policy's; a description is nobody's business but the owner's, and may always.
const rename = (command: EditKey, key: Key, state: Keyring): readonly KeyringEvent[] | Rejection => {
  const { policy } = command;
  const name = command.name === undefined ? key.name : tidy(command.name);
  const description = command.description === undefined ? key.description : tidy(command.description);
  if (name !== key.name) {
    if (!policy.nameEditable) return reject('name-not-editable');
    if (name === null && policy.nameRequired) return reject('name-required');
    const taken = nameTaken(command, name, countedKeys(state, command));
    if (taken) return taken;
  }
  if (name === key.name && description === key.description) return [];
  return [{ type: 'ApiKeyRenamed', data: { keyId: key.keyId, name, description } }];
};

const rescope = (command: EditKey, key: Key): readonly KeyringEvent[] | Rejection => {
  if (command.scopes === undefined || sameScopes(command.scopes, key.scopes)) return [];
  const checked = scopesOf(command, command.scopes);
  if (isRejection(checked)) return checked;
  const { scopes } = checked;
  return sameScopes(scopes, key.scopes) ? [] : [{ type: 'ApiKeyScopesChanged', data: { keyId: key.keyId, scopes } }];
};

const sameScopes = (asked: readonly string[] | null, stored: readonly string[] | null) =>
  asked === null || stored === null ? asked === stored : equalLists(sortedSet(asked), stored);

// The new key obeys the policy of its day like any other: what can be cut to it is cut, the rest is refused.
const rotate = (command: RotateKey, state: Keyring): Decision<KeyringEvent> => {
  const { at, policy, newKeyId, secretHash, mask } = command;
  const refused = stale(command, state) ?? switchedOff(command) ?? notPermitted(command) ?? knownSecret(command, state);
  if (refused) return refused;
  const old = state.keys.get(command.keyId);
  if (!old) return reject('not-found');
  if (!isCurrent(old, command, state)) return reject('already-ended');
  if (!policy.rotation) return reject('rotation-not-allowed');
  if (!(command.graceSeconds >= 0 && command.graceSeconds <= policy.maxGraceSeconds)) {
    return reject('grace-not-allowed', { maxGraceSeconds: policy.maxGraceSeconds });
  }
  const { name, description } = old;
  if (name === null && policy.nameRequired) return reject('name-required');
  const others = countedKeys(state, command).filter((other) => other.keyId !== old.keyId);
  const taken = nameTaken(command, name, others);
  if (taken) return taken;
  const scopes = carriedScopes(command, old.scopes);
  if (isRejection(scopes)) return scopes;
  const expiry =
    command.expiresAt === undefined ? { expiresAt: carriedExpiry(command, old) } : expiryOf(command, command.expiresAt);
  if (isRejection(expiry)) return expiry;
  const graceUntil = earliest(plusSeconds(at, command.graceSeconds), old.expiresAt)!;
  const recoverable = policy.secret === 'recoverable';
  return [
    // The old key first, as with a replacement: name and slot are free before the new key takes them.
    { type: 'ApiKeyRotated', data: { keyId: old.keyId, newKeyId, graceUntil } },
    {
      type: 'ApiKeyCreated',
      data: {
        keyId: newKeyId,
        ownerEpoch: command.ownerEpoch,
        name,
        description,
        secretHash,
        mask,
        ...scopes,
        ...expiry,
        recoverable,
        replaces: old.keyId,
      },
    },
  ];
};

// An expired key may be revoked, which frees its name and slot, and so may one in grace.
const revoke = (command: RevokeKey, state: Keyring): Decision<KeyringEvent> => {
  const refused = stale(command, state);
  if (refused) return refused;
  const key = state.keys.get(command.keyId);
  if (!key) return reject('not-found');
  const over =
    key.revokedAt !== null ||
    key.ownerEpoch !== command.ownerEpoch ||
    (key.graceUntil !== null && millis(key.graceUntil) <= millis(command.at));
  return over ? [] : [revoked(key.keyId, command.reason, tidy(command.note))];
};

const expire = ({ at }: ExpireKeys, state: Keyring): Decision<KeyringEvent> =>
  allCounted(state)
    .filter((key) => key.expiresAt !== null && key.expiredAt === null && millis(key.expiresAt) <= millis(at))
    .map((key) => ({ type: 'ApiKeyExpired', data: { keyId: key.keyId, expiresAt: key.expiresAt! } }));

// Also on a keyring without keys: from here on a key that was decided on before the owner was turned off is refused.
const close = ({ ownerEpoch, reason, endedAt }: CloseKeyring, state: Keyring): Decision<KeyringEvent> =>
  state.closings.some((closing) => closing.ownerEpoch >= ownerEpoch)
    ? []
    : [{ type: 'KeyringClosed', data: { ownerEpoch, reason, endedAt } }];

// Keys may be brought over before they are switched on, and for owners who do not have the role yet: whether they work
// is asked at every check. Everything else holds as for a new key; an import ends no other key, so `replace` refuses too.
const importKey = (command: ImportKey, state: Keyring): Decision<KeyringEvent> => {
  const { keyId, ownerEpoch, secretHash, mask, at, policy, besides = [] } = command;
  const refused = stale(command, state) ?? knownSecret(command, state);
  if (refused) return refused;
  if (besides.some((other) => other.secretHash === secretHash)) return reject('conflict');
  const name = tidy(command.name ?? null);
  if (name === null && policy.nameRequired) return reject('name-required');
  const createdAt = earliest(at, command.createdAt ? instant(millis(command.createdAt)) : null)!;
  const expiry = expiryOf(command, command.expiresAt, createdAt);
  if (isRejection(expiry)) return expiry;
  const scopes = scopesOf(command, command.scopes);
  if (isRejection(scopes)) return scopes;
  const counted = [...countedKeys(state, command), ...besides];
  if (counted.length >= policy.maxKeysPerUser) return limitReached(command);
  const taken = nameTaken(command, name, counted);
  if (taken) return taken;
  const data = { keyId, ownerEpoch, name, secretHash, mask, ...scopes, createdAt, ...expiry };
  return [{ type: 'ApiKeyImported', data }];
};

// Reloading the owner mends it; where it does not, the owner has no keys to decide on any more.
const stale = ({ ownerEpoch }: OwnerFacts, state: Keyring): Rejection | null =>
  ownerEpoch < state.epoch ? reject('stale-owner-epoch') : null;

const switchedOff = ({ policy }: Facts): Rejection | null => (policy.enabled ? null : reject('api-keys-disabled'));

const notPermitted = ({ policy, mayUseApi }: Facts): Rejection | null =>
  policy.requireRole && !mayUseApi ? reject('role-not-permitted') : null;

const knownSecret = ({ secretHash }: Secret, state: Keyring): Rejection | null =>
  state.hashes.has(secretHash) ? reject('conflict') : null;

const limitReached = ({ policy }: KeyFacts): Rejection =>
  reject('api-key-limit-reached', { limit: policy.maxKeysPerUser });

const nameTaken = (
  { policy }: KeyFacts,
  name: string | null,
  others: readonly Pick<Key, 'name'>[],
): Rejection | null =>
  policy.uniqueNames && name !== null && others.some((other) => other.name === name)
    ? reject('api-key-name-taken')
    : null;

/** How many there are of `countedKeys`. */
const countOf = (state: Keyring, { ownerEpoch }: OwnerFacts): number =>
  ownerEpoch === state.epoch ? state.counted.size : 0;

/** The keys that hold a slot and a name: of the owner's epoch, active or expired, neither revoked nor in grace. */
const countedKeys = (state: Keyring, { ownerEpoch }: OwnerFacts): readonly Key[] =>
  ownerEpoch === state.epoch ? allCounted(state) : [];

const allCounted = (state: Keyring): readonly Key[] => [...state.counted].map((keyId) => state.keys.get(keyId)!);

/** It holds a slot and a name: of the owner's epoch, neither revoked nor in grace. */
export const isCurrent = (key: Key, { ownerEpoch }: Pick<OwnerFacts, 'ownerEpoch'>, state: Keyring): boolean =>
  key.ownerEpoch === ownerEpoch && state.counted.has(key.keyId);

// A recorded expiry stands, whatever the clock of the machine that decides says.
export const hasExpired = (key: Key, at: Instant): boolean =>
  key.expiredAt !== null || (key.expiresAt !== null && millis(key.expiresAt) <= millis(at));

// Keys brought over may be older than those made here before them.
const newest = (keys: readonly Key[]): Key | undefined =>
  keys.reduce<Key | undefined>((best, key) => (best && best.createdAt > key.createdAt ? best : key), undefined);

const revoked = (keyId: KeyId, reason: RevocationReason, note: string | null): KeyringEvent => ({
  type: 'ApiKeyRevoked',
  data: { keyId, reason, note },
});

/** All keys of one user: names, limit and replacement are decided here, guarded by the revision of the stream. */
export const keyring: Decider<Keyring, KeyringCommand, KeyringEvent> = { ...keyringFold, decide };
