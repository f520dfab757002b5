import { existsSync } from 'node:fs';
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

const keyOf = (
  configuration: Configuration,
  variable: 'KEYLEDGER_MASTER_KEY' | 'KEYLEDGER_PEPPER',
  file: string,
  make: boolean,
) => {
  const found = findKey(configuration.keys, variable, file, make);
  if (found !== null) return found;
  throw new StartError(`the data folder has a vault and no ${file}: put the key back, or set ${variable}`);
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
    const isNew = !existsSync(files.vault);
    if (isNew && existsSync(files.log))
      throw new StartError(
        `${files.log} is there and ${files.vault} is not: a log is of no use without its vault; restore both from one backup`,
      );
    const masterKey = keyOf(configuration, 'KEYLEDGER_MASTER_KEY', join(folder, 'master-key'), isNew);
    const pepper = keyOf(configuration, 'KEYLEDGER_PEPPER', join(folder, 'pepper'), isNew);
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
  if (existsSync(files.log)) return;
  const row = await readInstallationRow(vault);
  if (row?.state === 'ready')
    throw new StartError(
      `${files.vault} is there and ${files.log} is not: the log is lost; restore both from one backup`,
    );
};
