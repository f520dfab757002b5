import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { answerText } from '../../../api/dataPlane/answerText.ts';
import { instant } from '../../../domain/instant.ts';
import type { Answer } from '../../../projections/verificationIndex.ts';
import { suite } from '../../support/suite.ts';

const text = suite('the text of an answer');

const lists = fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 });
const ended = fc.oneof(
  fc.constant(null),
  fc.integer({ min: 0, max: 4_000_000_000_000 }).map((ms) => instant(ms)),
);

const works: fc.Arbitrary<Answer> = fc
  .record({
    keyId: fc.uuid(),
    ownerId: fc.uuid(),
    kind: fc.constantFrom('human' as const, 'service' as const),
    roles: lists,
    groups: lists,
    organizations: lists,
    permissions: lists,
    scopes: fc.oneof(fc.constant(null), lists),
    expiresAt: ended,
  })
  .map(({ keyId, ownerId, kind, roles, groups, organizations, ...rest }) => ({
    valid: true,
    code: 'valid',
    keyId,
    ownerId,
    owner: { id: ownerId, kind, roles, groups, organizations },
    ...rest,
  }));

const fails: fc.Arbitrary<Answer> = fc.oneof(
  fc
    .constantFrom('malformed' as const, 'not-found' as const, 'revoked' as const)
    .map((code) => ({ valid: false as const, code })),
  lists.map((missing) => ({ valid: false as const, code: 'insufficient-scope' as const, missing })),
);

text('what JSON.stringify would write, the first time and every other', () => {
  const position = fc.oneof(fc.constant(null), fc.stringMatching(/^[0-9a-z]{1,20}$/));
  return fc.assert(
    fc.property(fc.oneof(works, fails), position, fc.string(), (answer, at, epoch) => {
      const whole = JSON.stringify({ ...answer, position: at, epoch });
      assert.is(answerText(answer, at, epoch), whole);
      assert.is(answerText(answer, at, epoch), whole);
    }),
    { numRuns: 1_000 },
  );
});

text.run();
