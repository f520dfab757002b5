import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { readMark } from '../../../commands/handling/mark.ts';
import { createWhereMissing, requireOneInstallation, WrongStores } from '../../../commands/installation/firstStart.ts';
import { acceptRestored } from '../../../commands/installation/restore.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import type { Vault } from '../../../commands/ports/vault.ts';
import { isRejection } from '../../../domain/decider.ts';
import { type Accounts, createAccounts } from '../../support/accounts.ts';
import { createBed, seededRandomness } from '../../support/commandBed.ts';
import { suite } from '../../support/suite.ts';

const wrong = suite('a vault that is older than its log');

const crypto = nodeCryptography();

const depsOf = ({ bed }: Accounts, vault: Vault = bed.vault) => ({
  store: bed.store,
  vault,
  crypto,
  randomness: seededRandomness('installation'),
  masterKey: new Uint8Array(32).fill(1),
  pepper: new Uint8Array(32).fill(2),
  names: { log: 'the log', vault: 'the vault' },
});

const installed = async (): Promise<Accounts> => {
  const accounts = createAccounts(createBed());
  await createWhereMissing({ ...depsOf(accounts), execute: accounts.execute, request: () => accounts.bed.request() });
  return accounts;
};

/** The vault as it is now: what a backup of it would hold. */
const backupOf = async ({ bed }: Accounts): Promise<Vault> => {
  const copy = createMemoryVault(bed.clock);
  for (const kind of ['installation', 'mark', 'person-key', 'checkpoint', 'intent'])
    await copy.putAll(await bed.vault.find(kind, {}, { after: null, limit: 1000 }));
  return copy;
};

const isRefused = (accounts: Accounts, vault: Vault) =>
  requireOneInstallation(depsOf(accounts, vault)).then(
    () => false,
    (error: unknown) => {
      assert.instance(error, WrongStores);
      assert.match((error as Error).message, /^the vault is older than the log[^\n]*$/);
      return true;
    },
  );

wrong('is refused where somebody came since then', async () => {
  const accounts = await installed();
  await accounts.register({ email: 'ada@example.com' });
  await accounts.handler.flush();
  const backup = await backupOf(accounts);
  assert.not(await isRefused(accounts, backup));
  await accounts.register({ email: 'grace@example.com' });
  assert.not(await isRefused(accounts, accounts.bed.vault), 'with its own vault, also before the mark has followed');
  assert.ok(await isRefused(accounts, backup));
  await accounts.handler.flush();
  assert.ok(await isRefused(accounts, backup));
  assert.not(await isRefused(accounts, accounts.bed.vault));
});

wrong('is refused however much happened since then', async () => {
  const accounts = await installed();
  const ada = await accounts.register({ email: 'ada@example.com' });
  await accounts.handler.flush();
  const backup = await backupOf(accounts);
  await accounts.register({ email: 'grace@example.com' });
  const rename = async (fullName: string) => {
    const input = { userId: ada, changes: { fullName } };
    const outcome = await accounts.execute(accounts.commands.changeProfile, input, accounts.bed.request());
    assert.not(isRejection(outcome));
  };
  for (let n = 0; n < 1_100; n += 1) await rename(`Ada ${n}`);
  assert.ok(await isRefused(accounts, backup));
});

wrong('goes on where those who came since then are erased, and where nobody came', async () => {
  const accounts = await installed();
  const ada = await accounts.register({ email: 'ada@example.com' });
  await accounts.handler.flush();
  const backup = await backupOf(accounts);
  const input = { userId: ada, changes: { fullName: 'Ada' } };
  assert.not(isRejection(await accounts.execute(accounts.commands.changeProfile, input, accounts.bed.request())));
  assert.not(await isRefused(accounts, backup));
  const userId = await accounts.register({ email: 'grace@example.com' });
  const erased = await accounts.execute(
    accounts.commands.eraseUser,
    { userId, reason: null },
    accounts.bed.request({ actor: { kind: 'admin', id: ada } }),
  );
  assert.not(isRejection(erased));
  assert.not(await isRefused(accounts, backup));
});

wrong('of two that begin an installation in one log at the same moment, one is told so', async () => {
  const accounts = createAccounts(createBed());
  const { bed } = accounts;
  const others = async () => {
    await createWhereMissing({ ...depsOf(accounts), execute: accounts.execute, request: () => bed.request() });
  };
  // It has found the log empty; before its first event is there, the other's is.
  let begun = false;
  const store: EventStore = {
    ...bed.store,
    append: async (stream, expected, events) => {
      if (!begun) {
        begun = true;
        await others();
      }
      return bed.store.append(stream, expected, events);
    },
  };
  const vault = createMemoryVault(bed.clock);
  const { execute } = bed.process({ vault, store }).handler;
  const deps = { ...depsOf(accounts, vault), store, randomness: seededRandomness('another') };
  const error = await createWhereMissing({ ...deps, execute, request: () => bed.request() }).then(
    () => null,
    (refused: unknown) => refused,
  );
  assert.instance(error, WrongStores);
  assert.match((error as Error).message, 'the log and the vault are of two installations');
  await others();
});

wrong('is accepted without sessions, commands begun and what was personal of those whose key is lost', async () => {
  const accounts = await installed();
  await accounts.register({ email: 'ada@example.com' });
  await accounts.handler.flush();
  const vault = await backupOf(accounts);
  const userId = await accounts.register({ email: 'grace@example.com' });
  const row = { value: '{}', person: null, ref: null, expiresAt: null };
  const many = Array.from({ length: 450 }, (_, n) => ({ ...row, id: `row ${n}` }));
  await vault.putAll(many.flatMap(({ ...each }) => ['session', 'intent', 'device'].map((kind) => ({ ...each, kind }))));
  assert.ok(await isRefused(accounts, vault));

  const process = accounts.bed.process({ vault });
  const { store } = accounts.bed;
  const { keys, handler, codec } = process;
  const deps = { store, vault, keys, execute: handler.execute, request: () => accounts.bed.request() };
  assert.is(await acceptRestored(deps, 'epoch-2'), 1);
  assert.not(await isRefused(accounts, vault));
  const left = async (kind: string) => (await vault.find(kind, {}, { after: null, limit: 1000 })).length;
  assert.equal([await left('session'), await left('intent'), await left('device')], [0, 0, 450]);
  const { events } = await store.readStream(`user-${userId}`, 0, 1);
  assert.is((await codec.open(events[0]!)).personal, 'erased');
  const { events: own } = await store.readStream('installation', 0, 10);
  const [created, opened] = own;
  assert.equal(opened?.data, { epoch: 'epoch-2', previousEpoch: created?.data.epoch });
  assert.is((await readMark(vault))?.eventId, opened?.id);

  assert.is(await acceptRestored(deps, 'epoch-3'), 0, 'and once more');
  assert.is((await store.readStream('installation', 0, 10)).events.length, 3);
});

wrong.run();
