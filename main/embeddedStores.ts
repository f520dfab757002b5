import { statSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryBus } from '../adapters/memory/bus.ts';
import { findKey } from '../adapters/node/keyFiles.ts';
import { openEventStore } from '../adapters/sqlite/eventStore.ts';
import { lockFolder } from '../adapters/sqlite/folderLock.ts';
import { openLists } from '../adapters/sqlite/lists.ts';
import { openVault } from '../adapters/sqlite/vault.ts';
import type { Clock } from '../commands/environment.ts';
import { readInstallationRow } from '../commands/firstStart.ts';
import type { Bus } from '../commands/ports/bus.ts';
import type { EventStore } from '../commands/ports/eventStore.ts';
import type { Lists } from '../commands/ports/lists.ts';
import type { Vault } from '../commands/ports/vault.ts';
import type { Configuration } from './configuration.ts';
import { StartError } from './startError.ts';

export type Stores = {
  readonly store: EventStore;
  readonly vault: Vault;
  readonly lists: Lists;
  readonly bus: Bus;
  /** 32 bytes each. */
  readonly masterKey: Uint8Array;
  readonly pepper: Uint8Array;
  /** What an operator calls them, for messages. */
  readonly names: { readonly log: string; readonly vault: string };
  /** Keys that were made just now and are now worth a backup. */
  readonly madeKeys: readonly string[];
  /** In the order that loses nothing; lets go of the folder last. */
  readonly close: () => Promise<void>;
};

/** An empty file is none: what a crash leaves of one that was about to be made. */
const isThere = (file: string): boolean => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** Whether somebody has begun to make an installation there. */
export const holdsInstallation = (folder: string): boolean => isThere(join(folder, 'vault.sqlite'));

/** @param vault the one that was made with the key, null where there is none yet */
const keyOf = (
  configuration: Configuration,
  variable: 'KEYLEDGER_MASTER_KEY' | 'KEYLEDGER_PEPPER',
  file: string,
  vault: string | null,
) => {
  const found = findKey(configuration.keys, variable, file, vault === null);
  if (found !== null) return found;
  throw new StartError(`${vault} is there and ${file} is not: put the key back, or set ${variable}`);
};

/**
 * Everything in one folder, which is this process's alone until it is closed.
 * @throws DataRefused, UnusableKey, StartError: then nothing was written
 */
export const openEmbeddedStores = async (configuration: Configuration, clock: Clock): Promise<Stores> => {
  const folder = configuration.data;
  const lock = lockFolder(folder, process.pid);
  const files = {
    log: join(folder, 'log.sqlite'),
    vault: join(folder, 'vault.sqlite'),
    lists: join(folder, 'lists.sqlite'),
  };
  const closing: (() => unknown)[] = [() => lock.release()];
  const close = async () => {
    for (const end of closing.reverse()) await end();
  };
  try {
    // The vault comes first at the first start: a log without it can only be what is left of an installation.
    const isNew = !isThere(files.vault);
    if (isNew && isThere(files.log))
      throw new StartError(
        `${files.log} is there and ${files.vault} is not: a log is of no use without its vault; restore both from one backup`,
      );
    const masterKey = keyOf(
      configuration,
      'KEYLEDGER_MASTER_KEY',
      join(folder, 'master-key'),
      isNew ? null : files.vault,
    );
    const pepper = keyOf(configuration, 'KEYLEDGER_PEPPER', join(folder, 'pepper'), isNew ? null : files.vault);
    const vault = await openVault({ file: files.vault, clock });
    closing.push(() => vault.close());
    await refuseLostLog(vault, files);
    const store = await openEventStore({ file: files.log });
    closing.push(() => store.close());
    const lists = await openLists({ file: files.lists });
    closing.push(() => lists.close());
    const bus = createMemoryBus();
    closing.push(() => bus.close());
    return {
      store,
      vault,
      lists,
      bus,
      masterKey: masterKey.key,
      pepper: pepper.key,
      names: { log: files.log, vault: files.vault },
      madeKeys: [masterKey, pepper].flatMap(({ source, path }) => (source === 'made' && path !== null ? [path] : [])),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const refuseLostLog = async (vault: Vault, files: { readonly log: string; readonly vault: string }) => {
  if (isThere(files.log)) return;
  const row = await readInstallationRow(vault);
  if (row?.state === 'ready')
    throw new StartError(
      `${files.vault} is there and ${files.log} is not: the log is lost; restore both from one backup`,
    );
};
