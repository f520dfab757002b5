import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { createMemoryVault } from '../../adapters/memory/vault.ts';
import { readInstallationRow } from '../../commands/firstStart.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Vault } from '../../commands/ports/vault.ts';
import { roles, rolesStream } from '../../domain/roles.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { environment, wireInside } from '../../main/core.ts';
import { completeFirstStart } from '../../main/firstStart.ts';
import { createLog } from '../../main/log.ts';
import type { Stores } from '../../main/stores.ts';
import { dying, type When } from '../support/dying.ts';
import { fakeHasher, hashOf } from '../support/fakeHasher.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const firstStart = suite('first start');

type Machine = { readonly store: EventStore; readonly vault: Vault; readonly folder: string };
type Configured = { readonly email: string; readonly password: string } | null;

const newMachine = (): Machine => ({
  store: createMemoryEventStore(),
  vault: createMemoryVault(environment.clock),
  folder: temporaryFolder(),
});

/** What a process knows that was started on these stores. */
const processOver = async (store: EventStore, vault: Vault) => {
  const stores: Stores = {
    store,
    vault,
    lists: createMemoryLists(),
    masterKey: new Uint8Array(32).fill(1),
    pepper: new Uint8Array(32).fill(2),
    shared: false,
    presence: null,
    names: { log: 'the log', vault: 'the vault', lists: 'the lists' },
    madeKeys: [],
    close: async () => {},
  };
  const inside = wireInside(stores, createLog('silent'));
  const over = new AbortController();
  await inside.reader.open();
  const reading = inside.reader.run(over.signal);
  const end = async () => {
    over.abort();
    await reading;
  };
  return { inside, end };
};

const start = async ({ store, vault, folder }: Machine, configured: Configured): Promise<string | null> => {
  const { inside, end } = await processOver(store, vault);
  try {
    const file = await completeFirstStart(
      { inside, hasher: fakeHasher(), randomness: environment.randomness },
      folder,
      configured,
    );
    await inside.handler.flush();
    return file;
  } finally {
    await end();
  }
};

/** @returns whether it died before it had finished */
const startAndDie = async (machine: Machine, configured: Configured, nth: number, when: When): Promise<boolean> => {
  const mortal = dying(machine.store, machine.vault, nth, when);
  await start({ ...machine, ...mortal }, configured).catch((error: unknown) => {
    if (!mortal.fate.died) throw error;
  });
  return mortal.fate.died;
};

const wanted = [
  'AdministratorGranted',
  'EmailClaimed',
  'InstallationCreated',
  'KeyPolicyChanged',
  'UserRegistered',
] as const;

/** One installation, whole, and one administrator who signs in with this password. */
const requireWhole = async (machine: Machine, password: string) => {
  const { events } = await machine.store.readAll(null, 100);
  assert.equal(events.map(({ type }) => type).sort(), wanted);
  await requireAdministrator(machine, password);
};

const requireAdministrator = async (machine: Machine, password: string) => {
  assert.is((await readInstallationRow(machine.vault))?.state, 'ready');
  const { inside, end } = await processOver(machine.store, machine.vault);
  try {
    const administrators = await inside.folds.read(roles, rolesStream, ({ state }) => [...state.administrators]);
    assert.is(administrators.length, 1);
    const hash = await inside.folds.read(user, userStream(administrators[0]!), ({ state }) => state?.passwordHash);
    assert.is(hash, hashOf(password));
  } finally {
    await end();
  }
};

const passwordIn = (file: string): string => {
  assert.is(statSync(file).mode & 0o777, 0o600);
  return readFileSync(file, 'utf8').trim();
};

firstStart('makes one installation and one administrator; a second start changes nothing', async () => {
  const machine = newMachine();
  const file = await start(machine, null);
  assert.is(file, join(machine.folder, 'initial-admin'));
  await requireWhole(machine, passwordIn(file!));
  assert.is(await start(machine, null), file, 'as long as the password works');
  await requireWhole(machine, passwordIn(file!));
});

const configured = { email: 'ada@example.com', password: 'a passphrase of some length' };

firstStart('with an address and a password of the operator leaves no file', async () => {
  const machine = newMachine();
  assert.is(await start(machine, configured), null);
  await requireWhole(machine, configured.password);
  assert.not(existsSync(join(machine.folder, 'initial-admin')));
});

/** Each death by itself. A dead store is asked again and again for two seconds, so they run side by side. */
const deathsOf = async (atMost: number, dies: (nth: number, when: When) => Promise<boolean>) => {
  const all = (['before', 'after'] as const).flatMap((when) =>
    Array.from({ length: atMost }, (_, index) => ({ nth: index + 1, when })),
  );
  const died = await Promise.all(all.map(({ nth, when }) => dies(nth, when)));
  return all.filter((_, index) => died[index]);
};

for (const given of [null, configured]) {
  const variant = given === null ? 'a password file' : 'a given password';
  firstStart(`dies before and after each write, then before and after each once more: ${variant}`, async () => {
    const deaths = await deathsOf(20, (nth, when) => startAndDie(newMachine(), given, nth, when));
    const writes = deaths.length / 2;
    assert.ok(writes > 6 && writes < 20, `${writes} writes`);
    const twice = await Promise.all(
      deaths.map((first) =>
        deathsOf(writes + 2, async (nth, when) => {
          const machine = newMachine();
          await startAndDie(machine, given, first.nth, first.when);
          const died = await startAndDie(machine, given, nth, when);
          const file = await start(machine, given);
          await requireWhole(machine, given?.password ?? passwordIn(file!));
          return died;
        }),
      ),
    );
    assert.ok(twice.flat().length > 100, `${twice.flat().length} times it died twice`);
  });
}

firstStart('a password file that a crash left empty is filled', async () => {
  const machine = newMachine();
  writeFileSync(join(machine.folder, 'initial-admin'), '', { mode: 0o600 });
  const file = await start(machine, null);
  assert.match(passwordIn(file!), /^[0-9A-Za-z]{24}$/);
  await requireWhole(machine, passwordIn(file!));
});

firstStart('two processes that start at the same moment make one installation', async () => {
  for (let round = 0; round < 10; round += 1) {
    const machine = newMachine();
    await Promise.all([start(machine, configured), start(machine, configured)]);
    await start(machine, configured);
    const types = (await machine.store.readAll(null, 100)).events.map(({ type }) => type);
    // Who came second may have found the account half made, and set its password again.
    assert.equal(types.filter((type) => type !== 'PasswordReset').sort(), wanted);
    await requireAdministrator(machine, configured.password);
  }
});

firstStart.run();
