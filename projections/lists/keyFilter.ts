import type { Condition } from '../../commands/ports/lists.ts';
import type { Instant } from '../../domain/instant.ts';
import { hasOneStatus, isKey, type KeyStatus } from './keyStatus.ts';
import { holdsRole, mentions } from './users.ts';

/** What keys can be searched by. Also the predicate of an incident. Times are exclusive: before and after. */
export type KeyFilter = {
  /** A user's id, or their address in normal form. */
  readonly owner?: string;
  readonly ownerStatus?: readonly string[];
  readonly role?: string;
  readonly group?: string;
  readonly organization?: string;
  readonly status?: readonly KeyStatus[];
  /** A part of name, description, mask, or the owner's name or address; or the whole id. */
  readonly q?: string;
  readonly scope?: string;
  readonly createdBy?: string;
  readonly createdIp?: string;
  readonly lastUsedIp?: string;
  readonly createdBefore?: Instant;
  readonly createdAfter?: Instant;
  readonly expiresBefore?: Instant;
  readonly expiresAfter?: Instant;
  /** Made before then and not used since. */
  readonly unusedSince?: Instant;
  readonly neverExpires?: boolean;
  readonly ids?: readonly string[];
};

/** Columns behind the `sort` of the contract. */
export const keySorts = {
  createdAt: 'createdAt',
  expiresAt: 'expiresAt',
  lastUsedAt: 'lastUsedAt',
  owner: 'ownerDisplayName',
} as const;

/**
 * @param now what `status` is asked at
 * @param rolesWithScope names of the roles that hold `filter.scope`: an unscoped key may do all that its owner may
 */
export const keysWhere = (
  filter: KeyFilter,
  now: Instant,
  rolesWithScope: readonly string[] = [],
): readonly Condition[] => [
  isKey,
  ...given(filter.ids, (values) => ({ column: 'id', op: 'in', values })),
  ...given(filter.owner, (value) => ({ column: value.includes('@') ? 'ownerEmail' : 'ownerId', op: 'eq', value })),
  ...given(filter.ownerStatus, (values) => ({ column: 'ownerStatus', op: 'in', values })),
  ...given(filter.role, (role) => holdsRole(role, 'ownerAdministrator', 'ownerRoles')),
  ...given(filter.group, (value) => ({ column: 'ownerGroups', op: 'has', value })),
  ...given(filter.organization, (value) => ({ column: 'ownerOrganizations', op: 'has', value })),
  ...(filter.status ? hasOneStatus(filter.status, now) : []),
  ...given(filter.q, (q) => mentions(q, ['name', 'description', 'mask', 'ownerDisplayName', 'ownerEmail'])),
  ...given(filter.scope, (scope) => mayDo(scope, rolesWithScope)),
  ...given(filter.createdBy, (value) => ({ column: 'createdById', op: 'eq', value })),
  ...given(filter.createdIp, (value) => ({ column: 'createdIp', op: 'eq', value })),
  ...given(filter.lastUsedIp, (value) => ({ column: 'lastUsedIp', op: 'eq', value })),
  ...given(filter.createdBefore, (value) => ({ column: 'createdAt', op: 'lt', value })),
  ...given(filter.createdAfter, (value) => ({ column: 'createdAt', op: 'gt', value })),
  ...given(filter.expiresBefore, (value) => ({ column: 'expiresAt', op: 'lt', value })),
  ...given(filter.expiresAfter, (value) => ({ column: 'expiresAt', op: 'gt', value })),
  ...given(filter.unusedSince, unusedSince),
  ...given(filter.neverExpires, (never) => ({ column: 'expiresAt', op: never ? 'null' : 'present' })),
];

const given = <T>(value: T | undefined, condition: (value: T) => Condition): readonly Condition[] =>
  value === undefined ? [] : [condition(value)];

/** By what the list knows of use: never, where it knows of none, since it was made. */
export const unusedSince = (value: Instant): Condition => ({
  any: [
    [{ column: 'lastUsedAt', op: 'lt', value }],
    [
      { column: 'lastUsedAt', op: 'null' },
      { column: 'createdAt', op: 'lt', value },
    ],
  ],
});

const mayDo = (scope: string, roles: readonly string[]): Condition => ({
  any: [
    [{ column: 'scopes', op: 'has', value: scope }],
    ...roles.map((role): readonly Condition[] => [
      { column: 'scopes', op: 'null' },
      holdsRole(role, 'ownerAdministrator', 'ownerRoles'),
    ]),
  ],
});
