import { type Decider, type Decision, reject } from './decider.ts';
import type { EventTypes, Recorded } from './event.ts';
import type { UserId } from './ids.ts';
import type { ScopeCatalog } from './keyPolicy.ts';
import { isPeoplesPermission, type PeoplesPermission, permissions } from './permissions.ts';
import { everyScope, expandScopes, indexScopes, isScopePattern, type ScopeIndex } from './scopes.ts';
import { equalLists, sortedSet } from './text.ts';
import { unknownEvent } from './unknownEvent.ts';

export const rolesStream = 'roles';

// Stored shapes: add fields and events, never rename or reuse one.
export type RolesEvent =
  | { type: 'RoleDefined'; data: { name: string; permissions: readonly string[]; scopes: readonly string[] } }
  | { type: 'RoleRemoved'; data: { name: string } }
  | { type: 'AdministratorGranted'; data: { userId: UserId } }
  | { type: 'AdministratorRemoved'; data: { userId: UserId } };

export const rolesEvents: EventTypes<RolesEvent> = {
  RoleDefined: { version: 1, personal: [], person: 'actor', narrows: true },
  RoleRemoved: { version: 1, personal: [], person: 'actor', narrows: true },
  AdministratorGranted: { version: 1, personal: [], person: { field: 'userId' }, narrows: false },
  AdministratorRemoved: { version: 1, personal: [], person: { field: 'userId' }, narrows: true },
};

/** `revision`: of the event that defined it last, and its ETag. */
export type Role = {
  readonly permissions: readonly string[];
  /** Concrete (`app:action`) or patterns (`app:*`, `*:*`); sorted. */
  readonly scopes: readonly string[];
  readonly revision: number;
};

export type Roles = {
  /** By name; built-in roles are not among them. */
  defined: { [name: string]: Role };
  administrators: UserId[];
};

const builtIn = (...granted: readonly PeoplesPermission[]): Role => ({
  permissions: [...granted].sort(),
  scopes: [everyScope],
  revision: -1,
});

export const administratorRole = 'admin';

/** Roles that are always there and never change; no event defines them. */
export const builtInRoles: { readonly [name: string]: Role } = {
  [administratorRole]: builtIn(...permissions),
  auditor: builtIn('audit:read', 'keys:read', 'users:read', 'policy:read'),
  member: builtIn('api-keys:use'),
  guest: builtIn(),
};

/** `Admin` is no other role than `admin`, only one that is easily taken for it. */
export const isBuiltIn = (name: string): boolean => Object.hasOwn(builtInRoles, name.toLowerCase());

/** Null where nobody defined it. */
export const roleOf = (name: string, roles: Roles): Role | null => {
  if (Object.hasOwn(builtInRoles, name)) return builtInRoles[name] ?? null;
  return Object.hasOwn(roles.defined, name) ? (roles.defined[name] ?? null) : null;
};

/** Built-in ones first, then the others by name. */
export const roleNames = (roles: Roles): readonly string[] => [
  ...Object.keys(builtInRoles),
  ...Object.keys(roles.defined).sort(),
];

/** Those of the names that no role has: what an assignment refuses as `unknown-role`. */
export const unknownRoles = (names: readonly string[], roles: Roles): readonly string[] =>
  names.filter((name) => roleOf(name, roles) === null);

export const isAdministrator = (userId: UserId, roles: Roles): boolean => roles.administrators.includes(userId);

/** Every role of a user: those assigned to them, and `admin` where it was granted here. Sorted. */
export const rolesOfUser = (userId: UserId, assigned: readonly string[], roles: Roles): readonly string[] =>
  sortedSet([
    ...assigned.filter((name) => name !== administratorRole),
    ...(isAdministrator(userId, roles) ? [administratorRole] : []),
  ]);

/** What roles give together. `scopes` are patterns: nothing in them was looked up in a catalog. */
export type Rights = { readonly permissions: readonly PeoplesPermission[]; readonly scopes: readonly string[] };

/** A role that nobody defined, or that is gone, gives nothing. */
export const effectiveRights = (names: readonly string[], roles: Roles): Rights => {
  const held = names.map((name) => roleOf(name, roles)).filter((role) => role !== null);
  return {
    permissions: sortedSet(held.flatMap((role) => role.permissions)).filter(isPeoplesPermission),
    scopes: sortedSet(held.flatMap((role) => role.scopes)),
  };
};

export type RolesCommand =
  | {
      readonly type: 'DefineRole';
      readonly name: string;
      readonly permissions: readonly string[];
      /** Null: every scope. */
      readonly scopes: readonly string[] | null;
      /** The catalog as it was read: a concrete scope brings the lower actions that it has there now. */
      readonly catalog: ScopeCatalog;
    }
  /** `inUseBy`: how many users hold it, as far as a list knows. */
  | { readonly type: 'RemoveRole'; readonly name: string; readonly inUseBy: number }
  | { readonly type: 'GrantAdministrator'; readonly userId: UserId }
  | { readonly type: 'RemoveAdministrator'; readonly userId: UserId };

/** A letter, then letters, digits, dots, dashes and underscores: 64 in all. */
const roleNamePattern = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

const decide = (command: RolesCommand, roles: Roles): Decision<RolesEvent> => {
  switch (command.type) {
    case 'DefineRole':
      return defineRole(command, roles);
    case 'RemoveRole': {
      const { name, inUseBy } = command;
      if (isBuiltIn(name)) return reject('role-built-in');
      if (!Object.hasOwn(roles.defined, name)) return [];
      return inUseBy > 0 ? reject('role-in-use', { users: inUseBy }) : [{ type: 'RoleRemoved', data: { name } }];
    }
    case 'GrantAdministrator': {
      const { userId } = command;
      return isAdministrator(userId, roles) ? [] : [{ type: 'AdministratorGranted', data: { userId } }];
    }
    case 'RemoveAdministrator': {
      const { userId } = command;
      if (!isAdministrator(userId, roles)) return [];
      if (roles.administrators.length === 1) return reject('last-administrator');
      return [{ type: 'AdministratorRemoved', data: { userId } }];
    }
  }
};

const defineRole = (
  { name, catalog, ...given }: Extract<RolesCommand, { type: 'DefineRole' }>,
  roles: Roles,
): Decision<RolesEvent> => {
  if (isBuiltIn(name)) return reject('role-built-in');
  const errors = [
    ...(roleNamePattern.test(name) ? [] : [{ field: '/name', detail: 'Not a name for a role.' }]),
    ...given.permissions.flatMap((permission, i) =>
      isPeoplesPermission(permission) ? [] : [{ field: `/permissions/${i}`, detail: 'Not a permission of people.' }],
    ),
  ];
  if (errors.length > 0) return reject('validation-failed', undefined, errors);

  const index = indexScopes(catalog);
  const asked = given.scopes ?? [everyScope];
  const unknown = asked.filter((scope) => !isKnown(scope, index, catalog));
  if (unknown.length > 0) return reject('unknown-scope', { unknown });

  const [granted, scopes] = [sortedSet(given.permissions), expandScopes(asked, index)];
  const now = roleOf(name, roles);
  if (now !== null && equalLists(now.permissions, granted) && equalLists(now.scopes, scopes)) return [];
  return [{ type: 'RoleDefined', data: { name, permissions: granted, scopes } }];
};

const isKnown = (scope: string, index: ScopeIndex, catalog: ScopeCatalog): boolean =>
  scope === everyScope ||
  index.brings.has(scope) ||
  (isScopePattern(scope) && catalog.some(({ application }) => scope === `${application}:*`));

const evolve = (roles: Roles, event: Recorded<RolesEvent>): Roles => {
  const { defined } = roles;
  switch (event.type) {
    case 'RoleDefined': {
      const { name, permissions, scopes } = event.data;
      defined[name] = { permissions, scopes, revision: event.revision };
      return roles;
    }
    case 'RoleRemoved':
      delete defined[event.data.name];
      return roles;
    case 'AdministratorGranted': {
      const { userId } = event.data;
      return { defined, administrators: [...roles.administrators, userId] };
    }
    case 'AdministratorRemoved': {
      const { userId } = event.data;
      return { defined, administrators: roles.administrators.filter((id) => id !== userId) };
    }
    default:
      throw unknownEvent(event);
  }
};

/**
 * What roles permit, and who is administrator: one stream, so that its revision guards "at least one". Rejections:
 * `role-built-in`, `role-in-use` {users}, `unknown-scope` {unknown}, `last-administrator`, `validation-failed`.
 */
export const roles: Decider<Roles, RolesCommand, RolesEvent> = {
  name: 'roles',
  foldVersion: 1,
  initialState: () => ({ defined: {}, administrators: [] }),
  decide,
  evolve,
};
