import type { Instant } from '../domain/instant.ts';
import type { Key } from '../domain/keyring.ts';
import { type KeyStanding, keyView, type OwnerStanding, type PolicyStanding } from '../domain/keyView.ts';
import type { KeyShape } from './schemas/key.ts';

/** When a key was last used, as far as it is known here. */
export type LastUse = { readonly at: Instant; readonly ip: string | null };

type Shown = Pick<
  Key,
  'name' | 'description' | 'mask' | 'scopes' | 'createdAt' | 'createdBy' | 'createdIp' | 'replaces' | 'replacedBy'
> & { readonly keyId: string; readonly ownerId: string; readonly standing: KeyStanding };

/**
 * A key in the contract's shape, at a time.
 * @param key its facts, from its fold or from a list
 */
export const keyShape = (
  key: Shown,
  owner: OwnerStanding,
  policy: PolicyStanding,
  lastUse: LastUse | null,
  at: Instant,
): KeyShape => {
  const view = keyView(key.standing, owner, policy, at);
  return {
    id: key.keyId,
    ownerId: key.ownerId,
    name: key.name,
    description: key.description,
    mask: key.mask,
    status: view.status,
    usable: view.usable,
    unusableBecause: view.unusableBecause,
    scopes: key.scopes === null ? null : [...key.scopes],
    recoverable: view.recoverable,
    createdAt: key.createdAt,
    createdBy: { kind: key.createdBy.kind, id: key.createdBy.id },
    createdIp: key.createdIp,
    expiresAt: key.standing.expiresAt,
    graceUntil: key.standing.graceUntil,
    lastUsedAt: lastUse?.at ?? null,
    lastUsedIp: lastUse?.ip ?? null,
    revokedAt: view.revokedAt,
    revokedReason: view.revokedReason,
    revokedNote: view.revokedNote,
    replaces: key.replaces,
    replacedBy: key.replacedBy,
  };
};
