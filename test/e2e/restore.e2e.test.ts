import * as assert from 'uvu/assert';
import { adminPassword, type Client, clientOf, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { copyOf, fingerprint, putFrom } from '../support/dataFolder.ts';
import { keyledger, type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

type Key = { readonly id: string; readonly key: string };

type Past = {
  /** The folder at two times, the server stopped. */
  readonly early: string;
  readonly late: string;
  /** Of a service that verifies and follows the feed. */
  readonly token: string;
  readonly epoch: string;
  /** Made before the first of the two times; the second was deleted between them. */
  readonly kept: Key;
  readonly deletedLater: Key;
  /** Made between them. */
  readonly younger: Key;
  /** Of a session that began between them. */
  readonly cookie: string;
};

const restore = suite<Past>('keyledger restore accept');

const person = { email: 'grace@example.com', password: 'a passphrase of some length', fullName: 'Grace' };
const log = 'log.sqlite';
const vault = 'vault.sqlite';

const make = async (admin: Client, name: string): Promise<Key> =>
  expectStatus(await admin.post('/v1/api-keys', { name }), 201).body;

const serviceOf = (server: Server, token: string) => clientOf(server, { authorization: `Bearer ${token}` });

restore.before(async (context) => {
  const server = await startServer();
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const permissions = ['verify', 'revocations:read'];
  const { token } = expectStatus(
    await admin.post('/v1/admin/service-tokens', { name: 'service', permissions }),
    201,
  ).body;
  const [kept, deletedLater] = [await make(admin, 'kept'), await make(admin, 'deleted later')];
  assert.is((await server.stop()).code, 0);
  const early = copyOf(server.data);

  const again = await startServer({ KEYLEDGER_DATA: server.data });
  const client = clientOf(again);
  const signedIn = await client.post('/v1/session', { email: 'admin@localhost', password: adminPassword });
  const cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!;
  const younger = await make(client, 'younger');
  expectStatus(await client.delete(`/v1/api-keys/${deletedLater.id}`), 204);
  expectStatus(await client.post('/v1/admin/users', { ...person, roles: ['member'] }), 201);
  const { epoch } = expectStatus(await serviceOf(again, token).get('/v1/revocations'), 200).body;
  assert.is((await again.stop()).code, 0);
  Object.assign(context, { early, late: server.data, token, epoch, kept, deletedLater, younger, cookie });
});

const accepted = /^Accepted as they are\. Whoever follows the feed begins anew, with epoch ([0-9a-f-]{36})\.\n/;

const accept = async (data: string) => {
  const { code, stdout, stderr } = await keyledger(['restore', 'accept'], { KEYLEDGER_DATA: data });
  assert.is(code, 0, stderr);
  assert.match(stdout, accepted);
  return { epoch: accepted.exec(stdout)![1]!, stdout };
};

const refused = async (data: string, command: readonly string[]) => {
  const before = fingerprint(data);
  const { code, stdout, stderr } = await keyledger(command, { KEYLEDGER_DATA: data });
  assert.equal([code, stdout], [2, ''], stderr);
  assert.match(stderr, /^keyledger: [^\n]+\n$/);
  assert.equal(fingerprint(data), before, 'nothing was written');
};

const codeOf = async (server: Server, token: string, { key }: Key) =>
  expectStatus(await serviceOf(server, token).post('/v1/verify', { key }), 200).body.code;

const listsAreRight = async (data: string) => {
  const { code, stdout, stderr } = await keyledger(['lists', 'verify'], { KEYLEDGER_DATA: data });
  assert.is(code, 0, stdout + stderr);
};

restore('goes on with an older log, of which everybody is told', async (past) => {
  const data = copyOf(past.late);
  putFrom(past.early, data, log);
  await refused(data, ['serve']);
  const { epoch, stdout } = await accept(data);
  assert.not.match(stdout, /lost/);
  assert.is.not(epoch, past.epoch);

  const server = await startServer({ KEYLEDGER_DATA: data });
  try {
    const codes = [];
    for (const key of [past.kept, past.deletedLater, past.younger]) codes.push(await codeOf(server, past.token, key));
    assert.equal(codes, ['valid', 'valid', 'not-found'], 'as the log says');
    assert.is((await clientOf(server).get('/v1/me', { cookie: past.cookie })).status, 401, 'no session is left');
    const service = serviceOf(server, past.token);
    const old = await service.get(`/v1/revocations?epoch=${past.epoch}`);
    assert.equal([old.status, old.body.code], [410, 'feed-restarted']);
    const { body } = expectStatus(await service.get(`/v1/revocations?epoch=${epoch}`), 200);
    const last = body.items.at(-1);
    assert.equal([last.kind, last.reason, last.epoch], ['all', 'epoch-opened', epoch]);
    const admin = await signIn(server, 'admin@localhost', adminPassword);
    assert.is((await make(admin, 'after')).key.length > 20, true);
    await listsAreRight(data);
  } finally {
    assert.is((await server.stop()).code, 0);
  }
  assert.is((await (await startServer({ KEYLEDGER_DATA: data })).stop()).code, 0, 'and starts again');
});

restore('goes on with an older vault, without what it never had', async (past) => {
  const data = copyOf(past.late);
  putFrom(past.early, data, vault);
  await refused(data, ['serve']);
  const { stdout } = await accept(data);
  assert.match(stdout, /\nOf 1 persons the vault has no key: what was personal of them is lost\.\n$/);

  const server = await startServer({ KEYLEDGER_DATA: data });
  try {
    const codes = [];
    for (const key of [past.kept, past.deletedLater, past.younger]) codes.push(await codeOf(server, past.token, key));
    assert.equal(codes, ['valid', 'revoked', 'valid'], 'as the log says');
    const admin = await signIn(server, 'admin@localhost', adminPassword);
    const { items } = expectStatus(await admin.get('/v1/admin/users'), 200).body;
    const other = items.find(({ roles }: { roles: string[] }) => roles.includes('member'));
    assert.equal([other.email, other.fullName, other.status], [null, null, 'active']);
    expectStatus(await admin.post(`/v1/admin/users/${other.id}/delete`), 204);
    await listsAreRight(data);
  } finally {
    assert.is((await server.stop()).code, 0);
  }
});

restore('goes on with both of one earlier time', async (past) => {
  const data = copyOf(past.early);
  await accept(data);
  const server = await startServer({ KEYLEDGER_DATA: data });
  try {
    assert.is(await codeOf(server, past.token, past.kept), 'valid');
    const old = await serviceOf(server, past.token).get(`/v1/revocations?epoch=${past.epoch}`);
    assert.is(old.status, 410);
  } finally {
    assert.is((await server.stop()).code, 0);
  }
});

restore('refuses what is no matter of time, and writes nothing', async (past) => {
  const other = await startServer();
  await firstAdministrator(other);
  assert.is((await other.stop()).code, 0);
  const mixed = copyOf(past.late);
  putFrom(other.data, mixed, vault, 'master-key', 'pepper');
  await refused(mixed, ['restore', 'accept']);
  const keyless = copyOf(past.late);
  putFrom(other.data, keyless, 'pepper');
  await refused(keyless, ['restore', 'accept']);

  const server = await startServer({ KEYLEDGER_DATA: copyOf(past.late) });
  try {
    const { code, stderr } = await keyledger(['restore', 'accept'], { KEYLEDGER_DATA: server.data });
    assert.is(code, 2);
    assert.is(stderr, `keyledger: ${server.data} is in use by process ${server.pid}\n`);
  } finally {
    assert.is((await server.stop()).code, 0);
  }
});

restore.run();
