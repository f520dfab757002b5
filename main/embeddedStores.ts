import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryBus } from '../adapters/memory/bus.ts';
import { nodeCryptography } from '../adapters/node/crypto.ts';
import { findKey } from '../adapters/node/keyFiles.ts';
import { readLog } from '../adapters/sqlite/eventReads.ts';
import { openEventStore } from '../adapters/sqlite/eventStore.ts';
import { lockFolder } from '../adapters/sqlite/folderLock.ts';
import { openLists, readBuilds } from '../adapters/sqlite/lists.ts';
import { openVault, readVault } from '../adapters/sqlite/vault.ts';
import type { Clock } from '../commands/environment.ts';
import { requireOneInstallation, requireSameInstallation, WrongStores } from '../commands/firstStart.ts';
import type { Bus } from '../commands/ports/bus.ts';
import type { EventStore } from '../commands/ports/eventStore.ts';
import type { Lists } from '../commands/ports/lists.ts';
import type { Vault } from '../commands/ports/vault.ts';
import { requireCheckpointsInLog, WrongStore } from '../workers/checkpoints.ts';
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

type Files = { readonly log: string; readonly vault: string; readonly lists: string };

const keysIn = (folder: string) =>
  [
    { variable: 'KEYLEDGER_MASTER_KEY', file: join(folder, 'master-key') },
    { variable: 'KEYLEDGER_PEPPER', file: join(folder, 'pepper') },
  ] as const;

const noEvents = { readStream: async () => ({ events: [], end: true }), readAt: async () => null };
const noLog = { ...noEvents, readAll: async () => ({ events: [], position: null, end: true }), close: () => {} };
const noVault = { get: async () => null, find: async () => [], close: () => {} };

/** `whole`: of one installation and one time. `accepted`: of one installation, both there, whatever their times. */
export type Demand = 'whole' | 'accepted';

/** Reads the files as they lie there and touches none. @throws StartError, DataRefused */
const requireDemanded = async (
  demand: Demand,
  files: Files,
  keys: { readonly masterKey: Uint8Array; readonly pepper: Uint8Array },
  clock: Clock,
) => {
  const names = { log: files.log, vault: files.vault };
  const store = readLog(files.log) ?? noLog;
  try {
    const vault = readVault({ file: files.vault, clock }) ?? noVault;
    try {
      const looked = { ...keys, store, vault, names, crypto: nodeCryptography() };
      if (demand === 'accepted') {
        if ((await requireSameInstallation(looked))?.state !== 'ready')
          throw new StartError(`${files.log} and ${files.vault} hold no installation that was ever started`);
        return;
      }
      await requireOneInstallation(looked);
      await requireCheckpointsInLog(store, vault, await readBuilds(files.lists));
    } finally {
      vault.close();
    }
  } catch (error) {
    if (error instanceof WrongStores) throw new StartError(error.message);
    if (error instanceof WrongStore)
      throw new StartError(
        `${files.log} is older than what ${files.vault} and ${files.lists} have seen, or another: ${error.message}`,
      );
    throw error;
  } finally {
    store.close();
  }
};

/** Keys that are there; null: not yet. @throws StartError where one is missing that the vault was made with */
const givenKeys = (configuration: Configuration, files: Files) =>
  keysIn(configuration.data).map(({ variable, file }) => {
    const found = findKey(configuration.keys, variable, file, false);
    if (found === null && isThere(files.vault))
      throw new StartError(`${files.vault} is there and ${file} is not: put the key back, or set ${variable}`);
    return found;
  });

const noKey = new Uint8Array(32);

/**
 * Everything in one folder, which is this process's alone until it is closed.
 * @throws DataRefused, UnusableKey, StartError: then nothing was written
 */
export const openEmbeddedStores = async (
  configuration: Configuration,
  clock: Clock,
  demand: Demand = 'whole',
): Promise<Stores> => {
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
    const given = givenKeys(configuration, files);
    const [masterKey, pepper] = given.map((key) => key?.key ?? noKey);
    await requireDemanded(demand, files, { masterKey: masterKey!, pepper: pepper! }, clock);
    // Lists and snapshots are of the log as it was.
    if (demand === 'accepted') for (const end of ['', '-wal', '-shm']) rmSync(files.lists + end, { force: true });
    const keys = keysIn(folder).map(({ variable, file }) => findKey(configuration.keys, variable, file, true)!);
    // The vault comes first at the first start: a log without it can only be what is left of an installation.
    const vault = await openVault({ file: files.vault, clock });
    closing.push(() => vault.close());
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
      masterKey: keys[0]!.key,
      pepper: keys[1]!.key,
      names: { log: files.log, vault: files.vault },
      madeKeys: keys.flatMap(({ source, path }) => (source === 'made' && path !== null ? [path] : [])),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
