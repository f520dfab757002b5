import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { classify, makeKeyText } from '../../domain/keyText.ts';
import { canBeKey, longestKey, shortestKey } from '../../sdk/src/form.ts';
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
      assert.ok(text.length >= shortestKey && text.length <= longestKey);
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

form.run();
