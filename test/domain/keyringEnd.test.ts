import * as assert from 'uvu/assert';
import type { KeyringEvent } from '../../domain/keyring.ts';
import { keyringFold, keyringStream } from '../../domain/keyring.ts';
import type { KeyringCommand } from '../../domain/keyringDecisions.ts';
import { keyring } from '../../domain/keyringDecisions.ts';
import { presets } from '../../domain/presets.ts';
import type { Happened } from '../support/given.ts';
import { folded, givenOf } from '../support/given.ts';
import {
  catalog,
  closed,
  create,
  created,
  edit,
  expired,
  imported,
  inDays,
  inSeconds,
  lax,
  moved,
  now,
  renamed,
  rescoped,
  revoke,
  revoked,
  rotate,
  rotated,
} from '../support/keyrings.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/keyring, ending keys');
const stream = keyringStream('u1');
const given = givenOf(keyring, stream);

// Rotation

test('rotates: the old key ends at once, the new one has its name and description', () => {
  given(created('k1', { name: 'ci', description: 'builds' }))
    .when(rotate('k1', 'k2'))
    .then(rotated('k1', 'k2', now), created('k2', { name: 'ci', description: 'builds', replaces: 'k1' }));
});

test('a grace lets the old key go on, at most to its own end', () => {
  given(created('k1'))
    .when(rotate('k1', 'k2', { graceSeconds: 86_400 }))
    .then(rotated('k1', 'k2', inDays(1)), created('k2', { replaces: 'k1' }));
  const old = { ...created('k1', { expiresAt: inSeconds(60) }), at: inDays(-1) };
  const { decision } = given(old).when(rotate('k1', 'k2', { graceSeconds: 61 }));
  assert.equal((decision as KeyringEvent[])[0], rotated('k1', 'k2', inSeconds(60)));
});

test('refuses a grace beyond the policy, and a rotation that it does not allow', () => {
  const key = created('k1');
  for (const graceSeconds of [86_401, -1, Number.NaN])
    given(key)
      .when(rotate('k1', 'k2', { graceSeconds }))
      .thenRejected('grace-not-allowed', { maxGraceSeconds: 86_400 });
  given(key)
    .when(rotate('k1', 'k2', { policy: presets.aip, graceSeconds: 1 }))
    .thenRejected('grace-not-allowed');
  const policy = { ...lax, rotation: false, maxGraceSeconds: 0 };
  given(key)
    .when(rotate('k1', 'k2', { policy }))
    .thenRejected('rotation-not-allowed');
});

test('rotates the only key of a user without replacing it', () => {
  given(created('k1'))
    .when(rotate('k1', 'k2', { policy: presets.aip }))
    .then(rotated('k1', 'k2', now), created('k2', { replaces: 'k1' }));
});

test('rotates where no slot is free: one ends, one begins', () => {
  const policy = { ...lax, maxKeysPerUser: 2 };
  given(created('k1'), created('k2'))
    .when(rotate('k1', 'k3', { policy }))
    .then(rotated('k1', 'k3', now), created('k3', { replaces: 'k1' }));
});

test('asks for what making a key asks for', () => {
  const key = created('k1', { name: 'ci' });
  given(key)
    .when(rotate('k1', 'k2', { policy: { ...lax, enabled: false } }))
    .thenRejected('api-keys-disabled');
  given(key)
    .when(rotate('k1', 'k2', { policy: { ...lax, requireRole: true }, mayUseApi: false }))
    .thenRejected('role-not-permitted');
  given(key)
    .when(rotate('k1', 'k2', { secretHash: 'hash of k1' }))
    .thenRejected('conflict');
  given(key).when(rotate('k9', 'k2')).thenRejected('not-found');
  given(created('k1'))
    .when(rotate('k1', 'k2', { policy: { ...lax, nameRequired: true } }))
    .thenRejected('name-required');
  given(key, created('k3', { name: 'ci' }))
    .when(rotate('k1', 'k2', { policy: { ...lax, uniqueNames: true } }))
    .thenRejected('api-key-name-taken');
});

test('an expired key may be rotated, a revoked one and one rotated before may not', () => {
  const old = { ...created('k1', { expiresAt: inDays(-1) }), at: inDays(-9) };
  const made = created('k2', { expiresAt: inDays(8), replaces: 'k1' });
  given(old)
    .when(rotate('k1', 'k2', { graceSeconds: 60 }))
    .then(rotated('k1', 'k2', inDays(-1)), made);
  given(old, expired('k1', inDays(-1)))
    .when(rotate('k1', 'k2'))
    .then(rotated('k1', 'k2', inDays(-1)), made);
  given(created('k1'), revoked('k1')).when(rotate('k1', 'k2')).thenRejected('already-ended');
  given(created('k1'), rotated('k1', 'k2', inDays(1)), created('k2', { replaces: 'k1' }))
    .when(rotate('k1', 'k3'))
    .thenRejected('already-ended');
});

test('refuses a key of an older epoch, and a command of one', () => {
  given(created('k1'))
    .when(rotate('k1', 'k2', { ownerEpoch: 1 }))
    .thenRejected('already-ended');
  given(created('k1'), closed(0)).when(rotate('k1', 'k2')).thenRejected('stale-owner-epoch');
});

const expiryAfter = (key: Happened<KeyringEvent>, more: Partial<ReturnType<typeof rotate>>) => {
  const { decision } = given(key).when(rotate('k1', 'k2', more));
  const made = (decision as KeyringEvent[])[1];
  return made?.type === 'ApiKeyCreated' ? made.data.expiresAt : decision;
};

test('the new key lives as long as the old one was to, cut to the policy', () => {
  const monthly = { ...created('k1', { expiresAt: inDays(5) }), at: inDays(-25) };
  const eternal = created('k1');
  const atMost10 = { ...lax, maxLifetimeDays: 10 };
  const required = { ...atMost10, expiry: 'required' } as const;
  assert.is(expiryAfter(monthly, {}), inDays(30));
  assert.is(expiryAfter(monthly, { policy: atMost10 }), inDays(10));
  assert.is(expiryAfter(monthly, { policy: presets.aip }), null);
  assert.is(expiryAfter(eternal, {}), null);
  assert.is(expiryAfter(eternal, { policy: atMost10 }), null);
  assert.is(expiryAfter(eternal, { policy: required }), inDays(10));
  const brought = imported('k1', { createdAt: inDays(-3), expiresAt: inDays(1) });
  assert.is(expiryAfter(brought, { policy: required }), inDays(4));
});

test('however long the life, the new key ends before years have five digits, and the old one at once', () => {
  const last = '9999-12-31T23:59:59.999Z';
  const old = { ...created('k1', { expiresAt: last }), at: inDays(-400) };
  assert.is(expiryAfter(old, {}), last);
  // Written by whoever did not know of that end: as a text this one comes before every other.
  const beyond = created('k1', { expiresAt: '+010000-01-01T00:00:00.000Z' });
  const { decision } = given(beyond).when(rotate('k1', 'k2'));
  assert.equal((decision as KeyringEvent[])[0], rotated('k1', 'k2', now));
});

test('an expiry that is asked for is checked like that of a new key', () => {
  const policy = { ...lax, expiry: 'required', maxLifetimeDays: 10 } as const;
  const key = created('k1', { expiresAt: inDays(1) });
  assert.is(expiryAfter(key, { policy, expiresAt: inDays(9) }), inDays(9));
  assert.is(expiryAfter(key, { expiresAt: null }), null);
  given(key)
    .when(rotate('k1', 'k2', { policy, expiresAt: null }))
    .thenRejected('expiry-required');
  given(key)
    .when(rotate('k1', 'k2', { policy, expiresAt: now }))
    .thenRejected('expiry-in-past');
  given(key)
    .when(rotate('k1', 'k2', { policy, expiresAt: inDays(11) }))
    .thenRejected('expiry-beyond-policy', { latest: inDays(10) });
  given(key)
    .when(rotate('k1', 'k2', { policy: presets.aip, expiresAt: inDays(1) }))
    .thenRejected('expiry-not-allowed');
});

test('the new key has the scopes of the old one that are still there and held, and no more', () => {
  const policy = { ...lax, scoped: true };
  const key = created('k1', { scopes: ['gone:read', 'reports:read', 'streams:read'] });
  const scopesAfter = (old: typeof key, more: Partial<ReturnType<typeof rotate>>) => {
    const made = (given(old).when(rotate('k1', 'k2', more)).decision as KeyringEvent[])[1];
    return made?.type === 'ApiKeyCreated' ? made.data.scopes : 'no key';
  };
  assert.equal(scopesAfter(key, { policy }), ['reports:read', 'streams:read']);
  assert.equal(scopesAfter(key, { policy, ownerScopes: ['streams:*'] }), ['streams:read']);
  assert.equal(scopesAfter(key, {}), ['reports:read', 'streams:read']);
  assert.equal(scopesAfter(key, { catalog: [] }), []);
  given(key)
    .when(rotate('k1', 'k2', { policy, catalog: [] }))
    .thenRejected('scopes-required');
  given(key)
    .when(rotate('k1', 'k2', { policy, ownerScopes: [] }))
    .thenRejected('scopes-required');
  // Unscoped until now: all that the owner may, named one by one.
  assert.equal(scopesAfter(created('k1'), { policy, ownerScopes: ['streams:*'] }), [
    'streams:admin',
    'streams:read',
    'streams:write',
  ]);
  assert.is(scopesAfter(created('k1'), {}), null);
});

test('the new text can be copied where the policy of today says so', () => {
  given(created('k1'))
    .when(rotate('k1', 'k2', { policy: { ...lax, secret: 'recoverable' } }))
    .then(rotated('k1', 'k2', now), created('k2', { recoverable: true, replaces: 'k1' }));
});

// Revocation

test('revokes for every reason, with a note', () => {
  for (const reason of ['owner', 'administrator', 'incident', 'leak', 'unused'] as const)
    given(created('k1'))
      .when(revoke('k1', { reason, note: '  seen in a log ' }))
      .then(revoked('k1', reason, 'seen in a log'));
  given(created('k1'))
    .when(revoke('k1', { note: ' ' }))
    .then(revoked('k1'));
});

test('revokes an expired key, and one in grace', () => {
  given(created('k1', { expiresAt: inDays(-1) }), expired('k1', inDays(-1)))
    .when(revoke('k1'))
    .then(revoked('k1'));
  given(created('k1'), rotated('k1', 'k2', inSeconds(1)))
    .when(revoke('k1'))
    .then(revoked('k1'));
});

test('what is over is over', () => {
  given(created('k1'), revoked('k1', 'leak')).when(revoke('k1')).then();
  given(created('k1'), rotated('k1', 'k2', now))
    .when(revoke('k1'))
    .then();
  given(created('k1'))
    .when(revoke('k1', { ownerEpoch: 1 }))
    .then();
  given(created('k1'), closed(0))
    .when(revoke('k1', { ownerEpoch: 1 }))
    .then();
});

test('knows the keys of its owner only, and no command of an older epoch', () => {
  given(created('k1')).when(revoke('k2')).thenRejected('not-found');
  given(created('k1'), closed(0)).when(revoke('k1')).thenRejected('stale-owner-epoch');
});

test('revokes while keys are switched off: the command does not even carry the policy', () => {
  given(created('k1'))
    .when(revoke('k1', { reason: 'administrator' }))
    .then(revoked('k1', 'administrator'));
});

// Expiry

const expireAt = (at: string): KeyringCommand => ({ type: 'ExpireKeys', at });

test('records every expiry that is due, once', () => {
  const due = inDays(-1);
  const keys = [
    created('k1', { expiresAt: due }),
    created('k2', { expiresAt: now }),
    created('k3', { expiresAt: inSeconds(1) }),
    created('k4'),
  ];
  given(...keys)
    .when(expireAt(now))
    .then(expired('k1', due), expired('k2', now));
  given(...keys, expired('k1', due), expired('k2', now))
    .when(expireAt(now))
    .then();
});

test('leaves alone what has ended otherwise', () => {
  const expiresAt = inDays(-1);
  given(created('k1', { expiresAt }), revoked('k1')).when(expireAt(now)).then();
  given(created('k1', { expiresAt }), rotated('k1', 'k2', expiresAt))
    .when(expireAt(now))
    .then();
  given(created('k1', { expiresAt }), closed(0)).when(expireAt(now)).then();
  given(created('k1', { expiresAt }), moved('k1', inDays(1)))
    .when(expireAt(now))
    .then();
});

// Closing

const close = (ownerEpoch: number): KeyringCommand => ({
  type: 'CloseKeyring',
  ownerEpoch,
  reason: 'owner-deactivated',
  endedAt: now,
});

test('closes an epoch once, also on a keyring without keys', () => {
  given().when(close(0)).then(closed(0));
  given(created('k1')).when(close(0)).then(closed(0));
  given(created('k1'), closed(0)).when(close(0)).then();
  given(closed(1)).when(close(0)).then();
  given(closed(0)).when(close(1)).then(closed(1));
});

test('closes an epoch after a key of the next one was made', () => {
  given(created('k1'), created('k2', { ownerEpoch: 1 }))
    .when(close(0))
    .then(closed(0));
});

// State

const life: readonly Happened<KeyringEvent>[] = [
  { ...created('k1', { name: 'a', expiresAt: inDays(1) }), at: inDays(-9), ip: '192.0.2.1' },
  { ...imported('k2', { createdAt: inDays(-90) }), actor: { kind: 'admin', id: 'a1' } },
  renamed('k1', 'b', 'text'),
  rescoped('k2', ['reports:read']),
  moved('k1', inSeconds(9)),
  { ...expired('k1', inSeconds(9)), at: inSeconds(10) },
  rotated('k2', 'k3', inDays(2)),
  created('k3', { replaces: 'k2' }),
  { ...revoked('k3', 'leak', 'seen'), at: inSeconds(20) },
];

test('keeps all there is to know of each key, and the revision of its own last event', () => {
  const { keys } = folded(keyringFold, stream, life);
  assert.equal([...keys.keys()], ['k1', 'k2', 'k3']);
  assert.equal(keys.get('k1'), {
    keyId: 'k1',
    ownerEpoch: 0,
    name: 'b',
    description: 'text',
    secretHash: 'hash of k1',
    mask: 'mask of k1',
    scopes: null,
    recoverable: false,
    createdAt: inDays(-9),
    createdBy: { kind: 'user', id: 'u1' },
    createdIp: '192.0.2.1',
    policyRevision: null,
    expiresAt: inSeconds(9),
    expiredAt: inSeconds(10),
    graceUntil: null,
    revokedAt: null,
    revokedReason: null,
    revokedNote: null,
    replaces: null,
    replacedBy: null,
    revision: 5,
  });
  const { createdAt, createdBy, scopes, graceUntil, replacedBy, revision } = keys.get('k2')!;
  assert.equal(
    { createdAt, createdBy, scopes, graceUntil, replacedBy, revision },
    {
      createdAt: inDays(-90),
      createdBy: { kind: 'admin', id: 'a1' },
      scopes: ['reports:read'],
      graceUntil: inDays(2),
      replacedBy: 'k3',
      revision: 6,
    },
  );
  const { replaces, revokedAt, revokedReason, revokedNote, revision: last } = keys.get('k3')!;
  assert.equal([replaces, revokedAt, revokedReason, revokedNote, last], ['k2', inSeconds(20), 'leak', 'seen', 8]);
});

test('a replaced key says what replaced it', () => {
  const { keys } = folded(keyringFold, stream, [
    created('k1'),
    revoked('k1', 'replaced'),
    created('k2', { replaces: 'k1' }),
  ]);
  assert.is(keys.get('k1')?.replacedBy, 'k2');
});

test('no beginning of a stream holds more than the policy allows', () => {
  const policy = { ...presets.aip, nameRequired: true, uniqueNames: true };
  const before = [created('k1', { name: 'ci' })];
  for (const command of [create('k2', { policy, name: 'ci' }), rotate('k1', 'k2', { policy })]) {
    const { decision } = given(...before).when(command);
    const events = decision as readonly KeyringEvent[];
    assert.is(events.length, 2);
    for (let read = 0; read <= events.length; read++) {
      const { counted } = folded(keyringFold, stream, [...before, ...events.slice(0, read)]);
      assert.ok(counted.size <= 1);
    }
  }
});

test('accepts events whose personal fields are erased', () => {
  const erased: Happened<KeyringEvent>[] = [
    created('k1', { name: null, description: null }),
    imported('k2', { name: null }),
    renamed('k1', null, null),
    revoked('k1', 'owner', null),
  ];
  const { keys } = folded(keyringFold, stream, erased);
  assert.is(keys.get('k1')?.name, null);
  assert.is(keys.get('k1')?.createdIp, null);
});

test('a snapshot is JSON, and folding goes on from it as if it had never been', () => {
  const events = [...life, created('k4', { ownerEpoch: 2 }), closed(2), created('k5', { ownerEpoch: 3 })];
  for (let length = 0; length <= events.length; length++) {
    const state = folded(keyringFold, stream, events.slice(0, length));
    const frozen = JSON.parse(JSON.stringify(keyringFold.freeze!(state)));
    assert.equal(keyringFold.thaw!(frozen), state);
  }
});

test('a key of an older epoch that follows a newer one holds no place', () => {
  const { counted, keys } = folded(keyringFold, stream, [created('k2', { ownerEpoch: 1 }), created('k1')]);
  assert.equal([...counted], ['k2']);
  assert.is(keys.size, 2);
});

test('stops loudly at an event it does not know, and at one on a key that was never made', () => {
  const unknown = { type: 'ApiKeyFrozen', data: {} } as unknown as KeyringEvent;
  assert.throws(() => folded(keyringFold, stream, [unknown]), /unknown event type ApiKeyFrozen/);
  assert.throws(() => folded(keyringFold, stream, [renamed('k1', 'x')]), /never made: k1/);
});

test('a command looks at no ended key, however many there are', () => {
  const state = folded(keyringFold, stream, [
    ...Array.from({ length: 1000 }, (_, i) => [created(`old${i}`), revoked(`old${i}`)]).flat(),
    created('k1', { name: 'ci' }),
  ]);
  // Every way of going through the keys is closed; looking one up by its id is left.
  const refuse = () => {
    throw new Error('went through all keys');
  };
  const { keys } = state;
  for (const walk of ['forEach', 'keys', 'values', 'entries', Symbol.iterator] as const)
    Object.defineProperty(keys, walk, { value: refuse });
  const policy = { ...lax, uniqueNames: true };
  const commands = [
    create('k2', { policy, name: 'cd' }),
    edit('k1', { policy, name: 'cd' }),
    rotate('k1', 'k2', { policy, catalog }),
    revoke('k1'),
    expireAt(now),
    close(0),
  ];
  for (const command of commands) assert.ok(Array.isArray(keyring.decide(command, state)), command.type);
  assert.is(state.counted.size, 1);
});

test.run();
