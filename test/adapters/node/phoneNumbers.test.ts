import * as assert from 'uvu/assert';
import { isPhoneNumber } from '../../../adapters/node/phoneNumbers.ts';
import { suite } from '../../support/suite.ts';

const phones = suite('phone numbers');

phones('takes what a country’s numbers can look like', () => {
  for (const phone of ['+4312345678', '+12025550123', '+442071838750', '+390612345678', '+80012345678'])
    assert.ok(isPhoneNumber(phone), phone);
});

phones('refuses countries that are none, wrong lengths, and what is no E.164', () => {
  for (const phone of [
    '+999123456789',
    '+431',
    '+1202555012',
    '+120255501234',
    '12025550123',
    '+43 1 2345678',
    '',
    'x',
  ])
    assert.not.ok(isPhoneNumber(phone), phone);
});

phones.run();
