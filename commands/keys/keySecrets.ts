import type { KeyId, UserId } from '../../domain/ids.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { sealedTable } from '../sealing/vaultTable.ts';

/** The texts of keys that may be copied again. Nothing else keeps one: what is gone from here is gone. */
export type KeySecrets = {
  /** Durable before it resolves. @returns false where the owner is erased, so nothing was kept */
  readonly keep: (keyId: KeyId, ownerId: UserId, text: string) => Promise<boolean>;
  /** Null: never kept, destroyed, or another's. */
  readonly read: (keyId: KeyId, ownerId: UserId) => Promise<string | null>;
  readonly destroy: (keyId: KeyId) => Promise<void>;
};

export const keySecretKind = 'key-secret';

type Kept = { readonly ownerId: UserId; readonly text: string };

export const keySecrets = (vault: Vault, boxes: Boxes): KeySecrets => {
  const table = sealedTable<Kept>(vault, keySecretKind, boxes);
  return {
    keep: async (keyId, ownerId, text) =>
      (await table.put(keyId, { ownerId, text }, 'any', { person: ownerId, ref: keyId })).put,
    read: async (keyId, ownerId) => {
      const kept = (await table.get(keyId))?.value;
      return kept?.ownerId === ownerId ? kept.text : null;
    },
    destroy: async (keyId) => {
      await table.remove(keyId);
    },
  };
};
