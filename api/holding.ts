import { isPeoplesPermission, mayStandOnToken } from '../domain/permissions.ts';
import { effectiveRights, type Rights, type Roles, rolesOfUser } from '../domain/roles.ts';
import { everyScope, holds } from '../domain/scopes.ts';
import type { User } from '../domain/user.ts';
import type { Machine, Person } from './principal.ts';
import { Refusal } from './refusal.ts';

/** Permissions, and scope patterns: concrete, `app:*`, `*:*`. */
export type Holding = { readonly permissions: readonly string[]; readonly scopes: readonly string[] };

/** What a user's roles give them, whatever state they are in: they may be turned on again. */
export const rightsOfUser = (user: Pick<User, 'userId' | 'roles'>, roles: Roles): Rights =>
  effectiveRights(rolesOfUser(user.userId, user.roles, roles), roles);

/** What a token with these permissions and applications stands for. @param applications null: all */
export const holdingOfToken = (token: {
  readonly permissions: readonly string[];
  readonly applications: readonly string[] | null;
}): Holding => ({ permissions: token.permissions, scopes: patternsOf(token.applications) });

const patternsOf = (applications: readonly string[] | null): readonly string[] =>
  applications === null ? [everyScope] : applications.map((application) => `${application}:*`);

/**
 * Permissions that callers of a kind can never hold, so that lacking them says nothing: no role gives what only services
 * need, no token has what only a person can use. Whoever may do the call at all may hand these on.
 */
const isBeyond = (caller: Person | Machine, permission: string): boolean =>
  caller.kind === 'service' ? !mayStandOnToken(permission) : !isPeoplesPermission(permission);

/** What of it the caller does not hold. */
export const lacking = (caller: Person | Machine, wanted: Holding): Holding => {
  const held: ReadonlySet<string> = caller.permissions;
  const patterns = caller.kind === 'service' ? patternsOf(caller.applications) : caller.scopes;
  return {
    permissions: wanted.permissions.filter((permission) => !held.has(permission) && !isBeyond(caller, permission)),
    scopes: wanted.scopes.filter((scope) => !holds(patterns, scope)),
  };
};

/**
 * Nobody grants or touches what they do not hold. To be asked with the rights of the user who is changed, of the roles
 * that are assigned or defined, of the token that is issued.
 * @throws Refusal forbidden {permissions, scopes}: those the caller lacks
 */
export const requireHolding = (caller: Person | Machine, ...wanted: readonly Holding[]): void => {
  const missing = wanted.map((one) => lacking(caller, one));
  const permissions = [...new Set(missing.flatMap((one) => one.permissions))].sort();
  const scopes = [...new Set(missing.flatMap((one) => one.scopes))].sort();
  if (permissions.length === 0 && scopes.length === 0) return;
  throw new Refusal('forbidden', {
    detail: 'Nobody grants, or touches who has, a permission or scope that they do not hold themselves',
    params: { permissions, scopes },
  });
};
