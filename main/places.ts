import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { mongoAddress } from '../adapters/mongodb/address.ts';
import { readLog } from '../adapters/sqlite/eventReads.ts';
import { openEventStore } from '../adapters/sqlite/eventStore.ts';
import { openLists, readBuilds } from '../adapters/sqlite/lists.ts';
import { openVault, readVault } from '../adapters/sqlite/vault.ts';
import type { Clock, Scheduler } from '../commands/environment.ts';
import type { EventStore } from '../commands/ports/eventStore.ts';
import type { Build, Lists } from '../commands/ports/lists.ts';
import type { Vault } from '../commands/ports/vault.ts';
import { isStreamName } from '../domain/streams.ts';
import type { Configuration } from './configuration.ts';
import { StartError } from './startError.ts';

type Looked<Reads> = Reads & { readonly close: () => unknown };

/** One store, before it is opened. */
type Place<Store> = {
  /** What an operator calls it: a file, or servers without credentials. */
  readonly name: string;
  readonly open: () => Promise<Store>;
};

export type LogPlace = Place<EventStore> & {
  /** As it stands there; nothing is made or changed. */
  readonly look: () => Promise<Looked<Pick<EventStore, 'readStream' | 'readAll' | 'readAt'>>>;
};

export type VaultPlace = Place<Vault> & {
  readonly look: () => Promise<Looked<Pick<Vault, 'get' | 'find'>>>;
};

export type ListsPlace = Place<Lists> & {
  readonly builds: () => Promise<readonly Build[]>;
  /** Everything in them: they are filled anew. */
  readonly drop: () => Promise<void>;
};

// Drivers are heavy, and most installations need none: they are loaded where a setting asks for one.
const eventStoreDb = () => import('../adapters/eventstoredb/eventStore.ts');
const mongoVault = () => import('../adapters/mongodb/vault.ts');
const mongoLists = () => import('../adapters/mongodb/lists.ts');

export type Environment = { readonly clock: Clock; readonly scheduler: Scheduler };

const nothing = { close: () => {} };
const noLog = {
  ...nothing,
  readStream: async () => ({ events: [], end: true }),
  readAt: async () => null,
  readAll: async () => ({ events: [], position: null, end: true }),
};
const noVault = { ...nothing, get: async () => null, find: async () => [] };

const logFile = (folder: string) => join(folder, 'log.sqlite');
export const vaultFile = (folder: string) => join(folder, 'vault.sqlite');
const listsFile = (folder: string) => join(folder, 'lists.sqlite');

const logInFolder = (folder: string): LogPlace => {
  const file = logFile(folder);
  return { name: file, look: async () => readLog(file) ?? noLog, open: () => openEventStore({ file }) };
};

const logInEventStoreDb = (connectionString: string, prefix: string, { clock, scheduler }: Environment): LogPlace => {
  const open = async () => {
    const { createEventStoreDb } = await eventStoreDb();
    try {
      return createEventStoreDb({ connectionString, prefix, isStream: isStreamName, clock, scheduler });
    } catch (error) {
      throw new StartError(`KEYLEDGER_EVENTSTORE: ${(error as Error).message}`);
    }
  };
  const hosts = /^[^:]+:\/\/(?:[^@/?]*@)?([^/?]+)/.exec(connectionString)?.[1];
  return { name: `EventStoreDB at ${hosts}`, look: open, open };
};

const vaultInFolder = (folder: string, clock: Clock): VaultPlace => {
  const file = vaultFile(folder);
  return {
    name: file,
    look: async () => readVault({ file, clock }) ?? noVault,
    open: () => openVault({ file, clock }),
  };
};

const vaultInMongoDb = (url: string, { clock, scheduler }: Environment): VaultPlace => {
  const { name, database } = mongoAddress(url);
  const options = { url, database: `${database ?? 'keyledger'}-vault`, clock, scheduler };
  return {
    name: `the vault in MongoDB at ${name}`,
    look: async () => (await mongoVault()).readVault(options),
    open: async () => (await mongoVault()).openVault(options),
  };
};

const listsInFolder = (folder: string): ListsPlace => {
  const file = listsFile(folder);
  return {
    name: file,
    builds: () => readBuilds(file),
    drop: async () => {
      for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    },
    open: () => openLists({ file }),
  };
};

const listsInMongoDb = (url: string, { scheduler }: Environment): ListsPlace => {
  const { name, database } = mongoAddress(url);
  const options = { url, database: `${database ?? 'keyledger'}-lists`, scheduler };
  return {
    name: `the lists in MongoDB at ${name}`,
    builds: async () => (await mongoLists()).readBuilds(options),
    drop: async () => (await mongoLists()).dropLists(options),
    open: async () => (await mongoLists()).openLists(options),
  };
};

export type Places = { readonly log: LogPlace; readonly vault: VaultPlace; readonly lists: ListsPlace };

/** Where everything is, by configuration alone. */
export const placesOf = (
  { data, eventStore, eventStorePrefix, mongodb }: Configuration,
  environment: Environment,
): Places => ({
  log: eventStore === null ? logInFolder(data) : logInEventStoreDb(eventStore, eventStorePrefix, environment),
  vault: mongodb === null ? vaultInFolder(data, environment.clock) : vaultInMongoDb(mongodb, environment),
  lists: mongodb === null ? listsInFolder(data) : listsInMongoDb(mongodb, environment),
});
