import * as assert from 'uvu/assert';
import { activityEvents } from '../../domain/activity.ts';
import { auditEvents } from '../../domain/audit.ts';
import { emailClaimEvents } from '../../domain/emailClaim.ts';
import {
  type AnyEvent,
  eventTypeOf,
  eventTypes,
  idInStream,
  keyIdsOf,
  narrows,
  type Subject,
  subjectOf,
} from '../../domain/events.ts';
import { installationEvents } from '../../domain/installation.ts';
import { policyEvents } from '../../domain/keyPolicy.ts';
import { keyringEvents } from '../../domain/keyring.ts';
import { receiptsEvents } from '../../domain/receipts.ts';
import { rolesEvents } from '../../domain/roles.ts';
import { servicesEvents } from '../../domain/services.ts';
import { userEvents } from '../../domain/user.ts';
import { suite } from '../support/suite.ts';
import { shapes } from './golden/shapes.ts';

const test = suite('catalogue of events');

const tables = [
  installationEvents,
  userEvents,
  keyringEvents,
  activityEvents,
  policyEvents,
  rolesEvents,
  receiptsEvents,
  servicesEvents,
  emailClaimEvents,
  auditEvents,
];

test('no two streams name an event alike', () => {
  const names = tables.flatMap((table) => Object.keys(table));
  assert.is(new Set(names).size, names.length);
  assert.equal(Object.keys(eventTypes).sort(), names.sort());
});

test('finds declarations by name, and none for what it does not know', () => {
  assert.is(eventTypeOf('ApiKeyCreated'), keyringEvents.ApiKeyCreated);
  for (const name of ['ApiKeyForgotten', 'toString', '__proto__', '']) assert.is(eventTypeOf(name), null);
});

test('whose personal fields they are is a field of the event, the actor or the stream', () => {
  for (const [type, { person }] of Object.entries(eventTypes))
    if (typeof person === 'object')
      assert.ok(Object.hasOwn(shapes[type as keyof typeof shapes], person.field), `${type}: ${person.field}`);
});

test('an event that ends or narrows a right says so', () => {
  for (const type of ['ApiKeyRevoked', 'UserDeactivated', 'AdministratorRemoved', 'EpochOpened'] as const)
    assert.is(narrows({ type }), true, type);
  for (const type of ['ApiKeyCreated', 'SignedIn', 'UserReactivated'] as const)
    assert.is(narrows({ type }), false, type);
});

const subject = (type: AnyEvent['type'], stream: string, data: object): Subject =>
  subjectOf({ type, stream, data } as AnyEvent & { stream: string });

test('an event on a key is about the key, whatever stream it stands in', () => {
  const key = { kind: 'key', id: 'k1' };
  const data = { keyId: 'k1', newKeyId: 'k2' };
  for (const type of Object.keys(keyringEvents) as (keyof typeof keyringEvents)[])
    if (type !== 'KeyringClosed') assert.equal(subject(type, 'keyring-u-1', data), key, type);
  assert.equal(subject('ApiKeyRevealed', 'activity-u-1', data), key);
  assert.equal(subject('ApiKeyExpiryNoticed', 'activity-u-1', data), key);
  assert.equal(subject('KeyIdentified', 'audit', data), key);
});

test('an event on a user is about the user, whatever stream it stands in', () => {
  const user = { kind: 'user', id: 'u-1' };
  for (const type of Object.keys(userEvents) as (keyof typeof userEvents)[])
    assert.equal(subject(type, 'user-u-1', {}), user, type);
  for (const type of [
    'SignedIn',
    'SignInFailed',
    'SignInBlocked',
    'SignedOut',
    'SessionEnded',
    'NoticeSent',
    'Unsubscribed',
  ] as const)
    assert.equal(subject(type, 'activity-u-1', {}), user, type);
  assert.equal(subject('KeyringClosed', 'keyring-u-1', { ownerEpoch: 0 }), user);
  for (const type of ['AdministratorGranted', 'AdministratorRemoved'] as const)
    assert.equal(subject(type, 'roles', { userId: 'u-1' }), user, type);
  for (const type of ['EmailClaimed', 'EmailReleased'] as const)
    assert.equal(subject(type, 'emailClaim-abc', { userId: 'u-1' }), user, type);
});

test('every other event is about what it names', () => {
  const expected: readonly (readonly [AnyEvent['type'], object, Subject])[] = [
    ['InstallationCreated', {}, { kind: 'installation', id: 'installation' }],
    ['EpochOpened', {}, { kind: 'installation', id: 'installation' }],
    ['KeyPolicyChanged', {}, { kind: 'policy', id: 'policy' }],
    ['ScopeCatalogChanged', {}, { kind: 'scopes', id: 'scopes' }],
    ['MailServerChanged', {}, { kind: 'mail-server', id: 'mail-server' }],
    ['RoleDefined', { name: 'reporter' }, { kind: 'role', id: 'reporter' }],
    ['RoleRemoved', { name: 'reporter' }, { kind: 'role', id: 'reporter' }],
    ['ServiceTokenCreated', { tokenId: 't1' }, { kind: 'service', id: 't1' }],
    ['ServiceTokenRotated', { tokenId: 't1' }, { kind: 'service', id: 't1' }],
    ['ServiceTokenRevoked', { tokenId: 't1' }, { kind: 'service', id: 't1' }],
    ['SubscriberRemoved', { name: 'billing' }, { kind: 'subscriber', id: 'billing' }],
    ['RevocationsAcknowledged', {}, { kind: 'feed', id: 'feed' }],
    ['AuditExported', {}, { kind: 'audit', id: 'audit' }],
    ['KeysExported', {}, { kind: 'audit', id: 'audit' }],
    ['LeakReported', {}, { kind: 'leak', id: 'leak' }],
    ['ProjectionSkipped', { list: 'keys' }, { kind: 'list', id: 'keys' }],
  ];
  for (const [type, data, about] of expected) assert.equal(subject(type, 'x', data), about, type);
});

test('an unknown event has no subject: whoever asks stops', () => {
  assert.throws(() => subject('ApiKeyForgotten' as never, 'keyring-u1', {}), /ApiKeyForgotten/);
});

test('a key’s history holds the events that name it, a rotation both keys’', () => {
  const keyIds = (type: AnyEvent['type'], data: object) => keyIdsOf({ type, data } as AnyEvent);
  assert.equal(keyIds('ApiKeyCreated', { keyId: 'k2', replaces: 'k1' }), ['k2']);
  assert.equal(keyIds('ApiKeyRotated', { keyId: 'k1', newKeyId: 'k2' }), ['k1', 'k2']);
  assert.equal(keyIds('ApiKeyRevealed', { keyId: 'k1' }), ['k1']);
  assert.equal(keyIds('KeyringClosed', { ownerEpoch: 0 }), []);
  assert.equal(keyIds('UserDeactivated', { ownerEpoch: 0 }), []);
});

test('the id in a stream’s name may hold dashes', () => {
  assert.is(idInStream('keyring-01937a1c-4f00-7a31'), '01937a1c-4f00-7a31');
});

test.run();
