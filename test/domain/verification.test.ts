import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { VerificationCode, VerificationFacts } from '../../domain/verification.ts';
import { verificationCode } from '../../domain/verification.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/verification');

const now = Date.parse('2027-01-01T00:00:00.000Z');
const right: VerificationFacts = {
  known: true,
  wellFormed: true,
  ownerActive: true,
  ownerEpoch: 3,
  keyEpoch: 3,
  revoked: false,
  graceUntil: Number.POSITIVE_INFINITY,
  expiresAt: Number.POSITIVE_INFINITY,
  enabled: true,
  requireRole: false,
  mayUseApi: false,
  scopesHeld: true,
};

// Each fact alone, in the order of the answers: the first that applies is the answer.
const reasons: readonly (readonly [VerificationCode, Partial<VerificationFacts>])[] = [
  ['malformed', { known: false, wellFormed: false }],
  ['not-found', { known: false }],
  ['owner-inactive', { ownerActive: false }],
  ['owner-inactive', { keyEpoch: 2 }],
  ['owner-inactive', { ownerEpoch: 4 }],
  ['revoked', { revoked: true }],
  ['revoked', { graceUntil: now }],
  ['revoked', { graceUntil: now - 1 }],
  ['expired', { expiresAt: now }],
  ['expired', { expiresAt: now - 1 }],
  ['api-keys-disabled', { enabled: false }],
  ['role-not-permitted', { requireRole: true }],
  ['insufficient-scope', { scopesHeld: false }],
];

test('is valid where nothing speaks against it', () => {
  assert.is(verificationCode(right, now), 'valid');
  assert.is(verificationCode({ ...right, requireRole: true, mayUseApi: true }, now), 'valid');
  assert.is(verificationCode({ ...right, wellFormed: false }, now), 'valid');
  assert.is(verificationCode({ ...right, graceUntil: now + 1, expiresAt: now + 1 }, now), 'valid');
});

for (const [code, facts] of reasons) {
  test(`${code} for ${JSON.stringify(facts)}`, () => {
    assert.is(verificationCode({ ...right, ...facts }, now), code);
  });
}

test('of two reasons the earlier in the contract is the answer', () => {
  for (const [i, [code, facts]] of reasons.entries()) {
    for (const [, later] of reasons.slice(i + 1)) {
      assert.is(verificationCode({ ...right, ...later, ...facts }, now), code);
    }
  }
});

test('agrees with the first reason of a list, whatever the facts', () => {
  const time = fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: now - 2, max: now + 2 }));
  const facts = fc.record({
    known: fc.boolean(),
    wellFormed: fc.boolean(),
    ownerActive: fc.boolean(),
    ownerEpoch: fc.nat(2),
    keyEpoch: fc.nat(2),
    revoked: fc.boolean(),
    graceUntil: time,
    expiresAt: time,
    enabled: fc.boolean(),
    requireRole: fc.boolean(),
    mayUseApi: fc.boolean(),
    scopesHeld: fc.boolean(),
  });
  fc.assert(
    fc.property(facts, (f) => {
      const answers: readonly (readonly [boolean, VerificationCode])[] = [
        [!f.known && !f.wellFormed, 'malformed'],
        [!f.known, 'not-found'],
        [!f.ownerActive || f.ownerEpoch !== f.keyEpoch, 'owner-inactive'],
        [f.revoked || f.graceUntil <= now, 'revoked'],
        [f.expiresAt <= now, 'expired'],
        [!f.enabled, 'api-keys-disabled'],
        [f.requireRole && !f.mayUseApi, 'role-not-permitted'],
        [!f.scopesHeld, 'insufficient-scope'],
        [true, 'valid'],
      ];
      assert.is(verificationCode(f, now), answers.find(([applies]) => applies)![1]);
    }),
    { numRuns: 2000 },
  );
});

test.run();
