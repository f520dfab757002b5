import * as assert from 'uvu/assert';
import { time } from '../../../api/schemas/common.ts';
import { suite } from '../../support/suite.ts';

const read = suite('times in requests');

read('are taken in UTC or with an offset, and become UTC with milliseconds', () => {
  assert.is(time.parse('2027-02-19T22:59:00Z'), '2027-02-19T22:59:00.000Z');
  assert.is(time.parse('2027-02-19T22:59:00.5+02:00'), '2027-02-19T20:59:00.500Z');
  assert.is(time.parse('9999-12-31T23:59:59.999Z'), '9999-12-31T23:59:59.999Z');
  assert.is(time.parse('0000-01-01T00:00:00Z'), '0000-01-01T00:00:00.000Z');
});

read('are refused where their year in UTC does not have four digits: they would not compare', () => {
  for (const text of ['9999-12-31T23:59:59-01:00', '0000-01-01T00:00:00+01:00'])
    assert.is(time.safeParse(text).success, false, text);
});

read('are refused where they are none', () => {
  for (const text of [
    '2027-02-19',
    '2027-02-19T22:59:00',
    '2027-13-01T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    'now',
    '',
  ])
    assert.is(time.safeParse(text).success, false, text);
});

read('are refused where their day is in no calendar, or their hour in no day: nobody means the next one', () => {
  for (const text of [
    '2027-02-29T00:00:00Z',
    '2027-02-30T00:00:00Z',
    '2027-04-31T12:00:00+02:00',
    '2027-00-10T00:00:00Z',
    '2027-01-00T00:00:00Z',
    '2027-01-01T24:00:00Z',
    '2027-01-01T00:60:00Z',
    '2027-01-01T00:00:00+24:00',
  ])
    assert.is(time.safeParse(text).success, false, text);
  assert.is(time.parse('2028-02-29T23:30:00-01:00'), '2028-03-01T00:30:00.000Z');
});

read.run();
