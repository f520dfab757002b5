import * as assert from 'uvu/assert';
import { endKeys, isUnusedSince, unusedBefore } from '../../domain/keyEnds.ts';
import type { KeyPolicy, PolicyEvent } from '../../domain/keyPolicy.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { type Key, type KeyringEvent, keyringFold, keyringStream } from '../../domain/keyring.ts';
import { presets } from '../../domain/presets.ts';
import { settings } from '../../domain/settings.ts';
import { folded, type Happened } from '../support/given.ts';
import { closed, created, expired, imported, inDays, now, revoked, rotated } from '../support/keyrings.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/keyEnds');

const ring = (...events: readonly Happened<KeyringEvent>[]) => folded(keyringFold, keyringStream('u1'), events);
const leaked = { at: now, ownerEpoch: 0, reason: 'leak' as const, note: ' a paste site ' };

test('ends those that live, each once, in the order asked for', () => {
  const state = ring(created('k1'), created('k2', { expiresAt: inDays(1) }), created('k3'));
  assert.equal(endKeys({ ...leaked, keyIds: ['k3', 'k1', 'k3', 'k2', 'k9'] }, state), [
    revoked('k3', 'leak', 'a paste site'),
    revoked('k1', 'leak', 'a paste site'),
    revoked('k2', 'leak', 'a paste site'),
  ]);
});

test('leaves what has ended as it is: revoked, past its end whether that is recorded or not, past its grace', () => {
  const state = ring(
    created('revoked'),
    revoked('revoked'),
    created('expired', { expiresAt: inDays(-2) }),
    expired('expired', inDays(-2)),
    created('past', { expiresAt: now }),
    created('rotated'),
    rotated('rotated', 'new', now),
    created('in grace'),
    rotated('in grace', 'newer', inDays(1)),
  );
  const keyIds = ['revoked', 'expired', 'past', 'rotated', 'in grace'];
  assert.equal(endKeys({ ...leaked, keyIds }, state), [revoked('in grace', 'leak', 'a paste site')]);
});

test('keys of an epoch that is over have ended with it; a command of such an epoch decides again', () => {
  const state = ring(created('k1'), closed(0), created('k2', { ownerEpoch: 1 }));
  assert.equal(endKeys({ ...leaked, keyIds: ['k1', 'k2'], ownerEpoch: 1 }, state), [
    revoked('k2', 'leak', 'a paste site'),
  ]);
  assert.equal(endKeys({ ...leaked, keyIds: ['k2'] }, state), { rejected: 'stale-owner-epoch' });
});

const changed = (at: string, own: Partial<KeyPolicy>): Happened<PolicyEvent> => ({
  type: 'KeyPolicyChanged',
  data: { policy: { ...presets.helmut, ...own } },
  at,
});
const rules = (...events: readonly Happened<PolicyEvent>[]) => folded(settings, policyStream, events);

test('without a span no key is unused', () => {
  assert.is(unusedBefore(rules(), now, 0), null);
  assert.is(unusedBefore(rules(changed(inDays(-400), {})), now, 0), null);
});

test('the policy counts for as long as it has been so', () => {
  const state = rules(changed(inDays(-30), { endUnusedAfterDays: 30 }));
  assert.is(unusedBefore(state, now, 0), null);
  assert.is(unusedBefore(state, inDays(0.5), 0), inDays(-29.5));
  assert.is(unusedBefore(state, inDays(0.5), 3600), inDays(-29.5 - 1 / 24));
});

test('a shorter span begins anew, a longer one goes on, and so does what changes something else', () => {
  const first = changed(inDays(-100), { endUnusedAfterDays: 30 });
  assert.is(rules(first, changed(inDays(-3), { endUnusedAfterDays: 20 })).unusedKeysEndSince, inDays(-3));
  assert.is(rules(first, changed(inDays(-3), { endUnusedAfterDays: 40 })).unusedKeysEndSince, inDays(-100));
  const other = changed(inDays(-3), { endUnusedAfterDays: 30, maxKeysPerUser: 7 });
  assert.is(rules(first, other).unusedKeysEndSince, inDays(-100));
});

test('while keys are off nobody can use one, so the span begins with them', () => {
  const first = changed(inDays(-100), { endUnusedAfterDays: 30 });
  const off = changed(inDays(-50), { endUnusedAfterDays: 30, enabled: false });
  assert.is(rules(first, off).unusedKeysEndSince, null);
  const on = changed(inDays(-2), { endUnusedAfterDays: 30 });
  assert.is(rules(first, off, on).unusedKeysEndSince, inDays(-2));
  assert.is(rules(first, off, on, changed(inDays(-1), {})).unusedKeysEndSince, null);
});

/** An id as they are made here, at a time. */
const idOf = (at: string) => {
  const digits = Date.parse(at).toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
};

const keyMade = (at: string, how: 'made' | 'brought', own: Happened<KeyringEvent>[] = []): Key => {
  const id = idOf(at);
  const first = how === 'made' ? { ...created(id), at } : { ...imported(id, { createdAt: inDays(-700) }), at };
  return ring(first, ...own).keys.get(id)!;
};

test('unused is who was here before, and in nobody’s use since', () => {
  const before = inDays(-30);
  const key = keyMade(inDays(-31), 'made');
  assert.ok(isUnusedSince(key, null, before));
  assert.ok(isUnusedSince(key, inDays(-30.5), before));
  assert.not.ok(isUnusedSince(key, before, before));
  assert.not.ok(isUnusedSince(key, inDays(-1), before));
});

test('never a key that is younger than the span, nor one that came here within it, nor one in grace', () => {
  const before = inDays(-30);
  assert.not.ok(isUnusedSince(keyMade(inDays(-30), 'made'), null, before));
  assert.not.ok(isUnusedSince(keyMade(inDays(-29), 'brought'), null, before));
  assert.ok(isUnusedSince(keyMade(inDays(-31), 'brought'), null, before));
  const old = inDays(-31);
  const inGrace = keyMade(old, 'made', [{ ...rotated(idOf(old), 'new', inDays(1)), at: now }]);
  assert.not.ok(isUnusedSince(inGrace, null, before));
});

test.run();
