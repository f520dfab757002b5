import type { Cryptography } from '../environment.ts';

/** 32 bytes for one purpose, derived from the master key: what leaks through one use says nothing about another. */
export type PurposeKeys = (purpose: string) => Uint8Array;

export const purposeKeys = (crypto: Cryptography, masterKey: Uint8Array): PurposeKeys => {
  const derived = new Map<string, Uint8Array>();
  return (purpose) => {
    const known = derived.get(purpose);
    if (known) return known;
    const key = crypto.deriveKey(masterKey, `keyledger ${purpose}`, 32);
    derived.set(purpose, key);
    return key;
  };
};
