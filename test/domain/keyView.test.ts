import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { instant, millis } from '../../domain/instant.ts';
import type { KeyStanding, OwnerStanding } from '../../domain/keyView.ts';
import { keyView } from '../../domain/keyView.ts';
import { presets } from '../../domain/presets.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/keyView');

const at = '2027-01-01T00:00:00.000Z';
const before = '2026-12-31T00:00:00.000Z';
const longBefore = '2026-12-01T00:00:00.000Z';
const after = '2027-01-02T00:00:00.000Z';

const key: KeyStanding = {
  ownerEpoch: 1,
  policyRevision: 3,
  expiresAt: null,
  graceUntil: null,
  revokedAt: null,
  revokedReason: null,
  revokedNote: null,
  recoverable: true,
};
const owner: OwnerStanding = {
  status: 'active',
  ownerEpoch: 1,
  endedEpochs: [{ ownerEpoch: 0, at: longBefore, reason: 'owner-deactivated' }],
  mayUseApi: true,
};
const policy = { ...presets.idmp, textsKeptSince: 3 };
const working = {
  status: 'active',
  usable: true,
  unusableBecause: null,
  recoverable: true,
  revokedAt: null,
  revokedReason: null,
  revokedNote: null,
};
const revoked = { ...working, status: 'revoked', usable: false, unusableBecause: 'revoked', recoverable: false };

test('an active key works', () => {
  assert.equal(keyView(key, owner, policy, at), working);
  assert.equal(keyView({ ...key, expiresAt: after }, owner, policy, at), working);
});

test('a key is expired from its end on', () => {
  const expired = { ...working, status: 'expired', usable: false, unusableBecause: 'expired', recoverable: false };
  assert.equal(keyView({ ...key, expiresAt: at }, owner, policy, at), expired);
  assert.equal(keyView({ ...key, expiresAt: before }, owner, policy, at), expired);
  const recorded = { ...key, expiresAt: after, expiredAt: after };
  assert.equal(keyView(recorded, owner, policy, at), expired, 'the clock went back');
});

test('a revoked key says when, why and the note, also when it had expired before', () => {
  const ended = { ...key, revokedAt: before, revokedReason: 'leak', revokedNote: 'in a log' } as const;
  const view = { ...revoked, revokedAt: before, revokedReason: 'leak', revokedNote: 'in a log' };
  assert.equal(keyView(ended, owner, policy, at), view);
  assert.equal(keyView({ ...ended, expiresAt: longBefore }, owner, policy, at), view);
});

test('a rotated key works through its grace, cannot be copied, and is then revoked', () => {
  assert.equal(keyView({ ...key, graceUntil: after }, owner, policy, at), { ...working, recoverable: false });
  const view = { ...revoked, revokedAt: at, revokedReason: 'rotated' };
  assert.equal(keyView({ ...key, graceUntil: at }, owner, policy, at), view);
});

test('a key revoked in its grace stays revoked for that reason', () => {
  const ended = { ...key, graceUntil: at, revokedAt: before, revokedReason: 'owner' } as const;
  assert.equal(keyView(ended, owner, policy, at), { ...revoked, revokedAt: before, revokedReason: 'owner' });
});

test('a key of an ended epoch is revoked as of the event of its owner, after reactivation too', () => {
  const view = {
    ...revoked,
    unusableBecause: 'owner-inactive',
    revokedAt: longBefore,
    revokedReason: 'owner-deactivated',
  };
  assert.equal(keyView({ ...key, ownerEpoch: 0 }, owner, policy, at), view);
  const deleted: OwnerStanding = {
    ...owner,
    status: 'deleted',
    ownerEpoch: 2,
    endedEpochs: [...owner.endedEpochs, { ownerEpoch: 1, at: before, reason: 'owner-deleted' }],
  };
  assert.equal(keyView({ ...key, ownerEpoch: 0 }, deleted, policy, at), view);
  assert.equal(keyView(key, deleted, policy, at), { ...view, revokedAt: before, revokedReason: 'owner-deleted' });
});

test('whatever ended a key first, ended it', () => {
  const old = { ...key, ownerEpoch: 0, revokedAt: before, revokedReason: 'owner', revokedNote: 'n' } as const;
  const byOwner = keyView(old, owner, policy, at);
  assert.is(byOwner.revokedReason, 'owner-deactivated');
  assert.is(byOwner.revokedNote, null);
  const rotated = keyView({ ...key, ownerEpoch: 0, graceUntil: '2026-11-01T00:00:00.000Z' }, owner, policy, at);
  assert.is(rotated.revokedReason, 'rotated');
});

test('a key of an epoch that nothing says to have ended does not work and has not ended', () => {
  const view = { ...working, usable: false, unusableBecause: 'owner-inactive' };
  assert.equal(keyView({ ...key, ownerEpoch: 2 }, owner, policy, at), view);
});

test('a key of an owner who is not active does not work', () => {
  const view = { ...working, usable: false, unusableBecause: 'owner-inactive' };
  assert.equal(keyView(key, { ...owner, status: 'invited' }, policy, at), view);
});

test('switched off or without the role a key is active and does not work', () => {
  const off = keyView(key, owner, { ...policy, enabled: false }, at);
  assert.equal(off, { ...working, usable: false, unusableBecause: 'api-keys-disabled' });
  const noRole = keyView(key, { ...owner, mayUseApi: false }, { ...policy, requireRole: true }, at);
  assert.equal(noRole, { ...working, usable: false, unusableBecause: 'role-not-permitted' });
});

test('a text that was made to be shown once, or is now, cannot be copied', () => {
  assert.not.ok(keyView({ ...key, recoverable: false }, owner, policy, at).recoverable);
  assert.not.ok(keyView(key, owner, { ...policy, textsKeptSince: null }, at).recoverable);
  assert.not.ok(keyView(key, owner, { ...policy, textsKeptSince: 4 }, at).recoverable, 'texts were destroyed since');
  assert.ok(keyView({ ...key, policyRevision: 4 }, owner, policy, at).recoverable);
});

test('status, reason and usability never contradict each other', () => {
  const time = fc.integer({ min: -2, max: 2 }).map((hours) => instant(millis(at) + hours * 3_600_000));
  const keys = fc.record({
    ownerEpoch: fc.nat(2),
    expiresAt: fc.option(time),
    graceUntil: fc.option(time),
    revoked: fc.option(time),
  });
  fc.assert(
    fc.property(keys, fc.boolean(), time, ({ revoked: revokedAt, ...facts }, active, now) => {
      const standing = { ...key, ...facts, revokedAt, revokedReason: revokedAt ? ('owner' as const) : null };
      const view = keyView(standing, { ...owner, status: active ? 'active' : 'deactivated' }, policy, now);
      assert.is(view.usable, view.unusableBecause === null);
      assert.is(view.status === 'revoked', view.revokedAt !== null);
      assert.is(view.revokedAt === null, view.revokedReason === null);
      if (view.usable) assert.is(view.status, 'active');
      if (view.recoverable) assert.is(view.status, 'active');
      if (view.status === 'expired') assert.ok(standing.expiresAt! <= now);
    }),
    { numRuns: 1000 },
  );
});

test.run();
