import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { Cryptography } from '../../commands/environment.ts';

const nonceLength = 12;
const tagLength = 16;
const cipher = 'aes-256-gcm';
const noSalt = new Uint8Array(0);

export const nodeCryptography = (): Cryptography => ({
  sha256: (data) => hash('sha256', data, 'buffer'),

  hmacSha256: (key, data) => createHmac('sha256', key).update(data).digest(),

  deriveKey: (key, info, length) => new Uint8Array(hkdfSync('sha256', key, noSalt, info, length)),

  seal: (key, plain, aad) => {
    const nonce = randomBytes(nonceLength);
    const sealing = createCipheriv(cipher, key, nonce).setAAD(Buffer.from(aad));
    return Buffer.concat([nonce, sealing.update(plain), sealing.final(), sealing.getAuthTag()]);
  },

  open: (key, box, aad) => {
    const end = box.length - tagLength;
    if (end < nonceLength) return null;
    const opening = createDecipheriv(cipher, key, box.subarray(0, nonceLength), { authTagLength: tagLength })
      .setAAD(Buffer.from(aad))
      .setAuthTag(box.subarray(end));
    const plain = opening.update(box.subarray(nonceLength, end));
    try {
      // Of a counter mode nothing is left to come: final only compares the tags.
      opening.final();
      return plain;
    } catch {
      return null;
    }
  },

  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
});
