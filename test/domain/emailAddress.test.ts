import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { emailNormalForm } from '../../domain/emailAddress.ts';
import { suite } from '../support/suite.ts';

const test = suite('normal form of an address');

test('spellings of one address are one text', () => {
  for (const text of ['ada@example.com', ' Ada@Example.COM ', 'ADA@EXAMPLE.COM\n', 'ada@ＥＸＡＭＰＬＥ.com'])
    assert.is(emailNormalForm(text), 'ada@example.com', text);
  assert.is(emailNormalForm('Ada.B+Tag@Example.com'), 'ada.b+tag@example.com');
  assert.is(emailNormalForm('admin@localhost'), 'admin@localhost');
});

test('a domain in any script is ASCII, a name is NFC', () => {
  assert.is(emailNormalForm('ada@Bücher.example'), 'ada@xn--bcher-kva.example');
  assert.is(emailNormalForm('ada@XN--bcher-kva.example'), 'ada@xn--bcher-kva.example');
  assert.is(emailNormalForm('Re\u0301ne\u0301@example.com'), 'réné@example.com');
});

test('what is no address has none', () => {
  const wrong = [
    '',
    ' ',
    'ada',
    '@example.com',
    'ada@',
    'ada@b@example.com',
    'ada b@example.com',
    'ada@exam ple.com',
    'ada\u0000@example.com',
    'ada\u200b@example.com',
    '.ada@example.com',
    'ada.@example.com',
    'a..da@example.com',
    '"ada"@example.com',
    '<ada@example.com>',
    'ada,grace@example.com',
    'ada@example..com',
    'ada@.example.com',
    'ada@example.com.',
    'ada@-example.com',
    'ada@exa_mple.com',
    'ada@example.com/path',
    'ada@example.com:25',
    'ada@example.com?x',
    'ada@%65xample.com',
    'ada@[192.0.2.1]',
    'ada@192.0.2.1',
    'ada@127.1',
    `ada@${'a'.repeat(64)}.com`,
    '\ud800@example.com',
    ' '.repeat(1001),
  ];
  for (const text of wrong) assert.is(emailNormalForm(text), null, JSON.stringify(text));
});

test('64 bytes stand before the @ at most, 254 in all', () => {
  assert.ok(emailNormalForm(`${'a'.repeat(64)}@example.com`));
  assert.is(emailNormalForm(`${'a'.repeat(65)}@example.com`), null);
  assert.ok(emailNormalForm(`${'é'.repeat(32)}@example.com`));
  assert.is(emailNormalForm(`${'é'.repeat(33)}@example.com`), null);
  assert.is(emailNormalForm(`${'漢'.repeat(22)}@example.com`), null);
  assert.is(emailNormalForm(`${'😀'.repeat(17)}@example.com`), null);
  const domain = (length: number) => `${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(length - 128)}`;
  assert.is(emailNormalForm(`${'a'.repeat(64)}@${domain(189)}`)?.length, 254);
  assert.is(emailNormalForm(`${'a'.repeat(64)}@${domain(190)}`), null);
});

test('is its own normal form, and that of its upper case', () => {
  const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const host = fc.oneof(fc.domain(), part);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.emailAddress(),
        fc.tuple(part, host).map((parts) => parts.join('@')),
      ),
      (text) => {
        const normal = emailNormalForm(text);
        if (normal === null) return;
        assert.is(emailNormalForm(normal), normal);
        assert.is(emailNormalForm(`  ${normal}\t`), normal);
        if (/^[\x20-\x7e]+$/.test(text)) assert.is(emailNormalForm(text.toUpperCase()), normal);
      },
    ),
  );
});

test('every ordinary address has one', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9]{1,20}$/), fc.domain({ size: 'small' }), (local, domain) => {
      assert.is(emailNormalForm(`${local}@${domain}`), `${local}@${domain}`.toLowerCase());
    }),
  );
});

test.run();
