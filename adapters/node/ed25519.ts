import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Signatures } from '../../commands/environment.ts';

// What RFC 8410 puts before the 32 bytes of a key, in DER.
const privateHead = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicHead = Buffer.from('302a300506032b6570032100', 'hex');
const keyLength = 32;
const signatureLength = 64;

const privateKey = (seed: Uint8Array): KeyObject => {
  if (seed.length !== keyLength) throw new Error('the seed of an Ed25519 key has 32 bytes');
  return createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: 'der', type: 'pkcs8' });
};

const publicKey = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicHead, raw]), format: 'der', type: 'spki' });

// Making Node's own object of a key's bytes costs more than a signature: once for as long as somebody holds those bytes.
const onceFor = (make: (bytes: Uint8Array) => KeyObject) => {
  const made = new WeakMap<Uint8Array, KeyObject>();
  return (bytes: Uint8Array): KeyObject => {
    const known = made.get(bytes);
    if (known) return known;
    const key = make(bytes);
    made.set(bytes, key);
    return key;
  };
};

export const nodeSignatures = (): Signatures => {
  const ofSeed = onceFor(privateKey);
  const ofRaw = onceFor(publicKey);
  return {
    publicKeyOf: (seed) => {
      const der = createPublicKey(ofSeed(seed)).export({ format: 'der', type: 'spki' });
      return new Uint8Array(der.subarray(publicHead.length));
    },
    sign: (seed, data) => sign(null, data, ofSeed(seed)),
    verify: (raw, data, signature) =>
      raw.length === keyLength && signature.length === signatureLength && verify(null, data, ofRaw(raw), signature),
  };
};
