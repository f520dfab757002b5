import { createHash, createHmac, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { suite } from '../../support/suite.ts';

const crypto = suite('cryptography');
const { seal, open, sha256, hmacSha256, deriveKey, equal } = nodeCryptography();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const key = new Uint8Array(32).fill(7);

crypto('opens what it sealed, whatever the bytes', () =>
  fc.assert(
    fc.property(fc.uint8Array(), fc.string(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (plain, aad, anyKey) => {
      assert.equal(hex(open(anyKey, seal(anyKey, plain, aad), aad)!), hex(plain));
    }),
  ),
);

crypto('seals with another nonce each time', () => {
  assert.is.not(hex(seal(key, new Uint8Array(8), '')), hex(seal(key, new Uint8Array(8), '')));
});

crypto('is nonce, ciphertext and tag in one', () => {
  assert.is(seal(key, new Uint8Array(5), 'a').length, 12 + 5 + 16);
});

crypto('refuses another key, another AAD, any changed or missing byte', () => {
  const plain = new TextEncoder().encode('text');
  const box = seal(key, plain, 'aad');
  assert.is(open(new Uint8Array(32).fill(8), box, 'aad'), null);
  assert.is(open(key, box, 'aae'), null);
  for (let at = 0; at < box.length; at += 1) {
    const changed = Uint8Array.from(box);
    changed[at]! ^= 1;
    assert.is(open(key, changed, 'aad'), null, `byte ${at} changed`);
    assert.is(open(key, box.subarray(0, at), 'aad'), null, `cut at ${at}`);
  }
});

crypto('hashes text and bytes alike', () => {
  const sum = createHash('sha256').update('ü').digest('hex');
  assert.is(hex(sha256('ü')), sum);
  assert.is(hex(sha256(new TextEncoder().encode('ü'))), sum);
  assert.is(hex(hmacSha256(key, 'ü')), createHmac('sha256', key).update('ü').digest('hex'));
});

crypto('makes the HMAC that Node makes, of keys and data of any length', () => {
  for (const length of [0, 1, 31, 32, 63, 64, 65, 200]) {
    const [of, data] = [randomBytes(length), randomBytes(200 - length)];
    assert.is(hex(hmacSha256(of, data)), createHmac('sha256', of).update(data).digest('hex'), `${length} bytes`);
  }
});

crypto('derives keys as RFC 5869 does, test case 3', () => {
  const derived = deriveKey(new Uint8Array(22).fill(0x0b), '', 42);
  assert.is(hex(derived), '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8');
});

crypto('compares bytes of any two lengths', () => {
  assert.ok(equal(new Uint8Array([1, 2]), new Uint8Array([1, 2])));
  assert.not.ok(equal(new Uint8Array([1, 2]), new Uint8Array([1, 3])));
  assert.not.ok(equal(new Uint8Array([1, 2]), new Uint8Array([1])));
});

crypto.run();
