import * as assert from 'uvu/assert';
import { nodeSignatures } from '../../../adapters/node/ed25519.ts';
import { suite } from '../../support/suite.ts';

const test = suite('Ed25519');
const { publicKeyOf, sign, verify } = nodeSignatures();
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

// RFC 8032, 7.1: the first two.
const vectors = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
];

for (const { seed, key, message, signature } of vectors)
  test(`is as its RFC says, ${message.length / 2} bytes`, () => {
    assert.is(hex(publicKeyOf(bytes(seed))), key);
    assert.is(hex(sign(bytes(seed), bytes(message))), signature);
    assert.ok(verify(bytes(key), bytes(message), bytes(signature)));
    assert.not.ok(verify(bytes(key), bytes(`${message}00`), bytes(signature)));
  });

test('refuses every single wrong bit of a signature', () => {
  const { seed, key, message, signature } = vectors[1]!;
  for (let bit = 0; bit < 512; bit++) {
    const wrong = bytes(signature);
    wrong[bit >> 3]! ^= 1 << (bit & 7);
    assert.not.ok(verify(bytes(key), bytes(message), wrong), `bit ${bit}`);
  }
  assert.is(hex(sign(bytes(seed), bytes(message))), signature);
});

test('refuses what has another length', () => {
  const { seed, key, message, signature } = vectors[1]!;
  assert.not.ok(verify(bytes(key), bytes(message), bytes(signature).subarray(1)));
  assert.not.ok(verify(bytes(key), bytes(message), new Uint8Array(0)));
  assert.not.ok(verify(bytes(key).subarray(1), bytes(message), bytes(signature)));
  assert.throws(() => sign(bytes(seed).subarray(1), bytes(message)), /32 bytes/);
});

test.run();
