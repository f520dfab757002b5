import type { KeyringEvent } from '../../domain/keyring.ts';
import { keyringStream } from '../../domain/keyring.ts';
import { keyring } from '../../domain/keyringDecisions.ts';
import { presets } from '../../domain/presets.ts';
import type { Happened } from '../support/given.ts';
import { givenOf } from '../support/given.ts';
import {
  closed,
  created,
  edit,
  expired,
  imported,
  inDays,
  lax,
  moved,
  now,
  renamed,
  rescoped,
  revoked,
  rotated,
} from '../support/keyrings.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/keyring, editing keys');
const given = givenOf(keyring, keyringStream('u1'));

const key = created('k1', { name: 'ci', description: 'builds', expiresAt: inDays(30) });

test('changes all at once, in one append', () => {
  given(created('k1', { name: 'ci', scopes: ['streams:read'] }))
    .when(
      edit('k1', {
        policy: { ...lax, scoped: true },
        name: 'cd',
        description: 'deploys',
        scopes: ['reports:read'],
        expiresAt: inDays(5),
      }),
    )
    .then(renamed('k1', 'cd', 'deploys'), rescoped('k1', ['reports:read']), moved('k1', inDays(5)));
});

test('appends nothing for what stays as it is, even where it could not be changed', () => {
  const policy = { ...lax, nameEditable: false, expiryEditable: 'no', uniqueNames: true, nameRequired: true } as const;
  given(key).when(edit('k1', { policy })).then();
  given(key, created('k2', { name: 'ci' }))
    .when(
      edit('k1', {
        policy,
        name: ' ci ',
        description: 'builds ',
        expiresAt: '2027-02-09T13:00:00+01:00',
        scopes: null,
      }),
    )
    .then();
  given(created('k1'))
    .when(edit('k1', { policy, name: null, description: '', expiresAt: null }))
    .then();
});

test('knows the keys of its owner only', () => {
  given(key)
    .when(edit('k2', { name: 'x' }))
    .thenRejected('not-found');
});

test('refuses while keys are switched off; no role is asked for', () => {
  given(key)
    .when(edit('k1', { policy: { ...lax, enabled: false } }))
    .thenRejected('api-keys-disabled');
  given(key)
    .when(edit('k1', { policy: { ...lax, requireRole: true }, mayUseApi: false, expiresAt: inDays(1) }))
    .then(moved('k1', inDays(1)));
});

test('refuses an ended key, and one in grace', () => {
  const refused = (...events: Happened<KeyringEvent>[]) =>
    given(...events)
      .when(edit('k1', {}))
      .thenRejected('already-ended');
  refused(key, revoked('k1'));
  refused(created('k1', { expiresAt: now }));
  refused(created('k1', { expiresAt: inDays(-1) }), expired('k1', inDays(-1)));
  refused(key, rotated('k1', 'k2', inDays(1)));
  refused(key, rotated('k1', 'k2', inDays(-1)));
});

test('a recorded expiry stands although the clock went back', () => {
  given(created('k1', { expiresAt: inDays(1) }), expired('k1', inDays(1)))
    .when(edit('k1', { name: 'x' }))
    .thenRejected('already-ended');
});

test('refuses a key of an older epoch, and a command of one', () => {
  given(key)
    .when(edit('k1', { ownerEpoch: 1 }))
    .thenRejected('already-ended');
  given(key, closed(0))
    .when(edit('k1', { ownerEpoch: 1 }))
    .thenRejected('already-ended');
  given(key, closed(0)).when(edit('k1')).thenRejected('stale-owner-epoch');
});

// Names

test('renames, and clears what may be cleared', () => {
  given(key)
    .when(edit('k1', { name: 'cd' }))
    .then(renamed('k1', 'cd', 'builds'));
  given(key)
    .when(edit('k1', { name: null }))
    .then(renamed('k1', null, 'builds'));
  given(key)
    .when(edit('k1', { description: null }))
    .then(renamed('k1', 'ci', null));
});

test('asks for a name where one is required', () => {
  given(key)
    .when(edit('k1', { policy: { ...lax, nameRequired: true }, name: ' ' }))
    .thenRejected('name-required');
});

test('a fixed name stays, the description may still change', () => {
  given(key)
    .when(edit('k1', { policy: presets.idmp, name: 'cd' }))
    .thenRejected('name-not-editable');
  given(key)
    .when(edit('k1', { policy: presets.idmp, name: null }))
    .thenRejected('name-not-editable');
  given(key)
    .when(edit('k1', { policy: presets.idmp, name: 'ci', description: 'x' }))
    .then(renamed('k1', 'ci', 'x'));
});

test('refuses the name of another key, not its own and not that of an ended one', () => {
  const policy = { ...lax, uniqueNames: true };
  const other = created('k2', { name: 'cd' });
  given(key, other)
    .when(edit('k1', { policy, name: 'cd' }))
    .thenRejected('api-key-name-taken');
  given(key, other)
    .when(edit('k1', { policy, name: 'ci', description: null }))
    .then(renamed('k1', 'ci', null));
  given(key, other, revoked('k2'))
    .when(edit('k1', { policy, name: 'cd' }))
    .then(renamed('k1', 'cd', 'builds'));
});

// Scopes

const scoped = { ...lax, scoped: true };
const narrow = created('k1', { scopes: ['reports:read', 'streams:read'] });

test('changes scopes under the rules for new ones', () => {
  given(narrow)
    .when(edit('k1', { policy: scoped, scopes: ['streams:write'] }))
    .then(rescoped('k1', ['streams:read', 'streams:write']));
  given(narrow)
    .when(edit('k1', { policy: scoped, scopes: null }))
    .thenRejected('scopes-required');
  given(narrow)
    .when(edit('k1', { policy: scoped, scopes: [] }))
    .thenRejected('scopes-required');
  given(narrow)
    .when(edit('k1', { policy: scoped, scopes: ['x:y'] }))
    .thenRejected('unknown-scope', { scopes: ['x:y'] });
  given(narrow)
    .when(edit('k1', { policy: scoped, scopes: ['streams:admin'], ownerScopes: ['reports:*'] }))
    .thenRejected('scope-not-held', { scopes: ['streams:admin', 'streams:read', 'streams:write'] });
});

test('scopes in another order, or saying less of the same, are the same', () => {
  given(narrow)
    .when(edit('k1', { policy: scoped, scopes: ['streams:read', 'reports:read'] }))
    .then();
  given(created('k1', { scopes: ['streams:read', 'streams:write'] }))
    .when(edit('k1', { policy: scoped, scopes: ['streams:write'] }))
    .then();
});

test('scopes that stay are not looked at again', () => {
  given(narrow)
    .when(edit('k1', { policy: scoped, catalog: [], scopes: ['reports:read', 'streams:read'] }))
    .then();
});

test('a key without scopes may get some, and one with scopes may drop them where keys have none', () => {
  given(created('k1'))
    .when(edit('k1', { policy: scoped, scopes: ['reports:read'] }))
    .then(rescoped('k1', ['reports:read']));
  given(narrow)
    .when(edit('k1', { scopes: ['reports:read'] }))
    .thenRejected('scopes-not-allowed');
  given(narrow)
    .when(edit('k1', { scopes: null }))
    .then(rescoped('k1', null));
});

// Expiry

const fixed = { ...lax, expiryEditable: 'no' } as const;
const shorten = { ...lax, expiry: 'required', maxLifetimeDays: 10, expiryEditable: 'shorten' } as const;
const any = { ...lax, maxLifetimeDays: 60 };

test('a fixed expiry stays', () => {
  for (const expiresAt of [inDays(1), inDays(60), null])
    given(key)
      .when(edit('k1', { policy: fixed, expiresAt }))
      .thenRejected('expiry-not-editable');
});

test('keys without expiry get none', () => {
  given(created('k1'))
    .when(edit('k1', { policy: presets.aip, expiresAt: inDays(1) }))
    .thenRejected('expiry-not-allowed');
  given(key)
    .when(edit('k1', { policy: presets.aip, expiresAt: null }))
    .thenRejected('expiry-not-editable');
});

test('shortens, also to a date that is beyond the maximum of today', () => {
  given(key)
    .when(edit('k1', { policy: shorten, expiresAt: inDays(29) }))
    .then(moved('k1', inDays(29)));
  given(created('k1'))
    .when(edit('k1', { policy: shorten, expiresAt: inDays(900) }))
    .then(moved('k1', inDays(900)));
});

test('shortens, and nothing else', () => {
  given(key)
    .when(edit('k1', { policy: shorten, expiresAt: inDays(31) }))
    .thenRejected('expiry-not-editable');
  given(key)
    .when(edit('k1', { policy: shorten, expiresAt: null }))
    .thenRejected('expiry-not-editable');
  for (const expiresAt of [now, inDays(-1)])
    given(key)
      .when(edit('k1', { policy: shorten, expiresAt }))
      .thenRejected('expiry-in-past');
});

test('extends up to the maximum, counted from the making of the key', () => {
  const made = { ...key, at: inDays(-20) };
  given(made)
    .when(edit('k1', { policy: any, expiresAt: inDays(40) }))
    .then(moved('k1', inDays(40)));
  given(made)
    .when(edit('k1', { policy: any, expiresAt: '2027-02-19T12:00:00.001Z' }))
    .thenRejected('expiry-beyond-policy', { latest: inDays(40) });
  given({ ...imported('k1', { createdAt: inDays(-50), expiresAt: inDays(1) }), at: now })
    .when(edit('k1', { policy: any, expiresAt: inDays(11) }))
    .thenRejected('expiry-beyond-policy', { latest: inDays(10) });
});

test('where any date goes, a sooner one goes even beyond the maximum', () => {
  const policy = { ...any, maxLifetimeDays: 1 };
  given(key)
    .when(edit('k1', { policy, expiresAt: inDays(29) }))
    .then(moved('k1', inDays(29)));
  given(key)
    .when(edit('k1', { policy, expiresAt: inDays(31) }))
    .thenRejected('expiry-beyond-policy');
});

test('moves to and from never where a date is optional', () => {
  given(key)
    .when(edit('k1', { policy: any, expiresAt: null }))
    .then(moved('k1', null));
  given(created('k1'))
    .when(edit('k1', { policy: any, expiresAt: inDays(5) }))
    .then(moved('k1', inDays(5)));
  given(key)
    .when(edit('k1', { policy: any, expiresAt: now }))
    .thenRejected('expiry-in-past');
  const required = { ...any, expiry: 'required' } as const;
  given(key)
    .when(edit('k1', { policy: required, expiresAt: null }))
    .thenRejected('expiry-required');
});

test.run();
