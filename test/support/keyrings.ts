import { plusDays, plusSeconds } from '../../domain/instant.ts';
import type { KeyPolicy, ScopeCatalog } from '../../domain/keyPolicy.ts';
import type { KeyringEvent } from '../../domain/keyring.ts';
import type { CreateApiKey, EditKey, ImportKey, RevokeKey, RotateKey } from '../../domain/keyringDecisions.ts';
import { presets } from '../../domain/presets.ts';

// Short words for the commands and events of a keyring. A secret's hash is named after its key.

/** When the commands of a test are given, unless they say otherwise. */
export const now = '2027-01-10T12:00:00.000Z';
export const inDays = (days: number) => plusDays(now, days);
export const inSeconds = (seconds: number) => plusSeconds(now, seconds);

export const catalog: ScopeCatalog = [
  { application: 'streams', actions: ['read', 'write', 'admin'] },
  { application: 'reports', actions: ['read'] },
];

/** As lax as a policy can be: what a test is about, it says itself. */
export const lax: KeyPolicy = {
  ...presets.helmut,
  nameRequired: false,
  scoped: false,
};

export const facts = {
  at: now,
  ownerEpoch: 0,
  policy: lax,
  catalog,
  ownerScopes: ['*:*'],
  mayUseApi: true,
};

export const create = (keyId: string, more: Partial<CreateApiKey> = {}): CreateApiKey => ({
  type: 'CreateApiKey',
  ...facts,
  keyId,
  secretHash: `hash of ${keyId}`,
  mask: `mask of ${keyId}`,
  ...more,
});

export const edit = (keyId: string, more: Partial<EditKey> = {}): EditKey => ({
  type: 'EditKey',
  ...facts,
  keyId,
  ...more,
});

export const rotate = (keyId: string, newKeyId: string, more: Partial<RotateKey> = {}): RotateKey => ({
  type: 'RotateKey',
  ...facts,
  keyId,
  newKeyId,
  secretHash: `hash of ${newKeyId}`,
  mask: `mask of ${newKeyId}`,
  graceSeconds: 0,
  ...more,
});

export const revoke = (keyId: string, more: Partial<RevokeKey> = {}): RevokeKey => ({
  type: 'RevokeKey',
  at: now,
  ownerEpoch: 0,
  keyId,
  reason: 'owner',
  note: null,
  ...more,
});

export const importKey = (keyId: string, more: Partial<ImportKey> = {}): ImportKey => {
  const { mayUseApi: _, ...known } = facts;
  return { type: 'ImportKey', ...known, keyId, secretHash: `hash of ${keyId}`, mask: `mask of ${keyId}`, ...more };
};

type EventData<T extends KeyringEvent['type']> = Extract<KeyringEvent, { type: T }>['data'];

export const created = (keyId: string, more: Partial<EventData<'ApiKeyCreated'>> = {}) => ({
  type: 'ApiKeyCreated' as const,
  data: {
    keyId,
    ownerEpoch: 0,
    name: null,
    description: null,
    secretHash: `hash of ${keyId}`,
    mask: `mask of ${keyId}`,
    scopes: null,
    expiresAt: null,
    recoverable: false,
    replaces: null,
    ...more,
  },
});

export const imported = (keyId: string, more: Partial<EventData<'ApiKeyImported'>> = {}) => ({
  type: 'ApiKeyImported' as const,
  data: {
    keyId,
    ownerEpoch: 0,
    name: null,
    secretHash: `hash of ${keyId}`,
    mask: `mask of ${keyId}`,
    scopes: null,
    createdAt: now,
    expiresAt: null,
    ...more,
  },
});

export const renamed = (keyId: string, name: string | null, description: string | null = null) => ({
  type: 'ApiKeyRenamed' as const,
  data: { keyId, name, description },
});

export const rescoped = (keyId: string, scopes: readonly string[] | null) => ({
  type: 'ApiKeyScopesChanged' as const,
  data: { keyId, scopes },
});

export const moved = (keyId: string, expiresAt: string | null) => ({
  type: 'ApiKeyExpiryChanged' as const,
  data: { keyId, expiresAt },
});

export const rotated = (keyId: string, newKeyId: string, graceUntil: string) => ({
  type: 'ApiKeyRotated' as const,
  data: { keyId, newKeyId, graceUntil },
});

export const revoked = (
  keyId: string,
  reason: EventData<'ApiKeyRevoked'>['reason'] = 'owner',
  note: string | null = null,
) => ({ type: 'ApiKeyRevoked' as const, data: { keyId, reason, note } });

export const expired = (keyId: string, expiresAt: string) => ({
  type: 'ApiKeyExpired' as const,
  data: { keyId, expiresAt },
});

export const closed = (ownerEpoch: number, more: Partial<EventData<'KeyringClosed'>> = {}) => ({
  type: 'KeyringClosed' as const,
  data: { ownerEpoch, reason: 'owner-deactivated' as const, endedAt: now, ...more },
});
