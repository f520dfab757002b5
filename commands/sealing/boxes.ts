import type { Cryptography } from '../environment.ts';
import { fromBase64, fromUtf8, toBase64, toUtf8 } from './encoding.ts';
import type { PersonKeys } from './personKeys.ts';
import type { PurposeKeys } from './purposeKeys.ts';

/**
 * Text sealed for a purpose and for the persons it speaks of: the key is derived from the master key and from all of
 * their data keys together, so destroying any one of them makes the whole unreadable.
 */
export type Boxes = {
  /** @returns null where one of them is erased, so that nothing of it may be kept */
  readonly seal: (purpose: string, persons: readonly string[], plain: string, aad: string) => Promise<string | null>;
  /** @returns null where one of them was erased since @throws where the box, its purpose or its AAD is another */
  readonly open: (purpose: string, box: string, aad: string) => Promise<string | null>;
};

/** Under whose keys a box was sealed, in order, each once. */
export const personsOfBox = (box: string): readonly string[] => (JSON.parse(box) as [readonly string[], string])[0];

export const createBoxes = (deps: { crypto: Cryptography; keys: PersonKeys; purposeKeys: PurposeKeys }): Boxes => {
  const { crypto, keys } = deps;

  const keyFor = async (purpose: string, persons: readonly string[]): Promise<Uint8Array | null> => {
    const own = deps.purposeKeys(purpose);
    if (persons.length === 0) return own;
    const parts = await Promise.all(persons.map((person) => keys.find(person)));
    if (parts.includes(null)) return null;
    return crypto.deriveKey(Buffer.concat([own, ...(parts as Uint8Array[])]), `keyledger persons ${purpose}`, 32);
  };

  return {
    seal: async (purpose, persons, plain, aad) => {
      const sorted = [...new Set(persons)].sort();
      const key = await keyFor(purpose, sorted);
      return key && JSON.stringify([sorted, toBase64(crypto.seal(key, toUtf8(plain), aad))]);
    },

    open: async (purpose, box, aad) => {
      const [persons, sealed] = JSON.parse(box) as [readonly string[], string];
      const key = await keyFor(purpose, persons);
      if (!key) return null;
      const plain = crypto.open(key, fromBase64(sealed), aad);
      if (!plain) throw new Error(`a box of ${aad} was not sealed so`);
      return fromUtf8(plain);
    },
  };
};
