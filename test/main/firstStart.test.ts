import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { createMemoryVault } from '../../adapters/memory/vault.ts';
import type { PasswordHasher } from '../../commands/environment.ts';
import { readInstallationRow } from '../../commands/installation/firstStart.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Vault } from '../../commands/ports/vault.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { roles, rolesStream } from '../../domain/roles.ts';
import { settings } from '../../domain/settings.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { environment, wireInside } from '../../main/core.ts';
import { completeFirstStart } from '../../main/firstStart.ts';
import { createLog } from '../../main/log.ts';
import type { Stores } from '../../main/stores.ts';
import { chances } from '../support/chances.ts';
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
const processOver = async (store: EventStore, vault: Vault, shared = false) => {
  const stores: Stores = {
    store,
    vault,
    lists: createMemoryLists(),
    masterKey: new Uint8Array(32).fill(1),
    pepper: new Uint8Array(32).fill(2),
    shared,
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

const start = async (
  { store, vault, folder }: Machine,
  configured: Configured,
  shared = false,
  hasher: PasswordHasher = fakeHasher(),
): Promise<string | null> => {
  const { inside, end } = await processOver(store, vault, shared);
  try {
    const file = await completeFirstStart({ inside, hasher, randomness: environment.randomness }, folder, configured);
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

/** Each call takes effect a few turns of the event loop after it was made, and each another number. */
const slowly = <Store extends object>(store: Store, turns: () => number): Store =>
  Object.fromEntries(
    Object.entries(store).map(([name, call]) => [
      name,
      async (...args: unknown[]) => {
        for (let turn = turns(); turn > 0; turn -= 1) await setImmediate();
        return call(...args);
      },
    ]),
  ) as Store;

for (const given of [null, configured]) {
  const variant = given === null ? 'passwords in files' : 'a given password';
  firstStart(`eight processes that start at the same moment, each at its own pace: ${variant}`, async () => {
    for (let round = 0; round < 6; round += 1) {
      const chance = chances(round);
      const { store, vault } = newMachine();
      const machines = Array.from({ length: 8 }, (_, n): Machine => {
        const turns = () => Math.floor(chance() * (1 + n * 3));
        return { store: slowly(store, turns), vault: slowly(vault, turns), folder: temporaryFolder() };
      });
      const hashers = machines.map(() => slowly(fakeHasher(), () => Math.floor(chance() * 200)));
      const files = await Promise.all(machines.map((machine, n) => start(machine, given, true, hashers[n])));
      const types = (await store.readAll(null, 100)).events.map(({ type }) => type);
      assert.equal(types.sort(), wanted, `round ${round}`);
      const written = files.filter((file) => file !== null);
      assert.is(written.length, given === null ? 1 : 0);
      const left = machines.filter(({ folder }) => existsSync(join(folder, 'initial-admin')));
      assert.is(left.length, written.length, 'no file holds a password that never worked');
      await requireWhole({ ...machines[0]!, store, vault }, given?.password ?? passwordIn(written[0]!));
    }
  });
}

firstStart('an administrator changes the policy before the last process has finished its first start', async () => {
  const machine = newMachine();
  let changed = false;
  // It has seen that the installation is being made, and is slow.
  const late: Vault = {
    ...machine.vault,
    get: async (kind, id) => {
      const row = await machine.vault.get(kind, id);
      if (kind !== 'installation' || row === null || changed || JSON.parse(row.value).state !== 'creating') return row;
      changed = true;
      await start(machine, configured, true);
      const { inside, end } = await processOver(machine.store, machine.vault, true);
      await inside.execute(inside.commands.changeKeyPolicy, { change: { enabled: true } }, inside.request('cli'));
      await end();
      return row;
    },
  };
  await start({ ...machine, vault: late }, configured, true);
  assert.ok(changed);
  const { inside, end } = await processOver(machine.store, machine.vault);
  assert.is(await inside.folds.read(settings, policyStream, ({ state }) => state.policy.enabled), true);
  await end();
});

firstStart.run();
