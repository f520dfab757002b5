import type { KeyId, Sha256Hex, UserId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import { millis } from '../../domain/instant.ts';
import type { Vault } from '../ports/vault.ts';
import { vaultTable } from '../sealing/vaultTable.ts';

/**
 * Which key a text is being brought over as: keyrings know nothing of each other, and an index hears of a key after it
 * was made. A claim outlives that by far, and is of no use from then on.
 */
export type ImportClaims = {
  /** Whether the text is to be this key: nobody had claimed it, or this very key had. */
  readonly claim: (sha256: Sha256Hex, keyId: KeyId, ownerId: UserId, at: Instant) => Promise<boolean>;
  /** The key was not made. */
  readonly release: (sha256: Sha256Hex, keyId: KeyId) => Promise<void>;
};

export const importClaimKind = 'import-claim';
const keptMs = 24 * 3_600_000;

export const importClaims = (vault: Vault): ImportClaims => {
  const table = vaultTable<{ readonly keyId: KeyId }>(vault, importClaimKind);
  return {
    claim: async (sha256, keyId, ownerId, at) => {
      const options = { person: ownerId, expiresAt: millis(at) + keptMs };
      const put = await table.put(sha256, { keyId }, 'absent', options);
      return put.put || put.current?.value.keyId === keyId;
    },
    release: async (sha256, keyId) => {
      const row = await table.get(sha256);
      if (row?.value.keyId === keyId) await table.remove(sha256, row.version);
    },
  };
};
