import type { Recorded } from '../../domain/event.ts';
import type { AnyEvent } from '../../domain/events.ts';
import { millis } from '../../domain/instant.ts';
import { builtInRoles } from '../../domain/roles.ts';

type ModelKey = {
  readonly id: string;
  readonly owner: string;
  readonly epoch: number;
  scopes: readonly string[] | null;
  expiresAt: number;
  graceUntil: number;
  revoked: boolean;
  expired: boolean;
};

type ModelOwner = { status: string; accepted: boolean; epoch: number; sessions: number; roles: readonly string[] };

/** The verification index as one would write it on a whiteboard: maps of objects, nothing remembered, nothing shared. */
export const createIndexModel = () => {
  const keys = new Map<string, ModelKey>();
  const byHash = new Map<string, ModelKey>();
  const owners = new Map<string, ModelOwner>();
  const administrators = new Set<string>();
  const roles = new Map<string, { permissions: readonly string[]; scopes: readonly string[] }>(
    Object.entries(builtInRoles),
  );
  let policy = { enabled: false, requireRole: true };
  let catalog: string[] = [];

  const apply = (event: Recorded<AnyEvent>) => {
    const subject = event.stream.slice(event.stream.indexOf('-') + 1);
    const owner = () => owners.get(subject)!;
    switch (event.type) {
      case 'UserRegistered':
      case 'UserInvited':
        owners.set(subject, {
          status: event.type === 'UserInvited' ? 'invited' : 'active',
          accepted: event.type === 'UserRegistered',
          epoch: 0,
          sessions: 0,
          roles: event.data.roles,
        });
        break;
      case 'UserDeactivated':
        Object.assign(owner(), { status: 'deactivated', epoch: event.data.ownerEpoch + 1 });
        break;
      case 'UserDeleted':
        Object.assign(owner(), { status: 'deleted', epoch: event.data.ownerEpoch + 1 });
        break;
      case 'UserReactivated':
        owner().status = owner().accepted ? 'active' : 'invited';
        break;
      case 'PasswordReset':
        owner().sessions += 1;
        owner().accepted = true;
        if (owner().status === 'invited') owner().status = 'active';
        break;
      case 'AllSessionsEnded':
        owner().sessions += 1;
        break;
      case 'RolesAssigned':
        owner().roles = event.data.roles;
        break;
      case 'AdministratorGranted':
        administrators.add(event.data.userId);
        break;
      case 'AdministratorRemoved':
        administrators.delete(event.data.userId);
        break;
      case 'RoleDefined':
        roles.set(event.data.name, event.data);
        break;
      case 'RoleRemoved':
        roles.delete(event.data.name);
        break;
      case 'KeyPolicyChanged':
        policy = event.data.policy;
        break;
      case 'ScopeCatalogChanged':
        catalog = event.data.items.flatMap(({ application, actions }) =>
          actions.map((action) => `${application}:${action}`),
        );
        break;
      case 'ApiKeyCreated': {
        const { keyId, ownerEpoch, scopes, expiresAt, secretHash } = event.data;
        const key = {
          id: keyId,
          owner: subject,
          epoch: ownerEpoch,
          scopes,
          expiresAt: expiresAt === null ? Number.POSITIVE_INFINITY : millis(expiresAt),
          graceUntil: Number.POSITIVE_INFINITY,
          revoked: false,
          expired: false,
        };
        keys.set(keyId, key);
        if (!byHash.has(secretHash)) byHash.set(secretHash, key);
        break;
      }
      case 'ApiKeyRevoked':
        keys.get(event.data.keyId)!.revoked = true;
        break;
      case 'ApiKeyExpired':
        keys.get(event.data.keyId)!.expired = true;
        break;
      case 'ApiKeyRotated':
        keys.get(event.data.keyId)!.graceUntil = millis(event.data.graceUntil);
        break;
      case 'ApiKeyScopesChanged':
        keys.get(event.data.keyId)!.scopes = event.data.scopes;
        break;
      case 'ApiKeyExpiryChanged':
        keys.get(event.data.keyId)!.expiresAt =
          event.data.expiresAt === null ? Number.POSITIVE_INFINITY : millis(event.data.expiresAt);
        break;
    }
  };

  const held = (id: string) => {
    const names = [...owners.get(id)!.roles, ...(administrators.has(id) ? ['admin'] : [])];
    const all = names.map((name) => roles.get(name)).filter((role) => role !== undefined);
    return { permissions: all.flatMap((role) => role.permissions), scopes: all.flatMap((role) => role.scopes) };
  };

  const verify = (hash: string, asked: readonly string[], applications: readonly string[] | null, now: number) => {
    const key = byHash.get(hash);
    if (key === undefined) return 'not-found';
    const owner = owners.get(key.owner)!;
    const rights = held(key.owner);
    if (owner.status !== 'active' || owner.epoch !== key.epoch) return 'owner-inactive';
    if (key.revoked || now >= key.graceUntil) return 'revoked';
    if (key.expired || now >= key.expiresAt) return 'expired';
    if (!policy.enabled) return 'api-keys-disabled';
    if (policy.requireRole && !rights.permissions.includes('api-keys:use')) return 'role-not-permitted';
    const anything = key.scopes === null && applications === null && rights.scopes.includes('*:*');
    const has = (scope: string) => {
      const application = scope.split(':')[0]!;
      return (
        (key.scopes === null || key.scopes.includes(scope)) &&
        catalog.includes(scope) &&
        rights.scopes.some((pattern) => pattern === '*:*' || pattern === scope || pattern === `${application}:*`) &&
        (applications === null || applications.includes(application))
      );
    };
    return anything || asked.every(has) ? 'valid' : 'insufficient-scope';
  };

  return { apply, verify, sessions: (id: string) => owners.get(id)?.sessions };
};
