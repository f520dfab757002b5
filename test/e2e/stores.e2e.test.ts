import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { adminPassword, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { copyOf, fingerprint, putFrom } from '../support/dataFolder.ts';
import { keyledger, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

/** Data folders of servers that were stopped. */
type Folders = {
  /** After the first start. */
  readonly early: string;
  /** The same one after more was done. */
  readonly late: string;
  /** Another installation, with more in its log. */
  readonly other: string;
};

const stores = suite<Folders>('stores that do not belong together');

const installation = async (starts: number) => {
  const first = await startServer();
  const { data } = first;
  await first.stop();
  const early = copyOf(data);
  for (let start = 0; start < starts; start += 1) {
    const again = await startServer({ KEYLEDGER_DATA: data });
    if (start === 0) {
      const admin = await firstAdministrator(again);
      const person = { email: 'ada@example.com', password: 'a passphrase of some length', roles: ['member'] };
      expectStatus(await admin.post('/v1/admin/users', person), 201);
    }
    assert.is((await again.stop()).code, 0);
  }
  return { early, late: data };
};

stores.before(async (context) => {
  const [{ early, late }, { late: other }] = [await installation(1), await installation(1)];
  Object.assign(context, { early, late, other });
});

/** Refused with one line that names all of these, and every file is as it was. */
const refused = async (data: string, names: readonly (string | RegExp)[], environment = {}) => {
  const before = fingerprint(data);
  const { code, stdout, stderr } = await keyledger(['serve'], { KEYLEDGER_DATA: data, ...environment });
  assert.is(code, 2, stderr);
  assert.is(stdout, '');
  assert.match(stderr, /^keyledger: [^\n]+\n$/, 'one line');
  for (const name of names) assert.match(stderr, name);
  assert.equal(fingerprint(data), before, `nothing was written: ${stderr}`);
};

const log = 'log.sqlite';
const vault = 'vault.sqlite';

stores('a stopped folder holds nothing but its files', ({ late }) => {
  assert.equal(Object.keys(fingerprint(late)), ['lists.sqlite', log, 'master-key', 'pepper', vault]);
});

stores('an older log under the same vault', async ({ early, late }) => {
  const data = copyOf(late);
  putFrom(early, data, log);
  await refused(data, [log, vault, 'older']);
});

stores('an older log and older lists under the same vault', async ({ early, late }) => {
  const data = copyOf(late);
  putFrom(early, data, log, 'lists.sqlite');
  await refused(data, [log, vault, 'older']);
});

stores('an older log under an older vault with the lists of now', async ({ early, late }) => {
  const data = copyOf(early);
  putFrom(late, data, 'lists.sqlite');
  await refused(data, [log, vault, 'lists']);
});

stores('an older vault under the same log: somebody living has no key there', async ({ early, late }) => {
  const data = copyOf(late);
  putFrom(early, data, vault);
  await refused(data, [log, vault, 'older', 'keys of persons']);
});

stores('lists of another log', async ({ late, other }) => {
  const data = copyOf(late);
  putFrom(other, data, 'lists.sqlite');
  await refused(data, [log, 'lists']);
});

stores('a log without its vault', async ({ late }) => {
  const data = copyOf(late);
  rmSync(join(data, vault));
  await refused(data, [log, vault]);
});

stores('a log without vault and keys', async ({ late }) => {
  const data = copyOf(late);
  for (const name of [vault, 'master-key', 'pepper']) rmSync(join(data, name));
  await refused(data, [log, vault]);
});

stores('a log beside an empty vault', async ({ late }) => {
  const data = copyOf(late);
  rmSync(join(data, vault));
  writeFileSync(join(data, vault), '');
  await refused(data, [log, vault]);
});

stores('a vault without its log', async ({ late }) => {
  const data = copyOf(late);
  rmSync(join(data, log));
  await refused(data, [log, vault]);
});

stores('a vault beside an empty log', async ({ late }) => {
  const data = copyOf(late);
  writeFileSync(join(data, log), '');
  await refused(data, [log, vault]);
});

stores("another installation's vault, with its keys", async ({ late, other }) => {
  const data = copyOf(late);
  putFrom(other, data, vault, 'master-key', 'pepper');
  await refused(data, [log, vault, 'two installations']);
});

stores("another installation's vault without its keys", async ({ late, other }) => {
  const data = copyOf(late);
  putFrom(other, data, vault);
  await refused(data, [log, vault, 'master key']);
});

stores("another installation's log", async ({ late, other }) => {
  const data = copyOf(late);
  putFrom(other, data, log);
  await refused(data, [log, vault, 'two installations']);
});

stores('another master key, by file and by variable', async ({ late, other }) => {
  const data = copyOf(late);
  await refused(data, [log, vault, 'master key'], { KEYLEDGER_MASTER_KEY: 'ab'.repeat(32) });
  await refused(data, [log, vault, 'master key'], { KEYLEDGER_MASTER_KEY_FILE: join(other, 'master-key') });
  putFrom(other, data, 'master-key');
  await refused(data, [log, vault, 'master key']);
});

stores('another pepper', async ({ late, other }) => {
  const data = copyOf(late);
  await refused(data, [log, vault, 'pepper'], { KEYLEDGER_PEPPER: 'ab'.repeat(32) });
  putFrom(other, data, 'pepper');
  await refused(data, [log, vault, 'pepper']);
});

for (const [name, variable] of [
  ['master-key', 'KEYLEDGER_MASTER_KEY'],
  ['pepper', 'KEYLEDGER_PEPPER'],
] as const) {
  stores(`no ${name}, an unusable one, and one that others may read`, async ({ late }) => {
    const data = copyOf(late);
    rmSync(join(data, name));
    await refused(data, [vault, name, variable]);
    writeFileSync(join(data, name), 'too short\n', { mode: 0o600 });
    await refused(data, [name, '32 bytes']);
    rmSync(join(data, name));
    writeFileSync(join(data, name), `${'ab'.repeat(32)}\n`, { mode: 0o644 });
    await refused(data, [name, 'chmod 600']);
  });
}

stores('two processes on one folder', async ({ late }) => {
  const server = await startServer({ KEYLEDGER_DATA: copyOf(late) });
  try {
    const { code, stdout, stderr } = await keyledger(['serve'], { KEYLEDGER_DATA: server.data });
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.is(stderr, `keyledger: ${server.data} is in use by process ${server.pid}\n`);
    await firstAnswer(server.url);
  } finally {
    assert.is((await server.stop()).code, 0);
  }
});

const firstAnswer = async (url: string) => assert.is((await fetch(`${url}/v1/session/providers`)).status, 200);

for (const name of [log, vault, 'lists.sqlite']) {
  stores(`${name} is no database, another program's, of a later release`, async ({ late }) => {
    const data = copyOf(late);
    writeFileSync(join(data, name), 'once upon a time '.repeat(100));
    await refused(data, [name, 'damaged']);
    rmSync(join(data, name));
    change(join(data, name), 'CREATE TABLE letters (text TEXT)');
    await refused(data, [name, 'something else']);
    putFrom(late, data, name);
    change(join(data, name), 'PRAGMA user_version = 99');
    await refused(data, [name, 'later release']);
  });
}

const change = (file: string, sql: string) => {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
};

stores('lists of another log beside neither log nor vault', async ({ other }) => {
  const data = join(temporaryFolder(), 'data');
  mkdirSync(data);
  putFrom(other, data, 'lists.sqlite');
  await refused(data, [log, 'lists.sqlite']);
});

/** Killed right after the answer to a command that ended something: nothing was tidied, the write-ahead logs are full. */
const killedFolder = async (from: string) => {
  const server = await startServer({ KEYLEDGER_DATA: copyOf(from) });
  const admin = await signIn(server, 'admin@localhost', adminPassword);
  expectStatus(await admin.post('/v1/sessions/end-all'), 204);
  await server.stop('SIGKILL');
  return copyOf(server.data);
};

stores(
  'an older log under a vault whose process was killed: left as they are, with what SQLite keeps',
  async (context) => {
    const data = await killedFolder(context.late);
    assert.ok(statSync(join(data, 'lists.sqlite-wal')).size > 0);
    for (const name of [log, `${log}-wal`, `${log}-shm`]) rmSync(join(data, name), { force: true });
    putFrom(context.late, data, log);
    await refused(data, [log, vault, 'older']);
  },
);

stores('a log whose process was killed, without its vault, under another, with another key', async (context) => {
  const data = await killedFolder(context.late);
  assert.ok(statSync(join(data, `${log}-wal`)).size > 0);
  await refused(data, [log, vault, 'pepper'], { KEYLEDGER_PEPPER: 'ab'.repeat(32) });
  for (const name of [vault, `${vault}-wal`, `${vault}-shm`]) rmSync(join(data, name), { force: true });
  await refused(data, [log, vault]);
  putFrom(context.other, data, vault, 'master-key', 'pepper');
  await refused(data, [log, vault, 'two installations']);
});

stores('a data folder that is a file', async ({ late }) => {
  const { code, stderr } = await keyledger(['serve'], { KEYLEDGER_DATA: join(late, log) });
  assert.is(code, 2);
  assert.match(stderr, /^keyledger: [^\n]+\n$/);
  assert.match(stderr, log);
});

stores('goes on where everything is in its place', async ({ late }) => {
  const server = await startServer({ KEYLEDGER_DATA: copyOf(late) });
  await firstAnswer(server.url);
  assert.is((await server.stop()).code, 0);
});

stores.run();
