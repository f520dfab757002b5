import type { KeyPolicy } from '../../domain/keyPolicy.ts';
import { presets } from '../../domain/presets.ts';
import { createKeys, type Keys } from './keys.ts';
import { createOwners, type Owners } from './owners.ts';
import { createRoleBook, type RoleBook } from './rights.ts';
import { createTokens, type Tokens } from './tokens.ts';

/** Where in the log the fold stands: its last event. */
export type FoldedTo = { readonly position: string; readonly eventId: string };

/** What the verification index is made of. Only the fold and the loading of a snapshot change it. */
export type IndexState = {
  readonly owners: Owners;
  readonly keys: Keys;
  readonly roles: RoleBook;
  readonly tokens: Tokens;
  policy: KeyPolicy;
  installationId: string | null;
  /** Id of the log; null before its first event. */
  epoch: string | null;
  foldedTo: FoldedTo | null;
};

export const emptyState = (parts?: { readonly roles: RoleBook; readonly tokens: Tokens }): IndexState => {
  const owners = createOwners();
  return {
    owners,
    keys: createKeys(owners),
    roles: parts?.roles ?? createRoleBook(),
    tokens: parts?.tokens ?? createTokens(),
    policy: presets.qalyptus,
    installationId: null,
    epoch: null,
    foldedTo: null,
  };
};
