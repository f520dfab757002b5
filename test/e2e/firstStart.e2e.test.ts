import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { adminPassword, clientOf, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { eventsIn, installationStateIn } from '../support/logFile.ts';
import { initialPassword, keyledger, launchServer, type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const firstStart = suite('the first start of the process');

const newFolder = () => join(temporaryFolder(), 'data');

/** Until it holds; a file that is only just being made counts as not there yet. */
const until = async (holds: () => boolean, over: Promise<unknown>): Promise<boolean> => {
  let ended = false;
  void over.then(() => {
    ended = true;
  });
  while (!ended) {
    try {
      if (holds()) return true;
    } catch {
      // The database is not there, or has no tables yet.
    }
    await sleep(1);
  }
  return false;
};

/** @returns whether it was killed, and had not ended by itself */
const killedAt = async (data: string, moment: (data: string, stdout: string) => boolean): Promise<boolean> => {
  const { child, ended, stdout } = launchServer({ KEYLEDGER_DATA: data });
  const came = await until(() => moment(data, stdout()), ended);
  child.kill('SIGKILL');
  const { signal } = await ended;
  return came && signal === 'SIGKILL';
};

const types = (data: string) => eventsIn(join(data, 'log.sqlite')).map(({ type }) => type);
const has = (name: string) => (data: string) => existsSync(join(data, name));
const holds = (type: string) => (data: string) => types(data).includes(type);
const state = (wanted: string) => (data: string) => installationStateIn(join(data, 'vault.sqlite')) === wanted;

/** In the order in which they come. */
const moments: readonly (readonly [string, (data: string, stdout: string) => boolean])[] = [
  ['the data folder is there', (data) => existsSync(data)],
  ['the master key is there', has('master-key')],
  ['the pepper is there', has('pepper')],
  ['the vault is there', has('vault.sqlite')],
  ['the log is there', has('log.sqlite')],
  ['the lists are there', has('lists.sqlite')],
  ['the installation is being made', state('creating')],
  ['the log has its first event', holds('InstallationCreated')],
  ['the log has a policy', holds('KeyPolicyChanged')],
  ['the installation is ready', state('ready')],
  ['the password file is there', has('initial-admin')],
  ['the address is claimed', holds('EmailClaimed')],
  ['the first user is registered', holds('UserRegistered')],
  ['there is an administrator', holds('AdministratorGranted')],
  ['it listens', (_, stdout) => stdout.includes('listening')],
];

const once = ['InstallationCreated', 'KeyPolicyChanged', 'UserRegistered', 'EmailClaimed', 'AdministratorGranted'];

/** One installation, one administrator whose password file works; it goes once the password is changed. */
const requireWhole = async (data: string) => {
  const server = await startServer({ KEYLEDGER_DATA: data });
  const file = join(data, 'initial-admin');
  try {
    const before = clientOf(server);
    const given = { email: 'admin@localhost', password: initialPassword(server) };
    const signedIn = expectStatus(await before.post('/v1/session', given), 200).body;
    assert.is(signedIn.user.mustChangePassword, true);
    assert.is((await before.get('/v1/admin/users')).body.code, 'password-change-required');
    assert.ok(existsSync(file), 'it stays until the password is changed');
    const admin = await firstAdministrator(server);
    assert.is(expectStatus(await admin.get('/v1/admin/users?count=true'), 200).body.total, 1);
    while (existsSync(file)) await sleep(20);
    await signIn(server, 'admin@localhost', adminPassword);
  } finally {
    assert.is((await server.stop()).code, 0, server.log());
  }
  const logged = types(data);
  for (const type of once) assert.is(logged.filter((other) => other === type).length, 1, type);
  assert.is(installationStateIn(join(data, 'vault.sqlite')), 'ready');
  const { code, stdout } = await keyledger(['lists', 'verify'], { KEYLEDGER_DATA: data });
  assert.is(code, 0, stdout);
};

for (const half of [0, 1]) {
  const mine = moments.filter((_, index) => index % 2 === half);
  firstStart(`killed as soon as ${mine.map(([name]) => name).join(', as ')}`, async () => {
    const data = newFolder();
    for (const [name, moment] of mine) assert.ok(await killedAt(data, moment), name);
    await requireWhole(data);
  });
}

for (const first of [60, 120]) {
  firstStart(`killed after ten different times, ${first} ms and ever later`, async () => {
    const data = newFolder();
    for (let ms = first; ms <= 1200; ms += 120) {
      const { child, ended } = launchServer({ KEYLEDGER_DATA: data });
      await sleep(ms);
      child.kill('SIGKILL');
      assert.is((await ended).signal, 'SIGKILL');
    }
    await requireWhole(data);
  });
}

const given = { KEYLEDGER_ADMIN_EMAIL: 'ada@example.com', KEYLEDGER_ADMIN_PASSWORD: 'a passphrase of some length' };

const signsIn = async (server: Server, email: string, password: string) => {
  const client = await signIn(server, email, password);
  const { roles } = expectStatus(await client.get('/v1/me'), 200).body;
  assert.ok(roles.includes('admin'));
  expectStatus(await client.get('/v1/admin/users'), 200);
};

firstStart(
  'with an address and a password of the operator: no file, nothing to change, only at the first',
  async () => {
    const data = newFolder();
    const server = await startServer({ KEYLEDGER_DATA: data, ...given });
    await signsIn(server, 'Ada@Example.com', given.KEYLEDGER_ADMIN_PASSWORD);
    assert.not(existsSync(join(data, 'initial-admin')));
    assert.is((await server.stop()).code, 0);
    const others = { KEYLEDGER_ADMIN_EMAIL: 'eve@example.com', KEYLEDGER_ADMIN_PASSWORD: 'another passphrase, long' };
    const again = await startServer({ KEYLEDGER_DATA: data, ...others });
    await signsIn(again, 'ada@example.com', given.KEYLEDGER_ADMIN_PASSWORD);
    const refused = clientOf(again);
    const stranger = { email: others.KEYLEDGER_ADMIN_EMAIL, password: others.KEYLEDGER_ADMIN_PASSWORD };
    assert.is((await refused.post('/v1/session', stranger)).status, 401);
    assert.is((await again.stop()).code, 0);
    assert.is(types(data).filter((type) => type === 'AdministratorGranted').length, 1);
  },
);

firstStart.run();
