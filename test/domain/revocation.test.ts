import * as assert from 'uvu/assert';
import { activityEvents } from '../../domain/activity.ts';
import { auditEvents } from '../../domain/audit.ts';
import { emailClaimEvents } from '../../domain/emailClaim.ts';
import { installationEvents } from '../../domain/installation.ts';
import { policyEvents } from '../../domain/keyPolicy.ts';
import { keyringEvents } from '../../domain/keyring.ts';
import type { FeedEvent, Revocation } from '../../domain/revocation.ts';
import { revocationOf } from '../../domain/revocation.ts';
import { rolesEvents } from '../../domain/roles.ts';
import { servicesEvents } from '../../domain/services.ts';
import { userEvents } from '../../domain/user.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/revocation');

const at = '2027-01-01T00:00:00.000Z';
const earlier = '2026-12-31T23:00:00.000Z';
const later = '2027-01-01T01:00:00.000Z';

const event = (type: string, data: object, stream = 'somewhere'): FeedEvent => ({
  type,
  data,
  stream,
  metadata: { at },
});
const key = (reason: Revocation['reason'], effect: Revocation['effect'], effectiveAt = at): Revocation => ({
  kind: 'key',
  effect,
  keyId: 'k1',
  reason,
  at,
  effectiveAt,
});
const owner = (reason: Revocation['reason'], effect: Revocation['effect']): Revocation => ({
  kind: 'owner',
  effect,
  ownerId: 'u-1-x',
  reason,
  at,
  effectiveAt: at,
});
const all = (reason: Revocation['reason']): Revocation => ({
  kind: 'all',
  effect: 'recheck',
  reason,
  at,
  effectiveAt: at,
});

const ofUser = (type: string, data: object) => event(type, data, 'user-u-1-x');

const messages: readonly (readonly [FeedEvent, Revocation])[] = [
  ...(['owner', 'administrator', 'incident', 'leak', 'replaced', 'unused'] as const).map(
    (reason) => [event('ApiKeyRevoked', { keyId: 'k1', reason }), key(reason, 'ended')] as const,
  ),
  [event('ApiKeyExpired', { keyId: 'k1', expiresAt: earlier }), key('expired', 'ended', earlier)],
  [event('ApiKeyRotated', { keyId: 'k1', newKeyId: 'k2', graceUntil: later }), key('rotated', 'ended', later)],
  [event('ApiKeyScopesChanged', { keyId: 'k1', scopes: [] }), key('scopes-changed', 'recheck')],
  [event('ApiKeyExpiryChanged', { keyId: 'k1', expiresAt: later }), key('expiry-changed', 'recheck')],
  [ofUser('RolesAssigned', { roles: [] }), owner('roles-changed', 'recheck')],
  [event('AdministratorGranted', { userId: 'u-1-x' }), owner('roles-changed', 'recheck')],
  [event('AdministratorRemoved', { userId: 'u-1-x' }), owner('roles-changed', 'recheck')],
  [ofUser('UserDeactivated', { ownerEpoch: 0 }), owner('owner-deactivated', 'ended')],
  [ofUser('UserDeleted', { ownerEpoch: 0 }), owner('owner-deleted', 'ended')],
  [ofUser('UserErased', { ownerEpoch: 0 }), owner('owner-deleted', 'ended')],
  [event('RoleDefined', { name: 'ops', permissions: [], scopes: [] }), all('role-defined')],
  [event('RoleRemoved', { name: 'ops' }), all('role-removed')],
  [event('KeyPolicyChanged', { policy: {} }), all('policy-changed')],
  [event('ScopeCatalogChanged', { items: [] }), all('scope-catalog-changed')],
  [event('EpochOpened', { epoch: 'e2', previousEpoch: 'e1' }), all('epoch-opened')],
];

for (const [happened, message] of messages) {
  test(`${happened.type} says ${message.reason}, ${message.effect}`, () => {
    assert.equal(revocationOf(happened), message);
  });
}

test('every other event that is declared says nothing', () => {
  const declared = Object.keys({
    ...keyringEvents,
    ...userEvents,
    ...rolesEvents,
    ...policyEvents,
    ...installationEvents,
    ...servicesEvents,
    ...emailClaimEvents,
    ...activityEvents,
    ...auditEvents,
  });
  const others = ['IncidentOpened', 'RevocationsAcknowledged', 'IncidentCompleted', 'CheckpointSigned'];
  const speaking = new Set(messages.map(([{ type }]) => type));
  const silent = [...declared, ...others].filter((type) => !speaking.has(type));
  assert.ok(silent.length > 40);
  for (const type of silent) assert.is(revocationOf(event(type, {})), null, type);
});

test('uses no field that is sealed for a person', () => {
  const personal: Record<string, readonly string[]> = Object.fromEntries(
    Object.entries({ ...keyringEvents, ...userEvents, ...rolesEvents, ...policyEvents, ...installationEvents }).map(
      ([type, declared]) => [type, declared.personal],
    ),
  );
  for (const [happened, message] of messages) {
    const readable = new Proxy(happened.data, {
      get: (data, field) => {
        assert.not.ok(personal[happened.type]?.includes(String(field)), `${happened.type}.${String(field)}`);
        return Reflect.get(data, field);
      },
    });
    assert.equal(revocationOf({ ...happened, data: readable }), message);
  }
});

test('halts at an event that it does not know', () => {
  for (const type of ['ApiKeyFrozen', '', 'constructor', '__proto__', 'toString'])
    assert.throws(() => revocationOf(event(type, {})), /unknown event type/);
});

test.run();
