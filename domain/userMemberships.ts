import { type Decision, type FieldError, reject } from './decider.ts';
import { equalLists, sortedSet, textError, tidy } from './text.ts';
import type { User, UserEvent } from './user.ts';

export type MembershipCommand =
  /** Who is administrator is decided in `roles`: `admin` among these is passed over. */
  | { readonly type: 'AssignRoles'; readonly roles: readonly string[] }
  | { readonly type: 'AssignGroups'; readonly groups: readonly string[] }
  | { readonly type: 'AssignOrganizations'; readonly organizations: readonly string[] };

/** All of the names, in place of those they had. Rejection: `validation-failed`. */
export const decideMemberships = (command: MembershipCommand, user: User): Decision<UserEvent> => {
  switch (command.type) {
    case 'AssignRoles':
      return assign(readRoles(command.roles), user.roles, (roles) => ({ type: 'RolesAssigned', data: { roles } }));
    case 'AssignGroups':
      return assign(readGroups(command.groups), user.groups, (groups) => ({
        type: 'GroupsAssigned',
        data: { groups },
      }));
    case 'AssignOrganizations':
      return assign(readOrganizations(command.organizations), user.organizations, (organizations) => ({
        type: 'OrganizationsAssigned',
        data: { organizations },
      }));
  }
};

/** Each once, sorted; `errors` says which of them is no name. */
export type Names = { readonly names: readonly string[]; readonly errors: readonly FieldError[] };

const mostNames = 200;
export const longestName = 100;

export const readRoles = (given: readonly string[]): Names => {
  const { names, errors } = readNames('/roles', given);
  return { names: names.filter((name) => name !== 'admin'), errors };
};
export const readGroups = (given: readonly string[]): Names => readNames('/groups', given);
export const readOrganizations = (given: readonly string[]): Names => readNames('/organizations', given);

const readNames = (field: string, given: readonly string[]): Names => {
  if (given.length > mostNames) return { names: [], errors: [{ field, detail: `At most ${mostNames} of them.` }] };
  const tidied = given.map(tidy);
  const errors = tidied.map((name, i) =>
    name === null ? { field: `${field}/${i}`, detail: 'Empty.' } : textError(`${field}/${i}`, name, longestName),
  );
  return {
    names: sortedSet(tidied.filter((name) => name !== null)),
    errors: errors.filter((error) => error !== null),
  };
};

const assign = (
  { names, errors }: Names,
  now: readonly string[],
  assigned: (names: readonly string[]) => UserEvent,
): Decision<UserEvent> => {
  if (errors.length > 0) return reject('validation-failed', undefined, errors);
  return equalLists(names, now) ? [] : [assigned(names)];
};
