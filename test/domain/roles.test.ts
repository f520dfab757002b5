import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import { permissions } from '../../domain/permissions.ts';
import {
  builtInRoles,
  effectiveRights,
  isAdministrator,
  type RolesCommand,
  type RolesEvent,
  roleNames,
  roleOf,
  roles,
  rolesOfUser,
  rolesStream,
  unknownRoles,
} from '../../domain/roles.ts';
import { givenOf, recorded } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const given = givenOf(roles, rolesStream);

const catalog = [
  { application: 'reports', actions: ['read', 'write', 'share'] },
  { application: 'streams', actions: ['read'] },
];
type Define = Extract<RolesCommand, { type: 'DefineRole' }>;
const define = (changes: Partial<Define> = {}): Define => ({
  type: 'DefineRole',
  name: 'reporter',
  permissions: ['api-keys:use'],
  scopes: null,
  catalog,
  ...changes,
});
const defined = (name = 'reporter', granted: readonly string[] = ['api-keys:use'], scopes = ['*:*']): RolesEvent => ({
  type: 'RoleDefined',
  data: { name, permissions: granted, scopes },
});
const removed = (name = 'reporter'): RolesEvent => ({ type: 'RoleRemoved', data: { name } });
const granted = (userId: string): RolesEvent => ({ type: 'AdministratorGranted', data: { userId } });
const withdrawn = (userId: string): RolesEvent => ({ type: 'AdministratorRemoved', data: { userId } });

const defining = suite('defining roles');

defining('gives every scope where none are named', () => {
  given().when(define()).then(defined());
});

defining('brings the lower actions of a scope, and keeps everything sorted, each once', () => {
  given()
    .when(define({ permissions: ['users:read', 'api-keys:use', 'users:read'], scopes: ['streams:*', 'reports:write'] }))
    .then(defined('reporter', ['api-keys:use', 'users:read'], ['reports:read', 'reports:write', 'streams:*']));
  given()
    .when(define({ scopes: [] }))
    .then(defined('reporter', ['api-keys:use'], []));
});

defining('defines again only what differs', () => {
  given(defined()).when(define()).then();
  given(defined())
    .when(define({ permissions: [] }))
    .then(defined('reporter', []));
  given(defined())
    .when(define({ scopes: ['reports:read'] }))
    .then(defined('reporter', ['api-keys:use'], ['reports:read']));
});

defining('refuses scopes that the catalog does not know', () => {
  for (const scope of ['reports:delete', 'mail:read', 'mail:*', '*:read', 'reports', 'reports:read:all', ''])
    given()
      .when(define({ scopes: ['reports:read', scope] }))
      .thenRejected('unknown-scope', { unknown: [scope] });
});

defining('refuses names that are none, and permissions of nobody or of machines', () => {
  for (const name of ['', 'two words', '-a', '__proto__', 'x'.repeat(65), 'é'])
    given().when(define({ name })).thenRejected('validation-failed');
  for (const permission of ['keys:write', 'verify', 'toString', ''])
    given()
      .when(define({ permissions: [permission] }))
      .thenRejected('validation-failed');
  given()
    .when(define({ name: 'constructor' }))
    .then(defined('constructor'));
});

defining('leaves built-in roles as they are, however they are spelt', () => {
  for (const name of [...Object.keys(builtInRoles), 'Admin', 'GUEST']) {
    given().when(define({ name })).thenRejected('role-built-in');
    given().when({ type: 'RemoveRole', name, inUseBy: 0 }).thenRejected('role-built-in');
  }
});

defining('removes a role that nobody holds', () => {
  given(defined()).when({ type: 'RemoveRole', name: 'reporter', inUseBy: 0 }).then(removed());
  given(defined()).when({ type: 'RemoveRole', name: 'reporter', inUseBy: 2 }).thenRejected('role-in-use', { users: 2 });
  given().when({ type: 'RemoveRole', name: 'reporter', inUseBy: 2 }).then();
  given(defined(), removed()).when({ type: 'RemoveRole', name: 'reporter', inUseBy: 0 }).then();
  given().when({ type: 'RemoveRole', name: 'constructor', inUseBy: 0 }).then();
});

defining('a role’s revision is that of the event that defined it last', () => {
  const state = given(granted('u1'), defined(), defined('writer'), defined('reporter', [])).state();
  assert.equal(roleOf('reporter', state), { permissions: [], scopes: ['*:*'], revision: 3 });
  assert.is(roleOf('writer', state)?.revision, 2);
});

defining('an event from a newer release is not passed over', () => {
  assert.throws(() => given({ type: 'RoleCloned', data: {} } as never).state(), /RoleCloned/);
});

defining.run();

const holding = suite('what roles give');

holding('built-in roles give what the contract says', () => {
  const state = given().state();
  const rights = (...names: string[]) => effectiveRights(names, state).permissions;
  assert.equal(rights('admin'), [...permissions].sort());
  assert.equal(rights('auditor'), ['audit:read', 'keys:read', 'policy:read', 'users:read']);
  assert.equal(rights('member'), ['api-keys:use']);
  assert.equal(rights('guest'), []);
  assert.equal(effectiveRights(['member'], state).scopes, ['*:*']);
});

holding('rights of several roles add up, and a role nobody defined gives nothing', () => {
  const state = given(
    defined('a', ['users:read', 'api-keys:use'], ['reports:read']),
    defined('b', ['api-keys:use', 'keys:read'], ['streams:*', 'reports:read']),
    defined('c', ['mail:write'], ['*:*']),
    removed('c'),
  ).state();
  assert.equal(effectiveRights(['a', 'b', 'c', 'd', 'toString'], state), {
    permissions: ['api-keys:use', 'keys:read', 'users:read'],
    scopes: ['reports:read', 'streams:*'],
  });
  assert.equal(effectiveRights([], state), { permissions: [], scopes: [] });
  assert.equal(unknownRoles(['a', 'c', 'member', 'toString'], state), ['c', 'toString']);
  assert.equal(roleNames(state), ['admin', 'auditor', 'member', 'guest', 'a', 'b']);
});

holding('a permission that this release does not know gives nothing', () => {
  const state = given(defined('a', ['keys:read', 'moons:write'])).state();
  assert.equal(effectiveRights(['a'], state).permissions, ['keys:read']);
});

holding('only the roles’ own stream makes an administrator', () => {
  const state = given(granted('u1')).state();
  assert.equal(rolesOfUser('u1', ['member'], state), ['admin', 'member']);
  assert.equal(rolesOfUser('u2', ['member', 'admin'], state), ['member']);
});

holding.run();

const administrators = suite('administrators');

administrators('grants and withdraws, each once', () => {
  given().when({ type: 'GrantAdministrator', userId: 'u1' }).then(granted('u1'));
  given(granted('u1')).when({ type: 'GrantAdministrator', userId: 'u1' }).then();
  given(granted('u1'), granted('u2')).when({ type: 'RemoveAdministrator', userId: 'u1' }).then(withdrawn('u1'));
  given(granted('u1')).when({ type: 'RemoveAdministrator', userId: 'u2' }).then();
});

administrators('keeps the last one', () => {
  given(granted('u1')).when({ type: 'RemoveAdministrator', userId: 'u1' }).thenRejected('last-administrator');
  given(granted('u1'), granted('u2'), withdrawn('u1'))
    .when({ type: 'RemoveAdministrator', userId: 'u2' })
    .thenRejected('last-administrator');
});

administrators('once there was one, there is always one, and the set is what was asked for', () => {
  const anyCommand = fc.record({
    type: fc.constantFrom('GrantAdministrator', 'RemoveAdministrator'),
    userId: fc.constantFrom('u1', 'u2', 'u3', 'u4'),
  });
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 60 }), (commands) => {
      let state = roles.initialState();
      let revision = 0;
      const model = new Set<string>();
      for (const command of commands) {
        const { type, userId } = command;
        const isLast = model.size === 1 && model.has(userId);
        const decision = roles.decide(command, state);
        if (type === 'GrantAdministrator') model.add(userId);
        else if (!isLast) model.delete(userId);
        assert.is(isRejection(decision), type === 'RemoveAdministrator' && isLast);
        for (const event of isRejection(decision) ? [] : decision) {
          state = roles.evolve(state, recorded(event, revision, rolesStream));
          revision += 1;
        }
        assert.equal([...state.administrators].sort(), [...model].sort());
        assert.is(isAdministrator(userId, state), model.has(userId));
      }
      if (commands.some(({ type }) => type === 'GrantAdministrator')) assert.ok(state.administrators.length > 0);
    }),
  );
});

administrators.run();
