import * as assert from 'uvu/assert';
import { type Holding, holdingOfToken, lacking, requireHolding, rightsOfUser } from '../../api/holding.ts';
import type { Machine, Person } from '../../api/principal.ts';
import { Refusal } from '../../api/refusal.ts';
import type { Permission } from '../../domain/permissions.ts';
import { suite } from '../support/suite.ts';

const holding = suite('holding');

const person = (permissions: readonly Permission[], scopes: readonly string[]): Person => ({
  kind: 'session',
  ownerEpoch: 0,
  userId: 'u1',
  sessionId: 's1',
  permissions: new Set(permissions),
  scopes,
  mustChangePassword: false,
});

const machine = (permissions: readonly Permission[], applications: readonly string[] | null): Machine => ({
  kind: 'service',
  tokenId: 't1',
  name: 'machine',
  permissions: new Set(permissions),
  applications,
  expiresAt: null,
});

const nothing: Holding = { permissions: [], scopes: [] };
const scopes = (...asked: readonly string[]): Holding => ({ permissions: [], scopes: asked });
const permissions = (...asked: readonly string[]): Holding => ({ permissions: asked, scopes: [] });

for (const [what, caller, wanted, missing] of [
  ['nothing is held by everybody', person([], []), nothing, nothing],
  ['what is held', person(['users:read'], []), permissions('users:read'), nothing],
  [
    'a permission that is not',
    person(['users:read'], []),
    permissions('users:read', 'users:write'),
    permissions('users:write'),
  ],
  ['a permission of services, that no role gives', person([], []), permissions('verify', 'owners:read'), nothing],
  ['the same for a service without it', machine([], null), permissions('verify'), permissions('verify')],
  ['the same for a service with it', machine(['verify'], null), permissions('verify'), nothing],
  ['what no token can have', machine([], null), permissions('api-keys:use'), nothing],
  ['the same for a person', person([], []), permissions('api-keys:use'), permissions('api-keys:use')],
  ['any scope covers each', person([], ['*:*']), scopes('*:*', 'app:*', 'app:read'), nothing],
  ['an application covers its own', person([], ['app:*']), scopes('app:*', 'app:read'), nothing],
  [
    'an application covers no other',
    person([], ['app:*']),
    scopes('application:read', '*:*'),
    scopes('application:read', '*:*'),
  ],
  [
    'a scope covers itself alone',
    person([], ['app:read']),
    scopes('app:read', 'app:write', 'app:*'),
    scopes('app:write', 'app:*'),
  ],
  ['no scope, none', person([], []), scopes('app:read'), scopes('app:read')],
  ['a token for every application', machine([], null), scopes('*:*'), nothing],
  ['a token for one', machine([], ['app']), scopes('app:*', 'app:read', 'other:read'), scopes('other:read')],
] as const)
  holding(what, () => {
    assert.equal(lacking(caller, wanted), missing);
    if (missing === nothing) requireHolding(caller, wanted, nothing);
    else
      assert.throws(
        () => requireHolding(caller, nothing, wanted, wanted),
        (error: unknown) =>
          error instanceof Refusal &&
          error.code === 'forbidden' &&
          JSON.stringify(error.details.params) ===
            JSON.stringify({ permissions: missing.permissions, scopes: [...missing.scopes].sort() }),
      );
  });

holding('a user holds what their roles give, administrators all, whatever their state', () => {
  const roles = {
    defined: { ops: { permissions: ['operations'], scopes: ['app:*'], revision: 0 } },
    administrators: ['u2'],
  };
  assert.equal(rightsOfUser({ userId: 'u1', roles: ['ops', 'gone'] }, roles), {
    permissions: ['operations'],
    scopes: ['app:*'],
  });
  assert.ok(rightsOfUser({ userId: 'u2', roles: [] }, roles).permissions.includes('roles:write'));
  assert.equal(rightsOfUser({ userId: 'u1', roles: ['admin'] }, roles), { permissions: [], scopes: [] });
});

holding('a token stands for its applications, or all', () => {
  assert.equal(holdingOfToken({ permissions: ['verify'], applications: null }).scopes, ['*:*']);
  assert.equal(holdingOfToken({ permissions: ['verify'], applications: ['app'] }).scopes, ['app:*']);
});

holding.run();
