import { randomUUID } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { nodeCryptography } from '../adapters/node/crypto.ts';
import { findKey } from '../adapters/node/keyFiles.ts';
import { lockFolder } from '../adapters/sqlite/folderLock.ts';
import {
  readInstallationRow,
  requireOneInstallation,
  requireSameInstallation,
  WrongStores,
} from '../commands/installation/firstStart.ts';
import type { EventStore } from '../commands/ports/eventStore.ts';
import type { Lists } from '../commands/ports/lists.ts';
import type { Vault } from '../commands/ports/vault.ts';
import { requireCheckpointsInLog, WrongStore } from '../workers/checkpoints.ts';
import { createPresence, type Presence } from '../workers/presence.ts';
import type { Configuration } from './configuration.ts';
import { type Environment, type Places, placesOf, vaultFile } from './places.ts';
import { StartError } from './startError.ts';

export type Stores = {
  readonly store: EventStore;
  readonly vault: Vault;
  readonly lists: Lists;
  /** 32 bytes each. */
  readonly masterKey: Uint8Array;
  readonly pepper: Uint8Array;
  /** Other processes may work on them at the same time. */
  readonly shared: boolean;
  /** To be renewed, where they are shared. */
  readonly presence: Presence | null;
  /** What an operator calls them, for messages. */
  readonly names: { readonly log: string; readonly vault: string; readonly lists: string };
  /** Keys that were made just now and are now worth a backup. */
  readonly madeKeys: readonly string[];
  /** In the order that loses nothing; lets go of the folder last. */
  readonly close: () => Promise<void>;
};

/** Whether anything lies in the data folder: then one process has it for its life. */
export const usesFolder = ({ eventStore, mongodb }: Configuration): boolean => eventStore === null || mongodb === null;

const keysIn = (folder: string) =>
  [
    { variable: 'KEYLEDGER_MASTER_KEY', file: join(folder, 'master-key') },
    { variable: 'KEYLEDGER_PEPPER', file: join(folder, 'pepper') },
  ] as const;

/**
 * What a process does with the stores. `tool`: one call of the command line. `restore`: takes them of one installation
 * whatever their times are, while nobody else works on them; all others want them to be of one time.
 */
export type Role = Configuration['role'] | 'tool' | 'restore';

/** @throws StartError where somebody is at work who must not meet this process */
const entered = async (vault: Vault, { clock }: Environment, role: Role, names: { vault: string }) => {
  const presence = createPresence({ vault, clock }, randomUUID(), { role, host: hostname(), pid: process.pid });
  const other = await presence.enter((present) => role === 'restore' || present.role === 'restore');
  if (other === null) return presence;
  throw new StartError(
    other.role === 'restore'
      ? `${names.vault} is being restored by process ${other.pid} on ${other.host}`
      : `${names.vault} is in use by process ${other.pid} on ${other.host} (${other.role}), or was until less than a minute ago: stop all of them first`,
  );
};

/** A key that is nowhere yet: nothing was ever sealed with it. */
const noKey = new Uint8Array(32);

/**
 * Looks at the stores as they stand and touches none.
 * @throws StartError where they do not belong together, DataRefused, UnusableKey, Failure `store-unavailable`
 */
const requireDemanded = async (
  role: Role,
  { log, vault: vaultPlace, lists }: Places,
  configuration: Configuration,
): Promise<void> => {
  const names = { log: log.name, vault: vaultPlace.name };
  const store = await log.look();
  try {
    const vault = await vaultPlace.look();
    try {
      const begun = (await readInstallationRow(vault)) !== null;
      const given = keysIn(configuration.data).map(({ variable, file }) => {
        const found = findKey(configuration.keys, variable, file, false);
        if (found === null && begun)
          throw new StartError(`${vaultPlace.name} is there and ${file} is not: put the key back, or set ${variable}`);
        return found?.key ?? noKey;
      });
      const looked = { masterKey: given[0]!, pepper: given[1]!, store, vault, names, crypto: nodeCryptography() };
      if (role === 'restore') {
        if ((await requireSameInstallation(looked))?.state !== 'ready')
          throw new StartError(`${names.log} and ${names.vault} hold no installation that was ever started`);
        return;
      }
      await requireOneInstallation(looked);
      await requireCheckpointsInLog(store, vault, await lists.builds());
    } finally {
      await vault.close();
    }
  } catch (error) {
    if (error instanceof WrongStores) throw new StartError(error.message);
    if (error instanceof WrongStore)
      throw new StartError(
        `${names.log} is older than what ${names.vault} and ${lists.name} have seen, or another: ${error.message}`,
      );
    throw error;
  } finally {
    await store.close();
  }
};

/** Whether somebody has begun to make an installation there. A file may be another process's at this moment: it is not opened. */
export const holdsInstallation = async (configuration: Configuration, environment: Environment): Promise<boolean> => {
  // An empty file is none: what a crash leaves of one that was about to be made.
  if (configuration.mongodb === null)
    return (statSync(vaultFile(configuration.data), { throwIfNoEntry: false })?.size ?? 0) > 0;
  const vault = await placesOf(configuration, environment).vault.look();
  try {
    return (await readInstallationRow(vault)) !== null;
  } finally {
    await vault.close();
  }
};

/** Given, or in the folder, where they are made at the first start. @throws UnusableKey */
const keysFor = ({ data, keys }: Configuration) =>
  keysIn(data).map(({ variable, file }) => {
    const found = findKey(keys, variable, file, false);
    if (found !== null) return found;
    mkdirSync(data, { recursive: true, mode: 0o700 });
    return findKey(keys, variable, file, true)!;
  });

/**
 * The three stores, wherever the configuration says that they are. A folder is this process's alone until it is closed.
 * @throws DataRefused, UnusableKey, StartError, Failure: then nothing was written
 */
export const openStores = async (
  configuration: Configuration,
  environment: Environment,
  role: Role,
): Promise<Stores> => {
  const closing: (() => unknown)[] = [];
  const close = async () => {
    for (const end of closing.reverse()) await end();
  };
  try {
    if (usesFolder(configuration)) {
      const lock = lockFolder(configuration.data, process.pid);
      closing.push(() => lock.release());
    }
    const places = placesOf(configuration, environment);
    await requireDemanded(role, places, configuration);
    const keys = keysFor(configuration);
    // The vault comes first at the first start: a log without it can only be what is left of an installation.
    const vault = await places.vault.open();
    closing.push(() => vault.close());
    const names = { log: places.log.name, vault: places.vault.name, lists: places.lists.name };
    const presence = usesFolder(configuration) ? null : await entered(vault, environment, role, names);
    // A store that is away does not keep a process from its end.
    if (presence !== null) closing.push(() => presence.leave().catch(() => {}));
    // Lists and snapshots are of the log as it was.
    if (role === 'restore') await places.lists.drop();
    const store = await places.log.open();
    closing.push(() => store.close());
    const lists = await places.lists.open();
    closing.push(() => lists.close());
    return {
      store,
      vault,
      lists,
      masterKey: keys[0]!.key,
      pepper: keys[1]!.key,
      shared: presence !== null,
      presence,
      names,
      madeKeys: keys.flatMap(({ source, path }) => (source === 'made' && path !== null ? [path] : [])),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
