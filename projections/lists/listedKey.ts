import type { Document } from '../../commands/ports/lists.ts';
import type { Actor } from '../../domain/event.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import type { KeyStanding, OwnerStanding } from '../../domain/keyView.ts';
import type { EndedEpoch, UserStatus } from '../../domain/user.ts';
import { rolesIn } from './users.ts';

/** What a document of the list of all keys says of a key and its owner: what keyView needs, and what is shown beside. */
export type ListedKey = {
  readonly keyId: KeyId;
  readonly ownerId: UserId;
  readonly name: string | null;
  readonly description: string | null;
  readonly mask: string;
  readonly scopes: readonly string[] | null;
  readonly createdAt: Instant;
  readonly createdBy: Actor;
  readonly createdIp: string | null;
  readonly lastUsedAt: Instant | null;
  readonly lastUsedIp: string | null;
  readonly replaces: KeyId | null;
  readonly replacedBy: KeyId | null;
  readonly standing: KeyStanding;
  /** `roles` hold `admin` too. `standing` lacks what the roles permit: whoever knows them adds it. */
  readonly owner: {
    readonly email: string | null;
    readonly displayName: string;
    readonly roles: readonly string[];
    readonly groups: readonly string[];
    readonly organizations: readonly string[];
    readonly standing: Omit<OwnerStanding, 'mayUseApi'>;
  };
};

export const listedKey = (document: Document): ListedKey => {
  const text = (field: string) => (document[field] ?? null) as string | null;
  const texts = (field: string) => (document[field] ?? []) as readonly string[];
  const ownerEpoch = document.ownerEpoch as number;
  const ended = endedEpoch(document, ownerEpoch);
  return {
    keyId: document.id,
    ownerId: document.ownerId as string,
    name: text('name'),
    description: text('description'),
    mask: document.mask as string,
    scopes: (document.scopes ?? null) as readonly string[] | null,
    createdAt: document.createdAt as string,
    createdBy: { kind: document.createdByKind as Actor['kind'], id: text('createdById') },
    createdIp: text('createdIp'),
    lastUsedAt: text('lastUsedAt'),
    lastUsedIp: text('lastUsedIp'),
    replaces: text('replaces'),
    replacedBy: text('replacedBy'),
    standing: {
      ownerEpoch,
      policyRevision: (document.policyRevision ?? null) as number | null,
      expiresAt: text('expiresAt'),
      graceUntil: text('graceUntil'),
      revokedAt: text('revokedAt'),
      revokedReason: text('revokedReason') as KeyStanding['revokedReason'],
      revokedNote: text('revokedNote'),
      recoverable: document.recoverable === true,
    },
    owner: {
      email: text('ownerEmail'),
      displayName: text('ownerDisplayName') ?? (document.ownerId as string),
      roles: rolesIn(document.ownerRoles, document.ownerAdministrator),
      groups: texts('ownerGroups'),
      organizations: texts('ownerOrganizations'),
      standing: {
        // A key whose owner is not known yet (their stream is parked) is nobody's to use.
        status: (document.ownerStatus ?? 'deactivated') as UserStatus,
        // Of the epochs only the key's own matters: it is the present one, or it ended.
        ownerEpoch: ended === null ? ownerEpoch : ownerEpoch + 1,
        endedEpochs: ended === null ? [] : [ended],
      },
    },
  };
};

const endedEpoch = (fields: { readonly [field: string]: Json | undefined }, ownerEpoch: number): EndedEpoch | null =>
  typeof fields.ownerEndedAt === 'string'
    ? { ownerEpoch, at: fields.ownerEndedAt, reason: fields.ownerEndedReason as EndedEpoch['reason'] }
    : null;
