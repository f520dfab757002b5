import type { Condition, Document, ListSchema } from '../../commands/ports/lists.ts';
import type { ActivityEvent } from '../../domain/activity.ts';
import type { Recorded } from '../../domain/event.ts';
import { idInStream } from '../../domain/events.ts';
import type { Json } from '../../domain/json.ts';
import { displayName, emptyProfile, type Profile, profileFields } from '../../domain/profile.ts';
import type { RolesEvent } from '../../domain/roles.ts';
import type { UserEvent, UserKind, UserStatus } from '../../domain/user.ts';
import { projectionOf, type Reader, withoutNulls } from '../projection.ts';

/**
 * Everybody, by user id. `assignedRoles` and `administrator` come from two streams and stay apart: a user's roles are
 * both together. A document that has no `createdAt` yet belongs to a user whose own stream is parked: see `known`.
 */
const usersSchema: ListSchema = {
  name: 'users',
  version: 1,
  columns: {
    kind: 'text',
    status: 'text',
    email: 'text',
    firstName: 'text',
    lastName: 'text',
    displayName: 'text',
    assignedRoles: 'texts',
    administrator: 'boolean',
    groups: 'texts',
    organizations: 'texts',
    createdAt: 'text',
    lastSignInAt: 'text',
  },
  indexes: [['createdAt'], ['status', 'createdAt'], ['displayName'], ['email'], ['lastSignInAt']],
  volatile: [],
};

/** What a document of this list says of a user, beside their profile. Key counts are counted, see `apiKeys`. */
export type ListedUser = Profile & {
  readonly id: string;
  readonly kind: UserKind;
  readonly email: string | null;
  readonly externalProvider: string | null;
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly organizations: readonly string[];
  readonly status: UserStatus;
  readonly twoFactor: boolean;
  readonly mustChangePassword: boolean;
  readonly createdAt: string;
  readonly lastSignInAt: string | null;
};

type Fields = { readonly [field: string]: Json };

const userOf = (event: { readonly stream: string }) => idInStream(event.stream);
const set = (id: string, fields: Fields) => [{ op: 'set', id, fields }] as const;

const registered = (event: Recorded<Extract<UserEvent, { type: 'UserRegistered' | 'UserInvited' }>>) => {
  const { userId, kind, email, externalProvider, mustChangePassword, roles, groups, organizations } = event.data;
  const profile = event.data.profile ?? emptyProfile;
  const fields = withoutNulls({
    ...profile,
    kind,
    email,
    externalProvider,
    displayName: displayName(profile, email, userId),
    assignedRoles: roles,
    groups,
    organizations,
    status: event.type === 'UserInvited' ? 'invited' : 'active',
    accepted: event.type === 'UserRegistered',
    twoFactor: false,
    mustChangePassword,
    createdAt: event.metadata.at,
  });
  return set(userOf(event), fields);
};

/** The display name follows from several fields, so the others are read. */
const renamed = (id: string, changes: Fields, read: Reader) => {
  const now = { ...read(id), ...changes };
  return set(id, { ...changes, displayName: displayName(profileIn(now), textIn(now, 'email'), id) });
};

const status = (event: Recorded<UserEvent>, to: UserStatus) => set(userOf(event), { status: to });

export const usersList = projectionOf<UserEvent | RolesEvent | ActivityEvent>(
  usersSchema,
  {
    UserRegistered: registered,
    UserInvited: registered,
    ProfileChanged: (event, read) =>
      event.data.changes === null ? [] : renamed(userOf(event), event.data.changes as Fields, read),
    EmailChanged: (event, read) => renamed(userOf(event), { email: event.data.email }, read),
    PasswordChanged: (event) => set(userOf(event), { mustChangePassword: false }),
    PasswordReset: (event, read) =>
      set(userOf(event), {
        mustChangePassword: false,
        accepted: true,
        ...(accepts(read(userOf(event))?.status) && { status: 'active' }),
      }),
    TwoFactorEnabled: (event) => set(userOf(event), { twoFactor: true }),
    TwoFactorDisabled: (event) => set(userOf(event), { twoFactor: false }),
    RolesAssigned: (event) => set(userOf(event), { assignedRoles: event.data.roles }),
    GroupsAssigned: (event) => set(userOf(event), { groups: event.data.groups }),
    OrganizationsAssigned: (event) => set(userOf(event), { organizations: event.data.organizations }),
    UserDeactivated: (event) => status(event, 'deactivated'),
    UserReactivated: (event, read) => status(event, reactivated(read(userOf(event))?.accepted)),
    UserDeleted: (event) => status(event, 'deleted'),
    UserErased: (event) =>
      set(userOf(event), {
        ...emptyProfile,
        email: null,
        externalProvider: null,
        displayName: userOf(event),
        status: 'erased',
      }),
    AdministratorGranted: (event) => set(event.data.userId, { administrator: true }),
    AdministratorRemoved: (event) => set(event.data.userId, { administrator: false }),
    SignedIn: (event) => set(userOf(event), { lastSignInAt: event.metadata.at }),
  },
  ['UserRegistered', 'UserInvited', 'ProfileChanged', 'EmailChanged'],
  {
    ProfileChanged: (event) => [userOf(event)],
    EmailChanged: (event) => [userOf(event)],
    PasswordReset: (event) => [userOf(event)],
    UserReactivated: (event) => [userOf(event)],
  },
);

/**
 * Whether a new password makes this user active: an invitation is accepted that way. Said again of who is active
 * already, so that events that come twice end the same.
 */
export const accepts = (status: Json | undefined): boolean => status === 'invited' || status === 'active';

/** Who never took up their invitation is invited again. */
export const reactivated = (accepted: Json | undefined): UserStatus => (accepted === false ? 'invited' : 'active');

const textIn = (fields: { readonly [field: string]: Json | undefined }, field: string): string | null =>
  (fields[field] ?? null) as string | null;

export const profileIn = (fields: { readonly [field: string]: Json | undefined }): Profile =>
  Object.fromEntries(profileFields.map((field) => [field, textIn(fields, field)])) as Profile;

/** Leaves out what only other streams have spoken of so far. Part of every query. */
const known: Condition = { column: 'createdAt', op: 'present' };

export type UserFilter = {
  readonly q?: string;
  readonly status?: readonly string[];
  readonly role?: string;
  readonly kind?: string;
};

/** `q`: a part of name or address, or the whole id. */
export const usersWhere = ({ q, status, role, kind }: UserFilter): readonly Condition[] => [
  known,
  ...(status ? [{ column: 'status', op: 'in', values: status } as const] : []),
  ...(role === undefined ? [] : [holdsRole(role, 'administrator', 'assignedRoles')]),
  ...(kind === undefined ? [] : [{ column: 'kind', op: 'eq', value: kind } as const]),
  ...(q === undefined ? [] : [mentions(q, ['displayName', 'email', 'firstName', 'lastName'])]),
];

/** One of the text columns contains it, or it is the id. */
export const mentions = (q: string, columns: readonly string[]): Condition => ({
  any: [
    ...columns.map((column) => [{ column, op: 'contains', value: q } as const]),
    [{ column: 'id', op: 'eq', value: q }],
  ],
});

/** Who is administrator is decided in another stream than the other roles, and kept apart. */
export const holdsRole = (role: string, administrator: string, assigned: string): Condition =>
  role === 'admin' ? { column: administrator, op: 'eq', value: true } : { column: assigned, op: 'has', value: role };

/** A user's roles, as they are shown. */
export const rolesIn = (assigned: Json | undefined, administrator: Json | undefined): readonly string[] => [
  ...(administrator === true ? ['admin'] : []),
  ...((assigned ?? []) as readonly string[]),
];

export const listedUser = (document: Document): ListedUser => ({
  ...profileIn(document),
  id: document.id,
  kind: document.kind as UserKind,
  email: textIn(document, 'email'),
  externalProvider: textIn(document, 'externalProvider'),
  displayName: document.displayName as string,
  roles: rolesIn(document.assignedRoles, document.administrator),
  groups: document.groups as readonly string[],
  organizations: document.organizations as readonly string[],
  status: document.status as UserStatus,
  twoFactor: document.twoFactor === true,
  mustChangePassword: document.mustChangePassword === true,
  createdAt: document.createdAt as string,
  lastSignInAt: textIn(document, 'lastSignInAt'),
});
