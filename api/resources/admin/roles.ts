import { z } from 'zod';
import type { Execute, Loaded } from '../../../commands/command.ts';
import type { SettingsCommands } from '../../../commands/installation/settings.ts';
import { type Fold, isRejection } from '../../../domain/decider.ts';
import { policyStream } from '../../../domain/keyPolicy.ts';
import { permissions } from '../../../domain/permissions.ts';
import { isBuiltIn, type Role, type Roles, roleNames, roleOf, roles, rolesStream } from '../../../domain/roles.ts';
import { everyScope, expandScopes, indexScopes } from '../../../domain/scopes.ts';
import { settings } from '../../../domain/settings.ts';
import { usersWhere } from '../../../projections/lists/users.ts';
import { requireHolding } from '../../holding.ts';
import { type ListingContext, openList } from '../../listing.ts';
import { filterText, pageOf, startOf } from '../../paging.ts';
import { Refusal } from '../../refusal.ts';
import { type Answer, type Route, route } from '../../route.ts';
import { page, paging } from '../../schemas/common.ts';

export type RolesContext = ListingContext & {
  readonly execute: Execute;
  readonly commands: Pick<SettingsCommands, 'defineRole' | 'removeRole'>;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly asOf: () => { position: string | null; lagMs: number };
};

const tag = 'Administration of users';

const roleSchema = z
  .object({
    name: z.string(),
    permissions: z.array(z.string()),
    scopes: z.array(z.string()).meta({ description: 'app:action, app:* or *:*' }),
    builtIn: z.boolean().meta({ description: 'Always there, and never changes.' }),
  })
  .meta({ id: 'Role' });

// What a name is, the domain says; what is none names nothing.
const nameParams = z.strictObject({ name: z.string().min(1).max(200) });

const shape = (name: string, role: Role) => ({
  name,
  permissions: role.permissions,
  scopes: role.scopes,
  builtIn: isBuiltIn(name),
});

/** @throws Refusal not-found */
const answerRole = async (
  { load }: Pick<RolesContext, 'load'>,
  name: string,
  answer: Omit<Answer, 'status' | 'body' | 'etag'> = {},
): Promise<Answer> => {
  const role = roleOf(name, (await load(roles, rolesStream)).state);
  if (role === null) throw new Refusal('not-found');
  return { ...answer, status: 200, etag: isBuiltIn(name) ? 'built-in' : role.revision, body: shape(name, role) };
};

const list = (context: RolesContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/roles',
    summary: 'All roles, the built-in ones first',
    tag,
    access: ['roles:write'],
    query: z.strictObject(paging),
    answers: { 200: page(roleSchema) },
    refuses: ['cursor-mismatch'],
    handle: async ({ query }) => {
      const filter = filterText('roles', query);
      const after = startOf(context.cursors, query.cursor, filter);
      const { state } = await context.load(roles, rolesStream);
      const all = roleNames(state).map((name) => shape(name, roleOf(name, state)!));
      const { items, next } = pageOf(all, {
        value: ({ builtIn }) => !builtIn,
        idOf: ({ name }) => name,
        descending: false,
        after,
        limit: query.limit,
      });
      const nextCursor = next && context.cursors.write(next, filter);
      const total = query.count ? { total: all.length } : {};
      return { status: 200, body: { items, nextCursor, asOf: context.asOf(), ...total } };
    },
  });

const read = (context: RolesContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/roles/:name',
    summary: 'One role',
    tag,
    access: ['roles:write'],
    params: nameParams,
    answers: { 200: roleSchema },
    refuses: ['not-found'],
    handle: ({ params }) => answerRole(context, params.name),
  });

const nothing = { permissions: [], scopes: [] };

/** What a role gives now; one that nobody defined gives nothing. */
const givenBy = (name: string, state: Roles) => roleOf(name, state) ?? nothing;

const define = (context: RolesContext) =>
  route({
    method: 'PUT',
    path: '/v1/admin/roles/:name',
    summary: 'Define a role, or define it anew: whoever holds it has the new rights at once',
    tag,
    access: ['roles:write'],
    params: nameParams,
    body: z.strictObject({
      permissions: z.array(z.enum(permissions)).max(permissions.length),
      scopes: z.array(z.string().min(1).max(200)).max(1000).default([everyScope]),
    }),
    answers: { 200: roleSchema },
    command: {
      command: 'DefineRole',
      stream: 'roles',
      events: ['RoleDefined'],
      message: 'all',
      rejections: ['forbidden', 'role-built-in', 'unknown-scope', 'validation-failed', 'revision-mismatch'],
    },
    handle: async ({ caller, params, body, command }) => {
      const { name } = params;
      const [before, rules] = await Promise.all([
        context.load(roles, rolesStream),
        context.load(settings, policyStream),
      ]);
      // As it will be stored: a scope brings the lower actions of its application, which the caller must hold as well.
      const scopes = expandScopes(body.scopes, indexScopes(rules.state.catalog));
      requireHolding(caller, givenBy(name, before.state), { permissions: body.permissions, scopes });
      const outcome = await context.execute(context.commands.defineRole, { name, ...body }, command());
      if (isRejection(outcome)) return outcome;
      return answerRole(context, name, { position: outcome.position, replayed: outcome.replayed });
    },
  });

const usersList = 'users';
const standing = ['invited', 'active', 'deactivated'] as const;

/** How many hold it, of those who may still come to use it. */
const usersWith = async (context: RolesContext, role: string): Promise<number> => {
  const { buildId } = await openList(context, usersList, null);
  return context.lists.count(buildId, usersWhere({ role, status: standing }));
};

const remove = (context: RolesContext) =>
  route({
    method: 'DELETE',
    path: '/v1/admin/roles/:name',
    summary: 'Remove a role that nobody holds',
    tag,
    access: ['roles:write'],
    params: nameParams,
    answers: { 204: null },
    command: {
      command: 'RemoveRole',
      stream: 'roles',
      events: ['RoleRemoved'],
      message: 'all',
      rejections: ['forbidden', 'role-built-in', 'role-in-use'],
    },
    handle: async ({ caller, params, command }) => {
      const { name } = params;
      requireHolding(caller, givenBy(name, (await context.load(roles, rolesStream)).state));
      const input = { name, inUseBy: await usersWith(context, name) };
      const outcome = await context.execute(context.commands.removeRole, input, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** What roles there are and what they permit. */
export const roleRoutes = (context: RolesContext): readonly Route[] => [
  list(context),
  read(context),
  define(context),
  remove(context),
];
