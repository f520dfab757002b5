import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { classify, makeKeyText } from '../../domain/keyText.ts';
import { canBeKey, hasLengthOfImported, hasLengthOfKey } from '../../sdk/src/form.ts';
import { suite } from '../support/suite.ts';

const form = suite('the form of a key, in the verifier');

const bytes = fc.infiniteStream(fc.nat(255));
const prefix = fc.stringMatching(/^[a-z][a-z0-9]{1,11}$/);
const keys = fc
  .tuple(fc.option(prefix), bytes)
  .map(([chosen, stream]) =>
    makeKeyText(chosen === null ? { form: 'dotted', prefix: null } : { form: 'prefixed', prefix: chosen }, (length) =>
      Uint8Array.from({ length }, () => stream.next().value as number),
    ),
  );

const agrees = (text: string) => {
  assert.is(canBeKey(text), classify(text) !== 'malformed', JSON.stringify(text));
};

form('every key that the server makes', () => {
  fc.assert(
    fc.property(keys, (text) => {
      assert.ok(canBeKey(text));
      assert.ok(hasLengthOfKey(text));
      assert.ok(hasLengthOfImported(text));
    }),
  );
});

form('the same as the server says, of a key with something wrong and of any text', () => {
  const wrong = fc
    .tuple(keys, fc.nat(60), fc.string({ maxLength: 2 }), fc.nat(2))
    .map(([text, at, put, taken]) => text.slice(0, at) + put + text.slice(at + taken));
  fc.assert(fc.property(fc.oneof(wrong, fc.string(), fc.string({ minLength: 37, maxLength: 50 })), agrees), {
    numRuns: 2_000,
  });
});

form('what is too short or too long for one is not looked at further', () => {
  for (const [text, ofKey, ofImported] of [
    [undefined, false, false],
    ['', false, false],
    ['x', false, true],
    ['x'.repeat(38), false, true],
    ['x'.repeat(39), true, true],
    ['x'.repeat(49), true, true],
    ['x'.repeat(50), false, true],
    ['x'.repeat(4_094), false, true],
    ['x'.repeat(4_095), false, false],
    // As JSON it is six times as long.
    ['\u0001'.repeat(1_000), false, false],
  ] as const)
    assert.equal([hasLengthOfKey(text), hasLengthOfImported(text)], [ofKey, ofImported], String(text?.length));
});

form.run();
