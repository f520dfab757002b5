import type { Vault } from '../commands/ports/vault.ts';
import { periodic } from './periodic.ts';
import type { Worker, WorkerParts } from './worker.ts';

const everyMs = 60_000;
const atOnce = 500;

/** Removes expired rows of the vault: they are as good as absent already, and take room. */
export const vaultTidier = (parts: WorkerParts & { readonly vault: Vault }): Worker =>
  periodic(parts, 'vault-tidier', everyMs, async () => ({
    more: (await parts.vault.removeExpired(atOnce)) === atOnce,
  }));
