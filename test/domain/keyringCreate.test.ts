import { keyringStream } from '../../domain/keyring.ts';
import { keyring } from '../../domain/keyringDecisions.ts';
import { presets } from '../../domain/presets.ts';
import { givenOf } from '../support/given.ts';
import {
  closed,
  create,
  created,
  expired,
  facts,
  imported,
  importKey,
  inDays,
  lax,
  now,
  revoked,
  rotated,
} from '../support/keyrings.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/keyring, making keys');
const given = givenOf(keyring, keyringStream('u1'));

test('makes a key', () => {
  given().when(create('k1')).then(created('k1'));
});

test('makes a key with all that was asked for', () => {
  const expiresAt = inDays(30);
  given()
    .when(create('k1', { name: 'ci', description: 'builds', expiresAt, policy: { ...lax, secret: 'recoverable' } }))
    .then(created('k1', { name: 'ci', description: 'builds', expiresAt, recoverable: true }));
});

test('refuses while keys are switched off', () => {
  given()
    .when(create('k1', { policy: presets.qalyptus }))
    .thenRejected('api-keys-disabled');
});

test('refuses an owner without the role, where one is asked for', () => {
  const policy = { ...lax, requireRole: true };
  given()
    .when(create('k1', { policy, mayUseApi: false }))
    .thenRejected('role-not-permitted');
  given().when(create('k1', { policy })).then(created('k1'));
  given()
    .when(create('k1', { mayUseApi: false }))
    .then(created('k1'));
});

test('refuses a secret that some key of the owner has or had', () => {
  given(created('k1'), revoked('k1'))
    .when(create('k2', { secretHash: 'hash of k1' }))
    .thenRejected('conflict');
});

// Names

test('keeps names trimmed and in NFC', () => {
  given()
    .when(create('k1', { name: '  Cafe\u0301 ', description: ' \n ' }))
    .then(created('k1', { name: 'Café' }));
});

test('asks for a name, and takes blanks for none', () => {
  const policy = { ...lax, nameRequired: true };
  for (const name of [undefined, null, '', ' \t'])
    given().when(create('k1', { policy, name })).thenRejected('name-required');
  given()
    .when(create('k1', { name: ' ' }))
    .then(created('k1'));
});

test('takes what nobody can see for no name, and leaves what joins or turns letters that are seen', () => {
  const policy = { ...lax, nameRequired: true };
  for (const name of ['\u200b', ' \u2060\ufeff\u00ad', '\u3164', '\u2800\u200d', '\u{e0041}'])
    given().when(create('k1', { policy, name })).thenRejected('name-required');
  for (const name of ['\u{1f469}\u200d\u{1f52c}', 'می\u200cخواهم'])
    given().when(create('k1', { policy, name })).then(created('k1', { name }));
});

const unique = { ...lax, uniqueNames: true };

test('refuses a name in use', () => {
  given(created('k1', { name: 'Café' }))
    .when(create('k2', { policy: unique, name: ' Cafe\u0301' }))
    .thenRejected('api-key-name-taken');
  given(imported('k1', { name: 'ci' }))
    .when(create('k2', { policy: unique, name: 'ci' }))
    .thenRejected('api-key-name-taken');
});

test('tells names apart by case, and keys without a name not at all', () => {
  given(created('k1', { name: 'ci' }))
    .when(create('k2', { policy: unique, name: 'CI' }))
    .then(created('k2', { name: 'CI' }));
  given(created('k1'))
    .when(create('k2', { policy: unique }))
    .then(created('k2'));
});

test('lets equal names be where they need not be unique', () => {
  given(created('k1', { name: 'ci' }))
    .when(create('k2', { name: 'ci' }))
    .then(created('k2', { name: 'ci' }));
});

test('an expired key holds its name and slot, a revoked one and one in grace do not', () => {
  const policy = { ...unique, maxKeysPerUser: 1, maxGraceSeconds: 0 };
  const expiresAt = inDays(-1);
  const another = create('k3', { policy, name: 'ci' });
  const named = created('k1', { name: 'ci' });
  const old = created('k1', { name: 'ci', expiresAt });
  given(old)
    .when({ ...another, policy: unique })
    .thenRejected('api-key-name-taken');
  given(old).when(another).thenRejected('api-key-limit-reached', { limit: 1 });
  given(old, expired('k1', expiresAt)).when(another).thenRejected('api-key-limit-reached');
  given(old, revoked('k1'))
    .when(another)
    .then(created('k3', { name: 'ci' }));
  given(named, rotated('k1', 'k2', inDays(1)))
    .when(another)
    .then(created('k3', { name: 'ci' }));
});

// Limit and replacement

test('refuses a key too many, and counts what was imported', () => {
  const policy = { ...lax, maxKeysPerUser: 2 };
  given(created('k1')).when(create('k3', { policy })).then(created('k3'));
  given(created('k1'), imported('k2'))
    .when(create('k3', { policy }))
    .thenRejected('api-key-limit-reached', { limit: 2 });
});

test('a tightened limit ends no key and allows no new one', () => {
  const policy = { ...lax, maxKeysPerUser: 2 };
  given(created('k1'), created('k2'), created('k3'), revoked('k1'))
    .when(create('k4', { policy }))
    .thenRejected('api-key-limit-reached');
});

test('the only key of a user makes place for the new one', () => {
  given()
    .when(create('k1', { policy: presets.aip }))
    .then(created('k1'));
  given(created('k1'))
    .when(create('k2', { policy: presets.aip }))
    .then(revoked('k1', 'replaced'), created('k2', { replaces: 'k1' }));
});

test('an expired key is replaced too, an ended one and one in grace are left alone', () => {
  given(created('k1', { expiresAt: inDays(-1) }))
    .when(create('k2', { policy: presets.aip }))
    .then(revoked('k1', 'replaced'), created('k2', { replaces: 'k1' }));
  given(created('k1'), revoked('k1'))
    .when(create('k2', { policy: presets.aip }))
    .then(created('k2'));
  given(created('k1'), rotated('k1', 'k2', inDays(1)), created('k2', { replaces: 'k1' }))
    .when(create('k3', { policy: presets.aip }))
    .then(revoked('k2', 'replaced'), created('k3', { replaces: 'k2' }));
});

test('replaces all that an older policy allowed, and follows on the newest', () => {
  const policy = { ...presets.aip, uniqueNames: true };
  given(
    { ...created('k1', { name: 'ci' }), at: inDays(-2) },
    { ...created('k2'), at: inDays(-1) },
    { ...imported('k3', { createdAt: inDays(-100) }), at: now },
  )
    .when(create('k4', { policy, name: 'ci' }))
    .then(
      revoked('k1', 'replaced'),
      revoked('k2', 'replaced'),
      revoked('k3', 'replaced'),
      created('k4', { name: 'ci', replaces: 'k2' }),
    );
});

// Expiry

const required = { ...lax, expiry: 'required', maxLifetimeDays: 180 } as const;

test('asks for a date', () => {
  given()
    .when(create('k1', { policy: required }))
    .thenRejected('expiry-required');
  given()
    .when(create('k1', { policy: required, expiresAt: null }))
    .thenRejected('expiry-required');
});

test('takes a date up to the maximum and says the latest', () => {
  const latest = inDays(180);
  given()
    .when(create('k1', { policy: required, expiresAt: latest }))
    .then(created('k1', { expiresAt: latest }));
  given()
    .when(create('k1', { policy: required, expiresAt: '2027-07-09T12:00:00.001Z' }))
    .thenRejected('expiry-beyond-policy', { latest });
});

test('refuses now and the past', () => {
  for (const expiresAt of [now, inDays(-1)])
    given()
      .when(create('k1', { policy: required, expiresAt }))
      .thenRejected('expiry-in-past');
});

test('a date may be left out where it is optional, whatever the maximum of a date', () => {
  const policy = { ...lax, maxLifetimeDays: 10 };
  given().when(create('k1', { policy })).then(created('k1'));
  given()
    .when(create('k1', { policy, expiresAt: null }))
    .then(created('k1'));
  given()
    .when(create('k1', { policy, expiresAt: inDays(11) }))
    .thenRejected('expiry-beyond-policy');
  given()
    .when(create('k1', { expiresAt: inDays(10_000) }))
    .then(created('k1', { expiresAt: inDays(10_000) }));
});

test('refuses a date where keys have none', () => {
  given()
    .when(create('k1', { policy: presets.aip, expiresAt: inDays(1) }))
    .thenRejected('expiry-not-allowed');
  given()
    .when(create('k1', { policy: presets.aip, expiresAt: null }))
    .then(created('k1'));
});

test('stores times in one way of writing', () => {
  given()
    .when(create('k1', { expiresAt: '2027-02-01T01:00:00+01:00' }))
    .then(created('k1', { expiresAt: '2027-02-01T00:00:00.000Z' }));
});

// Scopes

const scoped = { ...lax, scoped: true };

test('stores the scopes asked for and the lower ones, sorted', () => {
  given()
    .when(create('k1', { policy: scoped, scopes: ['streams:write', 'reports:read', 'streams:write'] }))
    .then(created('k1', { scopes: ['reports:read', 'streams:read', 'streams:write'] }));
});

test('asks for scopes', () => {
  for (const scopes of [undefined, null, []])
    given()
      .when(create('k1', { policy: scoped, scopes }))
      .thenRejected('scopes-required');
});

test('refuses scopes where keys have none, an empty list too', () => {
  for (const scopes of [['streams:read'], []])
    given().when(create('k1', { scopes })).thenRejected('scopes-not-allowed');
  given()
    .when(create('k1', { scopes: null }))
    .then(created('k1'));
});

test('names the scopes that the catalog lacks, stars among them', () => {
  given()
    .when(create('k1', { policy: scoped, scopes: ['streams:read', 'streams:*', 'other:read', '*:*'] }))
    .thenRejected('unknown-scope', { scopes: ['streams:*', 'other:read', '*:*'] });
});

test('names the scopes that the owner does not hold, the lower ones too', () => {
  given()
    .when(
      create('k1', {
        policy: scoped,
        scopes: ['streams:write', 'reports:read'],
        ownerScopes: ['reports:*', 'streams:write'],
      }),
    )
    .thenRejected('scope-not-held', { scopes: ['streams:read'] });
  given()
    .when(create('k1', { policy: scoped, scopes: ['streams:read'], ownerScopes: ['streams:*'] }))
    .then(created('k1', { scopes: ['streams:read'] }));
});

// The owner's epoch

test('refuses an epoch that the keyring knows to be over', () => {
  given(created('k1', { ownerEpoch: 2 }))
    .when(create('k2', { ownerEpoch: 1 }))
    .thenRejected('stale-owner-epoch');
  given(closed(0)).when(create('k1')).thenRejected('stale-owner-epoch');
  given(closed(0))
    .when(create('k1', { ownerEpoch: 1 }))
    .then(created('k1', { ownerEpoch: 1 }));
});

test('counts only keys of the epoch, whether or not the older ones were closed', () => {
  const policy = { ...unique, maxKeysPerUser: 1, maxGraceSeconds: 0 };
  const before = created('k1', { name: 'ci' });
  const another = create('k2', { ownerEpoch: 1, policy, name: 'ci' });
  const made = created('k2', { ownerEpoch: 1, name: 'ci' });
  given(before).when(another).then(made);
  given(before, closed(0)).when(another).then(made);
  given(before, made)
    .when({ ...another, keyId: 'k3', secretHash: 's' })
    .thenRejected('api-key-limit-reached');
  given(before, made, closed(0))
    .when({ ...another, keyId: 'k3', secretHash: 's' })
    .thenRejected('api-key-limit-reached');
});

test('replaces no key of an older epoch', () => {
  given(created('k1'))
    .when(create('k2', { ownerEpoch: 1, policy: presets.aip }))
    .then(created('k2', { ownerEpoch: 1 }));
});

// Import

test('imports a key, also while keys are off and for an owner without the role', () => {
  const policy = { ...presets.qalyptus };
  const createdAt = inDays(-100);
  const expiresAt = inDays(80);
  given()
    .when(importKey('k1', { policy, name: ' old ', createdAt, expiresAt }))
    .then(imported('k1', { name: 'old', createdAt, expiresAt }));
});

test('counts the life of an imported key from its making', () => {
  const policy = { ...presets.qalyptus };
  given()
    .when(importKey('k1', { policy, name: 'old', createdAt: inDays(-100), expiresAt: inDays(81) }))
    .thenRejected('expiry-beyond-policy', { latest: inDays(80) });
});

test('takes an imported key for made now where its making is not given or yet to come', () => {
  given().when(importKey('k1')).then(imported('k1'));
  given()
    .when(importKey('k1', { createdAt: inDays(1) }))
    .then(imported('k1'));
});

test('imports no key whose text is known here', () => {
  given(created('k1'), revoked('k1'))
    .when(importKey('k2', { secretHash: 'hash of k1' }))
    .thenRejected('conflict');
  given(imported('k1'))
    .when(importKey('k2', { secretHash: 'hash of k1' }))
    .thenRejected('conflict');
});

test('an imported key obeys the policy', () => {
  const refused = (more: Partial<ReturnType<typeof importKey>>) =>
    given(created('k1', { name: 'ci' })).when(importKey('k2', more));
  refused({ policy: { ...lax, nameRequired: true } }).thenRejected('name-required');
  refused({ policy: unique, name: 'ci' }).thenRejected('api-key-name-taken');
  refused({ policy: { ...lax, maxKeysPerUser: 1 } }).thenRejected('api-key-limit-reached', { limit: 1 });
  refused({ policy: presets.aip }).thenRejected('api-key-limit-reached');
  refused({ policy: required }).thenRejected('expiry-required');
  refused({ expiresAt: now }).thenRejected('expiry-in-past');
  refused({ policy: scoped }).thenRejected('scopes-required');
  refused({ policy: scoped, scopes: ['streams:read'], ownerScopes: [] }).thenRejected('scope-not-held');
  given(closed(0)).when(importKey('k1')).thenRejected('stale-owner-epoch');
  given()
    .when(importKey('k1', { policy: scoped, scopes: ['streams:write'], ownerScopes: facts.ownerScopes }))
    .then(imported('k1', { scopes: ['streams:read', 'streams:write'] }));
});

test.run();
