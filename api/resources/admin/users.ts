import { z } from 'zod';
import type { Execute } from '../../../commands/command.ts';
import type { PasswordHasher } from '../../../commands/environment.ts';
import type { Identity } from '../../../commands/signIn/identity.ts';
import type { Sessions } from '../../../commands/signIn/sessions.ts';
import { wouldBeLast } from '../../../commands/users/administrators.ts';
import type { EditUserInput } from '../../../commands/users/editUser.ts';
import type { UserCommands } from '../../../commands/users/users.ts';
import { isRejection, type Rejection, reject } from '../../../domain/decider.ts';
import type { UserId } from '../../../domain/ids.ts';
import { choosePassword } from '../../../domain/password.ts';
import { effectiveRights, roles, rolesStream } from '../../../domain/roles.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { keysOf } from '../../../projections/lists/keyStatus.ts';
import { listedUser, type UserFilter, usersWhere } from '../../../projections/lists/users.ts';
import { requireHolding } from '../../holding.ts';
import { type ListingContext, listPage, openList } from '../../listing.ts';
import { filterText, pageOf, sortOf, startOf } from '../../paging.ts';
import { changesOf } from '../../profileChanges.ts';
import type { ReadUserContext } from '../../readUser.ts';
import { Refusal } from '../../refusal.ts';
import { type CommandRow, type Route, route } from '../../route.ts';
import { freeText, idParams, oneOf, page, paging, search, sortBy } from '../../schemas/common.ts';
import { sessionSchema, sessionShape } from '../../schemas/session.ts';
import { profileFields, type UserShape, userKinds, userSchema, userStatuses } from '../../schemas/user.ts';
import { userShape } from '../../userShape.ts';
import { secretText } from '../session.ts';
import { answerUser, confirmOwn, requireUser } from './oneUser.ts';

type Ending = 'deactivateUser' | 'deleteUser' | 'eraseUser';

export type AdminUsersContext = ListingContext &
  ReadUserContext & {
    readonly execute: Execute;
    readonly commands: Pick<UserCommands, 'registerUser' | 'editUser' | 'reactivateUser' | 'endAllSessions' | Ending>;
    readonly sessions: Pick<Sessions, 'list' | 'endAll'>;
    readonly identity: Pick<Identity, 'confirm'>;
    readonly hasher: Pick<PasswordHasher, 'hash'>;
    /** @param password NFC and in lower case */
    readonly isCommonPassword: (password: string) => boolean;
    readonly asOf: () => { position: string | null; lagMs: number };
  };

const tag = 'Administration of users';

const listQuery = z.strictObject({
  ...paging,
  q: search.optional().meta({ description: 'Part of name or address, or the whole id.' }),
  status: oneOf(userStatuses).optional(),
  role: z.string().min(1).max(200).optional(),
  kind: z.enum(userKinds).optional(),
  sort: sortBy(['createdAt', 'displayName', 'email', 'lastSignInAt']).optional(),
});

const filterOf = ({ q, status, role, kind }: z.infer<typeof listQuery>): UserFilter => ({
  ...(q !== undefined && { q }),
  ...(status !== undefined && { status }),
  ...(role !== undefined && { role }),
  ...(kind !== undefined && { kind }),
});

const list = (context: AdminUsersContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/users',
    summary: 'Everybody',
    tag,
    access: ['users:read'],
    query: listQuery,
    answers: { 200: page(userSchema) },
    refuses: ['cursor-mismatch', 'not-caught-up'],
    handle: async ({ query, minPosition }) => {
      const { field: column, descending } = sortOf(query.sort, '-createdAt');
      const find = { where: usersWhere(filterOf(query)), sort: { column, descending }, minPosition };
      const { documents, nextCursor, asOf, total } = await listPage(context, 'users', query, find);
      const { buildId } = await openList(context, 'apiKeys', minPosition);
      const now = context.now();
      const countOf = (userId: UserId, status: 'active' | 'expired') =>
        context.lists.count(buildId, keysOf(userId, status, now));
      const items = await Promise.all(
        documents.map(async (document): Promise<UserShape> => {
          const [active, expired] = await Promise.all([
            countOf(document.id, 'active'),
            countOf(document.id, 'expired'),
          ]);
          return userShape(listedUser(document), { active, expired });
        }),
      );
      return { status: 200, body: { items, nextCursor, asOf, ...total } };
    },
  });

// How many and how long, the domain says.
const names = z.array(z.string().max(400)).max(1000);
const namesOrNone = names.nullish().transform((given) => (given === null ? [] : given));

const newUser = z
  .strictObject({
    kind: z.enum(userKinds).default('human'),
    email: z.string().min(1).max(1000).nullish().meta({ description: 'Only a service may be without.' }),
    password: secretText.optional(),
    externalProvider: z.string().min(1).max(400).optional(),
    firstName: profileFields.firstName,
    lastName: profileFields.lastName,
    fullName: profileFields.fullName,
    roles: names.default([]),
    groups: names.default([]),
    organizations: names.default([]),
    mustChangePassword: z.boolean().default(false),
  })
  .refine(({ password, externalProvider }) => password === undefined || externalProvider === undefined, {
    path: ['externalProvider'],
    message: 'Give a password or a provider',
  });

/** The hash of a password that an administrator chose for somebody; null where they chose none. */
const hashOf = async (context: AdminUsersContext, password: string | undefined): Promise<string | null | Rejection> => {
  if (password === undefined) return null;
  const chosen = choosePassword({ password, confirmation: null, twoFactor: false }, context.isCommonPassword);
  return isRejection(chosen) ? chosen : context.hasher.hash(chosen.password);
};

const create = (context: AdminUsersContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/users',
    summary:
      'Make a user. A human with neither password nor provider has status invited until they set a password by a mailed link, which works for seven days',
    tag,
    access: ['users:write'],
    body: newUser,
    answers: { 201: userSchema },
    command: {
      command: 'RegisterUser',
      stream: 'emailClaim-<hash>, user-<id>, roles',
      events: ['EmailClaimed', 'UserRegistered', 'UserInvited', 'AdministratorGranted'],
      message: 'owner',
      rejections: [
        'forbidden',
        'email-taken',
        'email-required',
        'unknown-role',
        'validation-failed',
        'password-too-short',
        'password-too-long',
        'password-common',
      ],
    },
    handle: async ({ caller, body, command }) => {
      const { email = null, password, externalProvider = null, firstName, lastName, fullName, ...rest } = body;
      requireHolding(caller, effectiveRights(rest.roles, (await context.load(roles, rolesStream)).state));
      const passwordHash = await hashOf(context, password);
      if (isRejection(passwordHash)) return passwordHash;
      const input = {
        ...rest,
        email,
        passwordHash,
        externalProvider,
        invite: rest.kind === 'human' && passwordHash === null && externalProvider === null,
        profile: changesOf({ firstName, lastName, fullName }),
      };
      const outcome = await context.execute(context.commands.registerUser, input, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed, result } = outcome;
      const headers = { Location: `/v1/admin/users/${result.userId}` };
      return answerUser(context, result.userId, { status: 201, position, replayed, headers });
    },
  });

const read = (context: AdminUsersContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/users/:id',
    summary: 'One user',
    tag,
    access: ['users:read'],
    params: idParams,
    answers: { 200: userSchema },
    refuses: ['not-found'],
    handle: ({ params }) => answerUser(context, params.id, { status: 200 }),
  });

const edit = (context: AdminUsersContext) =>
  route({
    method: 'PATCH',
    path: '/v1/admin/users/:id',
    summary: 'Change somebody: what they may do follows at once',
    tag,
    access: ['users:write'],
    params: idParams,
    body: z.strictObject({
      ...profileFields,
      email: z.string().min(1).max(1000).nullish(),
      roles: namesOrNone,
      groups: namesOrNone,
      organizations: namesOrNone,
    }),
    answers: { 200: userSchema },
    command: {
      command: 'EditUser',
      stream: 'emailClaim-<hash>, user-<id>, roles',
      events: [
        'EmailClaimed',
        'EmailChanged',
        'AdministratorRemoved',
        'ProfileChanged',
        'RolesAssigned',
        'GroupsAssigned',
        'OrganizationsAssigned',
        'AdministratorGranted',
      ],
      message: 'owner',
      rejections: [
        'forbidden',
        'not-found',
        'revision-mismatch',
        'already-ended',
        'email-taken',
        'email-required',
        'unknown-role',
        'last-administrator',
        'conflict',
        'validation-failed',
      ],
    },
    handle: async ({ caller, params, body, command }) => {
      const { email, roles: assigned, groups, organizations, ...profile } = body;
      const found = await requireUser(context, caller, params.id, assigned);
      // An address is changed, never taken away; who has none keeps none.
      if (email === null && found.email !== null) return reject('email-required');
      const input: EditUserInput = {
        userId: params.id,
        email: email ?? undefined,
        profile: changesOf(profile),
        roles: assigned,
        groups,
        organizations,
      };
      const outcome = await context.execute(context.commands.editUser, input, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      return answerUser(context, params.id, { status: 200, position, replayed });
    },
  });

const withReason = z
  .strictObject({ reason: freeText(1000).nullish().meta({ description: 'For whoever reads the history.' }) })
  .default({});

const endings = {
  deactivate: {
    name: 'deactivateUser',
    status: 200,
    summary: 'Turn somebody off: every key and session of theirs ends at once, and being turned on again revives none',
    command: 'DeactivateUser',
    event: 'UserDeactivated',
    rejections: ['already-ended'],
  },
  delete: {
    name: 'deleteUser',
    status: 204,
    summary:
      'Delete somebody: every key and session of theirs ends at once, their address is free. Yourself only once you showed again that it is you',
    command: 'DeleteUser',
    event: 'UserDeleted',
    rejections: ['reauthentication-required'],
  },
  erase: {
    name: 'eraseUser',
    status: 200,
    summary:
      'Delete somebody and destroy what is personal of them, in the history too; nobody brings it back. Yourself only once you showed again that it is you',
    command: 'EraseUser',
    event: 'UserErased',
    rejections: ['reauthentication-required'],
  },
} as const satisfies {
  [path: string]: Pick<CommandRow, 'command' | 'rejections'> & {
    name: Ending;
    status: 200 | 204;
    summary: string;
    event: string;
  };
};

const ending = (context: AdminUsersContext, path: keyof typeof endings) => {
  const { name, status, summary, command: named, event, rejections } = endings[path];
  return route({
    method: 'POST',
    path: `/v1/admin/users/:id/${path}`,
    summary,
    tag,
    access: ['users:write'],
    params: idParams,
    body: withReason,
    answers: { [status]: status === 204 ? null : userSchema },
    command: {
      command: named,
      stream: 'roles, user-<id>',
      events: ['AdministratorRemoved', event],
      message: 'owner',
      rejections: ['forbidden', 'not-found', 'last-administrator', 'conflict', ...rejections],
    },
    handle: async ({ caller, params, body, command }) => {
      const userId = params.id;
      await requireUser(context, caller, userId);
      const request = command();
      const unconfirmed = path === 'deactivate' ? null : await confirmOwn(context, caller, userId, request);
      // Nobody is asked to prove who they are for what is refused whoever they are.
      if (unconfirmed !== null)
        return (await wouldBeLast(context, userId, (await context.load(roles, rolesStream)).state)) ?? unconfirmed;
      const input = { userId, reason: body.reason?.trim() || null };
      const outcome = await context.execute(context.commands[name], input, request);
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      return status === 204
        ? { status, position, replayed }
        : answerUser(context, userId, { status, position, replayed });
    },
  });
};

const reactivate = (context: AdminUsersContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/users/:id/reactivate',
    summary: 'Turn somebody on again, without the keys, the sessions and the administration they had',
    tag,
    access: ['users:write'],
    params: idParams,
    answers: { 200: userSchema },
    command: {
      command: 'ReactivateUser',
      stream: 'roles, user-<id>',
      events: ['AdministratorRemoved', 'UserReactivated'],
      message: 'owner',
      rejections: ['forbidden', 'not-found', 'already-ended'],
    },
    handle: async ({ caller, params, command }) => {
      const userId = params.id;
      await requireUser(context, caller, userId);
      const outcome = await context.execute(context.commands.reactivateUser, { userId }, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      return answerUser(context, userId, { status: 200, position, replayed });
    },
  });

const endSessions = (context: AdminUsersContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/users/:id/end-sessions',
    summary: 'End every session of somebody; keys stay',
    tag,
    access: ['users:write'],
    params: idParams,
    answers: { 204: null },
    command: {
      command: 'EndAllSessions',
      stream: 'user-<id>',
      events: ['AllSessionsEnded'],
      message: 'none',
      rejections: ['forbidden', 'not-found'],
    },
    handle: async ({ caller, params, command }) => {
      const userId = params.id;
      await requireUser(context, caller, userId);
      const outcome = await context.execute(context.commands.endAllSessions, { userId }, command());
      if (isRejection(outcome)) return outcome;
      // Tidying: they ended with the event. Not again for a repeat, which would end those that began since.
      if (!outcome.replayed) await context.sessions.endAll(userId);
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

const listSessions = (context: AdminUsersContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/users/:id/sessions',
    summary: 'Where somebody is signed in',
    tag,
    access: ['users:read'],
    params: idParams,
    query: z.strictObject(paging),
    answers: { 200: page(sessionSchema) },
    refuses: ['not-found', 'cursor-mismatch'],
    handle: async ({ caller, params, query }) => {
      const userId = params.id;
      const filter = filterText(`sessions ${userId}`, query);
      const after = startOf(context.cursors, query.cursor, filter);
      const { state } = await context.load(user, userStream(userId));
      if (state === null) throw new Refusal('not-found');
      const { ownerEpoch, sessionEpoch } = state;
      const all = await context.sessions.list(userId, { ownerEpoch, sessionEpoch });
      const { items, next } = pageOf(all, {
        value: (session) => session.createdAt,
        idOf: (session) => session.id,
        descending: true,
        after,
        limit: query.limit,
      });
      const current = caller.kind === 'session' ? caller.sessionId : null;
      const body = {
        items: items.map((session) => sessionShape(session, current)),
        nextCursor: next && context.cursors.write(next, filter),
        asOf: context.asOf(),
        ...(query.count && { total: all.length }),
      };
      return { status: 200, body };
    },
  });

/** Everybody, for those who administer them. */
export const adminUserRoutes = (context: AdminUsersContext): readonly Route[] => [
  list(context),
  create(context),
  read(context),
  edit(context),
  ending(context, 'deactivate'),
  reactivate(context),
  ending(context, 'delete'),
  ending(context, 'erase'),
  endSessions(context),
  listSessions(context),
];
