import type { Change, ListSchema } from '../../commands/ports/lists.ts';
import type { Recorded } from '../../domain/event.ts';
import { idInStream } from '../../domain/events.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import type { KeyringEvent } from '../../domain/keyring.ts';
import type { RolesEvent } from '../../domain/roles.ts';
import type { UserEvent } from '../../domain/user.ts';
import { projectionOf, type Reader, withoutNulls } from '../projection.ts';
import {
  asStored,
  endField,
  endOfEpoch,
  type OwnerFacts,
  ownerChange,
  ownerDocumentId,
  ownerFactsFor,
} from './ownerFacts.ts';

/**
 * All keys, by key id, each with what is known of its owner, and one document of kind `owner` per owner (ownerFacts.ts).
 * Facts only: what a key's status is follows from them and the time, see keyStatus.ts. `endsAt` is the earlier of
 * `expiresAt` and `graceUntil`. `ownerEndedAt`: when the owner's epoch that the key belongs to ended.
 * `expiredAt`: the expiry is recorded in the log. `createdIpOf`: the person with whom the address is erased.
 */
export const apiKeysSchema: ListSchema = {
  name: 'apiKeys',
  version: 2,
  columns: {
    kind: 'text',
    ownerId: 'text',
    ownerAtEpoch: 'text',
    name: 'text',
    description: 'text',
    mask: 'text',
    scopes: 'texts',
    createdAt: 'text',
    createdById: 'text',
    createdIp: 'text',
    createdIpOf: 'text',
    expiresAt: 'text',
    graceUntil: 'text',
    endsAt: 'text',
    expiredAt: 'text',
    revokedAt: 'text',
    lastUsedAt: 'text',
    lastUsedIp: 'text',
    ownerEndedAt: 'text',
    ownerStatus: 'text',
    ownerEmail: 'text',
    ownerDisplayName: 'text',
    ownerRoles: 'texts',
    ownerAdministrator: 'boolean',
    ownerGroups: 'texts',
    ownerOrganizations: 'texts',
  },
  indexes: [
    ['createdAt'],
    ['expiresAt'],
    ['endsAt'],
    ['lastUsedAt'],
    ['ownerDisplayName'],
    ['ownerId', 'createdAt'],
    ['ownerEmail', 'createdAt'],
    ['ownerAtEpoch'],
    ['createdById'],
    ['createdIpOf'],
    ['createdIp'],
    ['lastUsedIp'],
  ],
  volatile: ['lastUsedAt', 'lastUsedIp'],
};

type Of<T extends KeyringEvent['type']> = Recorded<Extract<KeyringEvent, { type: T }>>;
type Fields = { readonly [field: string]: Json };

const ownerSet = (ownerId: UserId, fields: Fields): Change => ({
  op: 'set',
  id: ownerDocumentId(ownerId),
  fields: { kind: 'owner', ...fields },
});
const ownerOf = (event: { readonly stream: string }) => idInStream(event.stream);

/** Whose address it is that a key was made from: who made it, or its owner where that was no person. */
const actorIsPerson = ({ metadata: { actor } }: Recorded<KeyringEvent>) =>
  actor.kind === 'user' || actor.kind === 'admin';

/** `createdAt` is when the key began, for an imported one before it came here. */
const made = (
  event: Of<'ApiKeyCreated'> | Of<'ApiKeyImported'>,
  own: { createdAt: string; description: string | null; recoverable: boolean; replaces: KeyId | null },
  read: Reader,
): readonly Change[] => {
  const ownerId = ownerOf(event);
  const owner = read(ownerDocumentId(ownerId));
  const { keyId, ownerEpoch, name, mask, scopes, expiresAt } = event.data;
  const ended = endOfEpoch(owner, ownerEpoch);
  const fields = withoutNulls({
    kind: 'key',
    ownerId,
    ownerEpoch,
    ownerAtEpoch: `${ownerId}:${ownerEpoch}`,
    name,
    mask,
    scopes,
    ...own,
    createdByKind: event.metadata.actor.kind,
    createdById: event.metadata.actor.id,
    createdIp: event.metadata.ip,
    createdIpOf: actorIsPerson(event) ? event.metadata.actor.id : ownerId,
    policyRevision: event.metadata.policyRevision,
    expiresAt,
    endsAt: expiresAt,
    ownerEndedAt: ended?.at ?? null,
    ownerEndedReason: ended?.reason ?? null,
    ...ownerFactsFor(owner),
  });
  return [
    { op: 'set', id: keyId, fields },
    ...(own.replaces === null ? [] : [{ op: 'update', id: own.replaces, fields: { replacedBy: keyId } } as const]),
    ...(owner?.hasKeys === true ? [] : [ownerSet(ownerId, { hasKeys: true })]),
  ];
};

/**
 * Keys first: while their owner's document is not written, the event counts as not applied and comes again. An owner
 * without keys, as most are who register, is spared the search for them.
 */
const ofOwner = (userId: UserId, read: Reader, facts: OwnerFacts, hidden: OwnerFacts = {}): readonly Change[] => [
  ...keysOf(userId, read, 'ownerId', userId, facts),
  ownerSet(userId, { ...asStored(facts), ...hidden }),
];

const keysOf = (
  ownerId: UserId,
  read: Reader,
  column: string,
  equals: string,
  fields: OwnerFacts,
): readonly Change[] =>
  Object.keys(fields).length > 0 && read(ownerDocumentId(ownerId))?.hasKeys === true
    ? [{ op: 'updateWhere', column, equals, fields }]
    : [];

const fromUser = (event: Recorded<UserEvent>, read: Reader): readonly Change[] => {
  const userId = ownerOf(event);
  const change = ownerChange(event, userId, () => read(ownerDocumentId(userId)));
  return change === null ? [] : ofOwner(userId, read, change.facts, change.hidden);
};

/** An epoch's end reaches the keys made in it, and waits for those that are still on their way. */
const ending =
  (reason: 'owner-deactivated' | 'owner-deleted') =>
  (event: Recorded<Extract<UserEvent, { data: { ownerEpoch: number } }>>, read: Reader): readonly Change[] => {
    const userId = ownerOf(event);
    const { at } = event.metadata;
    const { ownerEpoch } = event.data;
    const fields = { ownerEndedAt: at, ownerEndedReason: reason };
    return [
      ...keysOf(userId, read, 'ownerAtEpoch', `${userId}:${ownerEpoch}`, fields),
      ...(event.type === 'UserErased' ? erasing(userId) : []),
      ownerSet(userId, { [endField(ownerEpoch)]: { at, reason } }),
      ...fromUser(event, read),
    ];
  };

/** What was sealed under this person's key: in their own keys, and their address in keys that they made for others. */
const erasing = (userId: UserId): readonly Change[] => [
  {
    op: 'updateWhere',
    column: 'ownerId',
    equals: userId,
    fields: { name: null, description: null, revokedNote: null, lastUsedIp: null },
  },
  { op: 'updateWhere', column: 'createdIpOf', equals: userId, fields: { createdIp: null } },
];

const expiry = (keyId: KeyId, expiresAt: string | null): readonly Change[] => [
  // A key in grace can only be revoked, so there is no graceUntil to compare with.
  { op: 'update', id: keyId, fields: { expiresAt, endsAt: expiresAt } },
];

const ownerOfStream = (event: { readonly stream: string }) => [ownerDocumentId(ownerOf(event))];

export const apiKeysList = projectionOf<KeyringEvent | UserEvent | RolesEvent>(
  apiKeysSchema,
  {
    ApiKeyCreated: (event, read) => {
      const { description, recoverable, replaces } = event.data;
      return made(event, { createdAt: event.metadata.at, description, recoverable, replaces }, read);
    },
    ApiKeyImported: (event, read) => {
      const { createdAt } = event.data;
      return made(event, { createdAt, description: null, recoverable: false, replaces: null }, read);
    },
    ApiKeyRenamed: ({ data: { keyId, name, description } }) => [
      { op: 'update', id: keyId, fields: { name, description } },
    ],
    ApiKeyScopesChanged: ({ data: { keyId, scopes } }) => [{ op: 'update', id: keyId, fields: { scopes } }],
    ApiKeyExpiryChanged: ({ data: { keyId, expiresAt } }) => expiry(keyId, expiresAt),
    // Never later than expiresAt, so it is the key's end.
    ApiKeyRotated: ({ data: { keyId, newKeyId, graceUntil } }) => [
      { op: 'update', id: keyId, fields: { graceUntil, endsAt: graceUntil, replacedBy: newKeyId } },
    ],
    ApiKeyRevoked: ({ data: { keyId, reason, note }, metadata: { at } }) => [
      { op: 'update', id: keyId, fields: { revokedAt: at, revokedReason: reason, revokedNote: note } },
    ],
    ApiKeyExpired: ({ data: { keyId }, metadata: { at } }) => [{ op: 'update', id: keyId, fields: { expiredAt: at } }],
    UserRegistered: fromUser,
    UserInvited: fromUser,
    ProfileChanged: fromUser,
    EmailChanged: fromUser,
    PasswordReset: fromUser,
    RolesAssigned: fromUser,
    GroupsAssigned: fromUser,
    OrganizationsAssigned: fromUser,
    UserDeactivated: ending('owner-deactivated'),
    UserReactivated: fromUser,
    UserDeleted: ending('owner-deleted'),
    UserErased: ending('owner-deleted'),
    AdministratorGranted: ({ data: { userId } }, read) => ofOwner(userId, read, { ownerAdministrator: true }),
    AdministratorRemoved: ({ data: { userId } }, read) => ofOwner(userId, read, { ownerAdministrator: false }),
  },
  [
    'ApiKeyCreated',
    'ApiKeyImported',
    'ApiKeyRenamed',
    'ApiKeyRevoked',
    'UserRegistered',
    'UserInvited',
    'ProfileChanged',
    'EmailChanged',
  ],
  {
    ApiKeyCreated: ownerOfStream,
    ApiKeyImported: ownerOfStream,
    UserRegistered: ownerOfStream,
    UserInvited: ownerOfStream,
    ProfileChanged: ownerOfStream,
    EmailChanged: ownerOfStream,
    PasswordReset: ownerOfStream,
    RolesAssigned: ownerOfStream,
    GroupsAssigned: ownerOfStream,
    OrganizationsAssigned: ownerOfStream,
    UserDeactivated: ownerOfStream,
    UserReactivated: ownerOfStream,
    UserDeleted: ownerOfStream,
    UserErased: ownerOfStream,
    AdministratorGranted: ({ data: { userId } }) => [ownerDocumentId(userId)],
    AdministratorRemoved: ({ data: { userId } }) => [ownerDocumentId(userId)],
  },
);
