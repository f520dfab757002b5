import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  changedFields,
  displayName,
  emptyProfile,
  type Profile,
  profileFields,
  readProfile,
} from '../../domain/profile.ts';
import { suite } from '../support/suite.ts';

const test = suite('profile');

const name = (profile: Partial<Profile>, email: string | null = 'ada@example.com') =>
  displayName({ ...emptyProfile, ...profile }, email, 'u1');

test('shows the full name, else first and last name, else the address, else the id', () => {
  assert.is(name({ fullName: 'Ada E. Example', firstName: 'Ada', lastName: 'Example' }), 'Ada E. Example');
  assert.is(name({ firstName: 'Ada', lastName: 'Example' }), 'Ada Example');
  assert.is(name({ firstName: 'Ada' }), 'Ada');
  assert.is(name({ lastName: 'Example' }), 'Example');
  assert.is(name({}), 'ada@example.com');
  assert.is(name({}, null), 'u1');
});

test('keeps texts trimmed and composed, and nothing for blanks', () => {
  const { fields, errors } = readProfile({ firstName: ' Rene\u0301 ', lastName: ' ', position: null });
  assert.equal(errors, []);
  assert.equal(fields, { firstName: 'René', lastName: null, position: null });
});

test('leaves out what was not given', () => {
  assert.equal(readProfile({}), { fields: {}, errors: [] });
});

const wrongField = (given: Partial<Profile>): readonly string[] => readProfile(given).errors.map(({ field }) => field);

test('bounds every text by the characters that people count', () => {
  assert.equal(wrongField({ firstName: 'x'.repeat(100), fullName: '😀'.repeat(200) }), []);
  for (const [field, longest] of [
    ['firstName', 100],
    ['lastName', 100],
    ['fullName', 200],
    ['position', 200],
    ['description', 2000],
  ] as const) {
    assert.equal(wrongField({ [field]: 'x'.repeat(longest) }), []);
    assert.equal(wrongField({ [field]: 'x'.repeat(longest + 1) }), [`/${field}`]);
    assert.equal(wrongField({ [field]: 'x'.repeat(longest * 3) }), [`/${field}`]);
  }
});

test('keeps control characters and reordering marks out; only a description has lines', () => {
  assert.equal(wrongField({ description: 'first\r\n\tsecond' }), []);
  assert.equal(wrongField({ description: 'a\u0000b' }), ['/description']);
  assert.equal(wrongField({ firstName: 'a\nb', lastName: 'a\u202eb', position: 'a\ud800b' }), [
    '/firstName',
    '/lastName',
    '/position',
  ]);
});

test('a phone number is E.164', () => {
  for (const phone of ['+4312345678', '+15551234567', '+123456789012345'])
    assert.equal(wrongField({ phone }), [], phone);
  for (const phone of ['4312345678', '+0123456', '+43 1 234', '+1234567890123456', 'phone'])
    assert.equal(wrongField({ phone }), ['/phone'], phone);
});

test('a language is a tag, in its canonical spelling', () => {
  assert.equal(readProfile({ language: 'DE-at' }).fields, { language: 'de-AT' });
  assert.equal(readProfile({ language: 'zh-hant-TW' }).fields, { language: 'zh-Hant-TW' });
  for (const language of ['d', 'de_AT', 'de-', 'german', 'english-US', `x-${'abc-'.repeat(20)}a`])
    assert.equal(wrongField({ language }), ['/language'], language);
});

test('a time zone is a name, not an offset', () => {
  for (const timeZone of ['Europe/Vienna', 'UTC', 'America/Argentina/Buenos_Aires'])
    assert.equal(wrongField({ timeZone }), [], timeZone);
  assert.equal(readProfile({ timeZone: 'europe/VIENNA' }).fields, { timeZone: 'Europe/Vienna' });
  assert.equal(readProfile({ timeZone: 'Europe/Kyiv' }).fields, { timeZone: 'Europe/Kyiv' });
  for (const timeZone of ['+02:00', 'Mars/Olympus', 'Europe/Vienna\u0000', 'x'.repeat(70)])
    assert.equal(wrongField({ timeZone }), ['/timeZone'], timeZone);
});

const anyText = fc.option(fc.string({ unit: 'grapheme', maxLength: 110 }), { nil: null });
const anyProfile = fc.record(
  Object.fromEntries(profileFields.map((field) => [field, anyText])) as { [F in keyof Profile]: typeof anyText },
  { requiredKeys: [] },
) as fc.Arbitrary<Partial<Profile>>;

test('what was read reads as itself, and changes nothing twice', () => {
  fc.assert(
    fc.property(anyProfile, (given) => {
      const { fields, errors } = readProfile(given);
      if (errors.length > 0) return;
      assert.equal(readProfile(fields), { fields, errors: [] });
      const profile = { ...emptyProfile, ...changedFields(emptyProfile, fields) };
      assert.equal(changedFields(profile, fields), {});
    }),
  );
});

test.run();
