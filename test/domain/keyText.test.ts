import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { crc32 } from '../../domain/crc32.ts';
import type { RandomBytes } from '../../domain/keyText.ts';
import { classify, makeKeyText, makeServiceTokenText, maskOf } from '../../domain/keyText.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/keyText');

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A stream of its own for every seed, always the same. */
const bytesOf = (seed: number): RandomBytes => {
  let calls = 0;
  return (outputLength) => createHash('shake256', { outputLength }).update(`${seed}/${calls++}`).digest();
};

const form = fc.constantFrom(
  { form: 'prefixed', prefix: 'api' } as const,
  { form: 'prefixed', prefix: 'k2' } as const,
  { form: 'prefixed', prefix: 'a23456789012' } as const,
  { form: 'dotted', prefix: null } as const,
);
const text = fc.tuple(form, fc.integer()).map(([policy, seed]) => makeKeyText(policy, bytesOf(seed)));

const vectors = readFileSync(new URL('../../docs/key-format.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
  .map(([, text = '', form = '', crc = '', mask = '']) => ({ text, form, crc, mask }));

test('the documented vectors are true', () => {
  assert.ok(vectors.length >= 12);
  for (const { text, form, crc, mask } of vectors) {
    assert.is(classify(text), form, text);
    if (mask) assert.is(maskOf(text), mask);
    if (crc) assert.is(zlibCrc32(text.slice(0, -6)), Number.parseInt(crc, 16), text);
  }
  assert.equal(new Set(vectors.map((vector) => vector.form)), new Set(['prefixed', 'dotted', 'malformed']));
});

test('computes the CRC that zlib computes', () => {
  assert.is(crc32('123456789', 9), 0xcbf43926);
  assert.is(crc32('', 0), 0);
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (ascii) => {
      assert.is(crc32(ascii, ascii.length), zlibCrc32(ascii));
      const half = ascii.length >> 1;
      assert.is(crc32(ascii, half), zlibCrc32(ascii.slice(0, half)));
    }),
  );
});

test('makes what the policy asks for, and recognises it', () => {
  const prefixed = makeKeyText({ form: 'prefixed', prefix: 'api' }, bytesOf(1));
  assert.match(prefixed, /^api_[0-9A-Za-z]{36}$/);
  assert.is(classify(prefixed), 'prefixed');
  const dotted = makeKeyText({ form: 'dotted', prefix: null }, bytesOf(1));
  assert.match(dotted, /^[0-9A-Za-z]{8}\.[0-9A-Za-z]{32}$/);
  assert.is(classify(dotted), 'dotted');
  const token = makeServiceTokenText(bytesOf(1));
  assert.match(token, /^svc_[0-9A-Za-z]{36}$/);
  assert.is(classify(token), 'prefixed');
});

test('recognises every text it makes', () => {
  fc.assert(fc.property(text, (made) => classify(made) === (made.includes('.') ? 'dotted' : 'prefixed')));
});

test('makes the same text from the same bytes', () => {
  const policy = { form: 'prefixed', prefix: 'api' } as const;
  assert.is(makeKeyText(policy, bytesOf(7)), makeKeyText(policy, bytesOf(7)));
  assert.is.not(makeKeyText(policy, bytesOf(7)), makeKeyText(policy, bytesOf(8)));
});

test('throws away the bytes that would favour some letters', () => {
  // 248 = 4 × 62: from there on a byte is refused, below it every letter has four bytes.
  const calls: number[] = [];
  const random: RandomBytes = (length) => {
    calls.push(length);
    return new Uint8Array(length).fill(calls.length <= 2 ? 248 : 247);
  };
  assert.is(makeKeyText({ form: 'dotted', prefix: null }, random), `${'z'.repeat(8)}.${'z'.repeat(32)}`);
  assert.equal(calls, [8, 8, 8, 32]);

  const counts = new Map<string, number>();
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  let at = 0;
  const inOrder: RandomBytes = (length) => Uint8Array.from({ length }, () => all[at++ % 256]!);
  for (let i = 0; i < 62; i++) {
    for (const letter of makeKeyText({ form: 'dotted', prefix: null }, inOrder).replace('.', ''))
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  // 2480 letters are ten whole rounds of the 256 bytes, less the eight refused in each.
  assert.equal([...counts.keys()].sort().join(''), alphabet);
  assert.equal(new Set(counts.values()), new Set([40]));
});

test('finds any single wrong character of a prefixed text', () => {
  const made = fc.integer().map((seed) => makeKeyText({ form: 'prefixed', prefix: 'api' }, bytesOf(seed)));
  fc.assert(
    fc.property(
      made,
      fc.nat(39),
      fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 }),
      (right, at, wrong) => {
        fc.pre(right[at] !== wrong);
        assert.is(classify(right.slice(0, at) + wrong + right.slice(at + 1)), 'malformed');
      },
    ),
    { numRuns: 2000 },
  );
});

test('finds two neighbours that changed places', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 4, max: 38 }), (seed, at) => {
      const right = makeKeyText({ form: 'prefixed', prefix: 'api' }, bytesOf(seed));
      fc.pre(right[at] !== right[at + 1]);
      assert.is(classify(right.slice(0, at) + right[at + 1] + right[at] + right.slice(at + 2)), 'malformed');
    }),
  );
});

test('forgives nothing around a text, and nothing beyond ASCII', () => {
  fc.assert(
    fc.property(
      text,
      fc.constantFrom(' ', '\n', '\t', '\0', 'é', '０', '\u{1f511}'),
      fc.boolean(),
      (right, extra, before) => {
        assert.is(classify(before ? extra + right : right + extra), 'malformed');
        assert.is(classify(extra + right.slice(extra.length)), 'malformed');
        assert.is(classify(right.slice(0, -extra.length) + extra), 'malformed');
      },
    ),
  );
});

test('right check digits alone do not make a key', () => {
  const withCheck = (text: string) => {
    let digits = '';
    for (let rest = zlibCrc32(text), i = 0; i < 6; i++, rest = Math.floor(rest / 62))
      digits = alphabet[rest % 62] + digits;
    return text + digits;
  };
  const random = 'x'.repeat(30);
  for (const prefix of ['ab', 'a1', 'a23456789012']) assert.is(classify(withCheck(`${prefix}_${random}`)), 'prefixed');
  for (const prefix of ['a', '1a', 'Ab', 'aB', 'a_b', 'a-b', 'é1', 'a234567890123', ''])
    assert.is(classify(withCheck(`${prefix}_${random}`)), 'malformed', prefix);
  for (const body of [`api-${random}`, `api_${random}x`, `api_${random.slice(1)}`, `api_${random.slice(1)}.`])
    assert.is(classify(withCheck(body)), 'malformed', body);
});

test('answers for any text whatever', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (any) => {
      assert.ok(['prefixed', 'dotted', 'malformed'].includes(classify(any)));
    }),
  );
  for (const odd of [
    '',
    '.',
    '_',
    'api_',
    '.'.repeat(41),
    '_'.repeat(41),
    'a'.repeat(1_000_000),
    '1pi_'.padEnd(40, '0'),
  ])
    assert.is(classify(odd), 'malformed');
});

test('masks all but the prefix, four characters and four', () => {
  assert.is(maskOf('api_Ab3d56789012345678901234567890129xYz'), 'api_Ab3d…9xYz');
  assert.is(maskOf('Ab3d5678.90123456789012345678901234569xYz'), 'Ab3d…9xYz');
});

test.run();
