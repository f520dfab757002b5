import * as assert from 'uvu/assert';
import { isCommonPassword } from '../../../adapters/node/commonPasswords.ts';
import { suite } from '../../support/suite.ts';

const common = suite('common passwords');

const is = (expected: boolean, ...passwords: readonly string[]) => {
  for (const password of passwords) assert.is(isCommonPassword(password), expected, password);
};

common('are those of lists from breaches', () => {
  is(true, 'password1', '1qaz2wsx3edc4rfv', 'passwordpassword', 'qwertyuiop');
});

common('are those that are only long because something short is repeated', () => {
  is(true, 'aaaaaaaaaaaaaaaa', 'abcabcabcabcabcabc', 'abcabcabcabcabca', 'qwertyuiopqwertyuiop');
});

common('are those that only count on', () => {
  is(true, 'abcdefghijklmnop', 'zyxwvutsrqponmlk', '123456789012345', '432109876543210');
});

common('are not the others', () => {
  is(false, 'correct horse battery', 'correct horse correct horse', 'vwjqkzpx', 'größer als fünfzehn', '');
});

common.run();
