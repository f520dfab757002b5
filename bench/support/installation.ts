import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { systemRandomness } from '../../adapters/node/randomness.ts';
import { systemScheduler } from '../../adapters/node/scheduler.ts';
import { systemClock } from '../../adapters/node/systemClock.ts';
import { openEventStore } from '../../adapters/sqlite/eventStore.ts';
import { openLists } from '../../adapters/sqlite/lists.ts';
import { openVault } from '../../adapters/sqlite/vault.ts';
import type { Request } from '../../commands/command.ts';
import { type CoreDeps, createCore } from '../../commands/core.ts';
import type { EventStore, Position } from '../../commands/ports/eventStore.ts';
import type { Actor } from '../../domain/event.ts';
import { installationStream } from '../../domain/installation.ts';
import { instant } from '../../domain/instant.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { presets } from '../../domain/presets.ts';
import { createIndexReader } from '../../workers/indexReader.ts';
import { writer } from './writer.ts';

export const clock = systemClock();
export const scheduler = systemScheduler();
export const crypto = nodeCryptography();
export const randomness = systemRandomness();

/** So that the program can be started on what was written here. */
export const masterKey = new Uint8Array(32).fill(7);

const fail = (what: string, error: unknown) => {
  throw new Error(what, { cause: error });
};

type Over = Pick<CoreDeps, 'store' | 'vault' | 'lists' | 'afterAppend'>;
const coreOver = (over: Over) =>
  createCore({
    ...over,
    crypto,
    clock,
    randomness,
    scheduler,
    masterKey,
    processId: randomUUID(),
    report: (error, doing) => fail(doing, error),
  });

/** As a process that was just started sees it: nobody's key is unwrapped, no stream is folded. */
export const withoutCaches = ({ store, vault, lists }: Pick<Installation, 'store' | 'vault' | 'lists'>) =>
  coreOver({ store, vault, lists, afterAppend: async () => {} });

/**
 * The parts of the embedded product in one folder, with its log begun, and keys on for members as qalyptus has them.
 * @param elsewhere the log, where it lies in another store; it is closed with the others
 */
export const openInstallation = async (folder: string, elsewhere: EventStore | null = null) => {
  const vault = await openVault({ file: join(folder, 'vault.sqlite'), clock });
  const store = elsewhere ?? (await openEventStore({ file: join(folder, 'log.sqlite') }));
  const lists = await openLists({ file: join(folder, 'lists.sqlite') });
  const stop = new AbortController();

  const afterAppend = async (position: Position) => {
    await reader.afterAppend(position);
  };
  const core = coreOver({ store, vault, lists, afterAppend });
  const reader = createIndexReader({
    store,
    view: core.codec.view,
    blobs: lists,
    sha256: crypto.sha256,
    clock,
    scheduler,
    onTrouble: fail,
  });
  const write = writer(core, store);
  if ((await store.readAll(null, 1)).events.length === 0) await begin(write);
  await reader.open();
  const running = reader.run(stop.signal);
  await reader.prove();

  return {
    store,
    vault,
    lists,
    core,
    reader,
    write,
    close: async () => {
      stop.abort();
      await running;
      await core.handler.flush();
      await store.close();
      await vault.close();
      await lists.close();
    },
  };
};

export type Installation = Awaited<ReturnType<typeof openInstallation>>;

const begin = async (write: Installation['write']) => {
  const data = { installationId: randomUUID(), epoch: randomUUID(), minReader: 1 };
  await write(installationStream, [{ type: 'InstallationCreated', data }]);
  const policy = { ...presets.qalyptus, enabled: true };
  await write(policyStream, [{ type: 'KeyPolicyChanged', data: { policy } }]);
};

/** As the HTTP interface makes them of a signed-in person's call. */
export const requestBy = (actor: Actor): Request => {
  const requestId = randomUUID();
  return {
    at: instant(clock.now()),
    actor,
    ip: '192.0.2.17',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    requestId,
    correlationId: requestId,
    causationId: null,
    idempotency: null,
    ifMatch: null,
  };
};
