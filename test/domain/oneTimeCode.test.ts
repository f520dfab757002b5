import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { readCode, recoveryCodeBytes, recoveryCodeCount, recoveryCodes } from '../../domain/oneTimeCode.ts';
import { suite } from '../support/suite.ts';

const s = suite('codes as people type them');

s('of an app are six digits, with or without a gap', () => {
  for (const typed of ['123456', ' 123 456 ', '123-456', '12 34 56'])
    assert.equal(readCode(typed), { kind: 'time', digits: '123456' }, typed);
});

s('are nothing where they can be neither', () => {
  for (const typed of [
    '',
    '12345',
    '1234567',
    'abcde-fgh',
    'abcde-fghju',
    '１２３４５６',
    'abcde\u0000fghjk',
    '🙂'.repeat(5),
  ])
    assert.is(readCode(typed), null, typed);
});

s('to recover with are ten, each unlike the others, and read back however they are typed', () => {
  const bytes = fc.uint8Array({ minLength: recoveryCodeBytes, maxLength: recoveryCodeBytes });
  fc.assert(
    fc.property(bytes, (random) => {
      const texts = recoveryCodes(random);
      assert.is(texts.length, recoveryCodeCount);
      for (const code of texts) {
        assert.match(code, /^[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}$/);
        const confused = code.replace('-', ' ').replaceAll('0', 'O').replaceAll('1', 'l').toUpperCase();
        for (const typed of [code, code.replace('-', ''), ` ${code} `, confused])
          assert.equal(readCode(typed), { kind: 'recovery', code }, typed);
      }
    }),
  );
});

s('to recover with hold all of their bits', () => {
  const counting = Uint8Array.from({ length: recoveryCodeBytes }, (_, n) => n);
  assert.is(new Set(recoveryCodes(counting).join('').replaceAll('-', '')).size, 32);
});

s.run();
