import type { KeyId } from '../domain/ids.ts';
import type { Clock, Cryptography, Randomness, Scheduler } from './environment.ts';
import { domainCatalogue } from './handling/catalogue.ts';
import { type Catalogue, type EventCodec, eventCodec } from './handling/eventCodec.ts';
import { createFolds, type FoldOptions, type Folds } from './handling/folds.ts';
import { createHandler, type Handler } from './handling/handler.ts';
import { snapshots } from './handling/snapshots.ts';
import type { EventStore, Position } from './ports/eventStore.ts';
import type { Lists } from './ports/lists.ts';
import type { Vault } from './ports/vault.ts';
import { type Boxes, createBoxes } from './sealing/boxes.ts';
import { type PersonKeys, personKeys } from './sealing/personKeys.ts';
import { type PurposeKeys, purposeKeys } from './sealing/purposeKeys.ts';

export type CoreDeps = {
  readonly store: EventStore;
  readonly vault: Vault;
  readonly lists: Pick<Lists, 'getBlob' | 'putBlob'>;
  readonly crypto: Cryptography;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly scheduler: Scheduler;
  /** 32 bytes. */
  readonly masterKey: Uint8Array;
  /** Of this run of this process: never the same twice. */
  readonly processId: string;
  /** Awaited before a command is answered: this process's index has read past its append, or could not in time. */
  readonly afterAppend: (position: Position) => Promise<void>;
  /** Whether the index knows that a key has ended. */
  readonly keyEnded?: (keyId: KeyId) => boolean;
  /** What went wrong without keeping anybody from an answer. */
  readonly report: (error: unknown, doing: string) => void;
  /** Other events than the domain's, in tests. */
  readonly catalogue?: Catalogue;
  readonly folds?: FoldOptions;
};

/** Everything that commands stand on, over one set of stores. */
export type Core = {
  readonly purposeKeys: PurposeKeys;
  readonly keys: PersonKeys;
  readonly boxes: Boxes;
  readonly codec: EventCodec;
  readonly folds: Folds;
  readonly handler: Handler;
};

export const createCore = (deps: CoreDeps): Core => {
  const derived = purposeKeys(deps.crypto, deps.masterKey);
  const shared = { ...deps, purposeKeys: derived };
  const keys = personKeys(shared);
  const boxes = createBoxes({ ...shared, keys });
  const codec = eventCodec({ ...shared, keys, catalogue: deps.catalogue ?? domainCatalogue });
  const folds = createFolds({ ...shared, codec, snapshots: snapshots({ ...shared, boxes }) }, deps.folds);
  const handler = createHandler({ ...shared, keys, boxes, codec, folds });
  return { purposeKeys: derived, keys, boxes, codec, folds, handler };
};
