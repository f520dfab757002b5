import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import { choosePassword, type PasswordChoice } from '../../domain/password.ts';
import { suite } from '../support/suite.ts';

const common = new Set(['correct horse battery staple']);
const choose = (password: string, choice: Partial<PasswordChoice> = {}) =>
  choosePassword({ password, confirmation: password, twoFactor: false, ...choice }, (text) => common.has(text));

const test = suite('choosing a password');

test('takes anything long enough, of whatever script and make', () => {
  for (const password of ['x'.repeat(15), ' '.repeat(15), '漢字'.repeat(10), '😀'.repeat(256), 'x'.repeat(256)])
    assert.equal(choose(password), { password });
});

test('counts characters, not units', () => {
  assert.equal(choose('😀'.repeat(14)), { rejected: 'password-too-short', params: { min: 15 } });
  assert.equal(choose('😀'.repeat(257)), { rejected: 'password-too-long', params: { max: 256 } });
});

test('is content with less beside a second factor', () => {
  assert.equal(choose('x'.repeat(8)), { rejected: 'password-too-short', params: { min: 15 } });
  assert.equal(choose('x'.repeat(8), { twoFactor: true }), { password: 'x'.repeat(8) });
  assert.equal(choose('x'.repeat(7), { twoFactor: true }), { rejected: 'password-too-short', params: { min: 8 } });
});

test('wants it typed alike twice, where it is asked for twice', () => {
  assert.equal(choose('x'.repeat(15), { confirmation: 'y'.repeat(15) }), { rejected: 'password-confirmation-differs' });
  assert.equal(choose('x'.repeat(15), { confirmation: null }), { password: 'x'.repeat(15) });
});

test('one password typed on two keyboards is one', () => {
  const [composed, decomposed] = ['é'.repeat(15), 'e\u0301'.repeat(15)];
  assert.equal(choose(composed, { confirmation: decomposed }), { password: composed });
  assert.equal(choose(decomposed), { password: composed });
  assert.equal(choose('e\u0301'.repeat(14)), { rejected: 'password-too-short', params: { min: 15 } });
});

test('refuses what attackers try first, however it is capitalised', () => {
  assert.equal(choose('Correct Horse Battery Staple'), { rejected: 'password-common' });
});

test('takes a password exactly where its length allows', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', maxLength: 300 }), fc.boolean(), (password, twoFactor) => {
      const fits = password.length >= (twoFactor ? 8 : 15) && password.length <= 256;
      assert.is(isRejection(choose(password, { twoFactor })), !fits);
    }),
  );
});

test.run();
