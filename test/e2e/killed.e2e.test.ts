// time limit: 8 min
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { type Client, expectStatus, firstAdministrator, serviceWith, signIn } from '../support/client.ts';
import { freePort } from '../support/freePort.ts';
import { eventsIn } from '../support/logFile.ts';
import { keyledger, type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { type AskedKey, type Book, type Register, writeKeys, writeRegister, writeUsers } from '../support/writers.ts';

const killed = suite('killed in the middle of writing');

const password = 'a passphrase of some length';
const rounds = 10;

type Cast = { readonly admin: Client; readonly service: Client; readonly owners: readonly Client[] };

const person = async (server: Server, admin: Client, name: string) => {
  const email = `${name}@example.com`;
  const { id } = expectStatus(await admin.post('/v1/admin/users', { email, password, roles: ['member'] }), 201).body;
  return { id: id as string, client: await signIn(server, email, password) };
};

const castOf = async (server: Server): Promise<Cast> => {
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const service = await serviceWith(server, admin, ['verify']);
  const owners: Client[] = [];
  for (const name of ['one', 'two', 'three', 'four']) owners.push((await person(server, admin, name)).client);
  return { admin, service, owners };
};

const permissions = ['api-keys:use', 'keys:read', 'keys:revoke', 'policy:read', 'users:read', 'audit:read'];

const registersOf = async ({ admin }: Cast): Promise<readonly Register[]> => {
  const { id } = expectStatus(
    await admin.post('/v1/admin/users', { email: 'group@example.com', externalProvider: 'directory', roles: [] }),
    201,
  ).body;
  const start = { asked: 0, answered: 0 };
  return [
    {
      ...start,
      name: 'groups of a user',
      values: Number.MAX_SAFE_INTEGER,
      write: (value) => admin.patch(`/v1/admin/users/${id}`, { groups: [`group ${value}`] }),
      read: async () => {
        const { groups } = expectStatus(await admin.get(`/v1/admin/users/${id}`), 200).body;
        return Number(groups[0]?.split(' ')[1] ?? 0);
      },
    },
    {
      ...start,
      name: 'limit of the policy',
      values: 100,
      write: (value) => admin.put('/v1/admin/policy', { maxKeysPerUser: 1000 - (value % 100) }),
      read: async () => {
        const { maxKeysPerUser } = expectStatus(await admin.get('/v1/admin/policy'), 200).body;
        return (1000 - maxKeysPerUser) % 100;
      },
    },
    {
      ...start,
      name: 'permissions of a role',
      values: 2 ** permissions.length,
      write: (value) => {
        const chosen = permissions.filter((_, bit) => (value >> bit) & 1);
        return admin.put('/v1/admin/roles/robot', { permissions: chosen });
      },
      read: async () => {
        const { items } = expectStatus(await admin.get('/v1/admin/roles'), 200).body;
        const robot = items.find(({ name }: { name: string }) => name === 'robot');
        const bits = permissions.map((permission, bit) => (robot?.permissions.includes(permission) ? 1 << bit : 0));
        return bits.reduce((sum, bit) => sum + bit, 0);
      },
    },
  ];
};

/** Two people whose keys and sessions ended before the kill. @returns what must stay refused for ever */
const endSome = async (server: Server, { admin, service }: Cast, round: number) => {
  const leaver = await person(server, admin, `leaver${round}`);
  const { key } = expectStatus(await leaver.client.post('/v1/api-keys', { name: 'k' }), 201).body;
  const mover = await signIn(server, 'one@example.com', password);
  return {
    act: async () => {
      expectStatus(await admin.post(`/v1/admin/users/${leaver.id}/deactivate`), 200);
      expectStatus(await mover.delete('/v1/session'), 204);
    },
    check: async () => {
      assert.is((await leaver.client.get('/v1/me')).status, 401, 'a deactivated user has no session');
      assert.is((await mover.get('/v1/me')).status, 401, 'a session that was ended');
      assert.is(await codeOf(service, key), 'owner-inactive');
    },
  };
};

const codeOf = async (service: Client, key: string): Promise<string> =>
  expectStatus(await service.post('/v1/verify', { key }), 200).body.code;

const everyPage = async (client: Client, path: string) => {
  const found: { id: string; name: string | null; email?: string | null; status: string }[] = [];
  for (let cursor = ''; ; ) {
    const { items, nextCursor } = expectStatus(await client.get(`${path}limit=200${cursor}`), 200).body;
    found.push(...items);
    if (nextCursor === null) return found;
    cursor = `&cursor=${encodeURIComponent(nextCursor)}`;
  }
};

type Found = Awaited<ReturnType<typeof everyPage>>;

const ofName = (found: Found, name: string) => found.filter((item) => (item.email ?? item.name) === name);

const keysOf = (owner: Client) => everyPage(owner, '/v1/api-keys?status=active,expired,revoked&');

/** What nobody was told of before the kill: at most once there, and the same command makes it no second time. */
const retryKey = async (asked: AskedKey, before: Found) => {
  const there = ofName(before, asked.name);
  assert.ok(there.length <= 1, `${asked.name} was made ${there.length} times`);
  const first = expectStatus(await asked.make(), 201);
  const second = expectStatus(await asked.make(), 201);
  if (there[0] !== undefined) {
    assert.is(first.body.id, there[0].id, 'it had happened: the repeat is about the same key');
    assert.is(first.headers.get('idempotency-replayed'), 'true');
  }
  assert.is(second.headers.get('idempotency-replayed'), 'true');
  assert.is(second.body.id, first.body.id);
  assert.is(second.body.key, first.body.key);
  asked.made = first.body;
};

const checkKeys = async (book: Book, { owners, service }: Cast) => {
  for (const owner of owners) {
    const mine = book.keys.filter((key) => key.owner === owner);
    const before = await keysOf(owner);
    for (const asked of mine) {
      if (asked.made === null) await retryKey(asked, before);
      if (asked.deletion === 'asked') {
        expectStatus(await asked.remove(), 204);
        asked.deletion = 'answered';
      }
    }
    const now = await keysOf(owner);
    assert.is(now.length, mine.length, 'no key that nobody asked for');
    const codes = await Promise.all(mine.map(({ made }) => codeOf(service, made?.key ?? '')));
    mine.forEach((asked, index) => {
      const [listed, ...more] = ofName(now, asked.name);
      assert.equal(more, [], `${asked.name} is there once`);
      assert.is(listed?.id, asked.made?.id);
      const deleted = asked.deletion === 'answered';
      assert.is(listed?.status, deleted ? 'revoked' : 'active', asked.name);
      assert.is(codes[index], deleted ? 'revoked' : 'valid', asked.name);
    });
  }
};

/** Whoever got no answer asked too late: nothing was begun and not answered. */
const checkNothingUnanswered = async (book: Book, { owners }: Cast) => {
  for (const owner of owners) {
    const found = await keysOf(owner);
    for (const { name, made, deletion } of book.keys.filter((key) => key.owner === owner)) {
      if (made === null) assert.equal(ofName(found, name), [], `${name} was made, and nobody was told`);
      if (deletion === 'asked') assert.is(ofName(found, name)[0]?.status, 'active', name);
    }
  }
};

const checkUsers = async (book: Book, { admin }: Cast) => {
  for (const asked of book.users.filter(({ made }) => made === null)) {
    const made = expectStatus(await asked.make(), 201);
    const again = expectStatus(await asked.make(), 201);
    assert.is(again.body.id, made.body.id);
    assert.is(again.headers.get('idempotency-replayed'), 'true');
    asked.made = made.body;
  }
  const listed = await everyPage(admin, '/v1/admin/users?');
  for (const asked of book.users) {
    const found = ofName(listed, asked.name);
    assert.equal(
      found.map(({ id }) => id),
      [asked.made?.id],
      `${asked.name} is there once`,
    );
  }
};

const checkRegisters = async (registers: readonly Register[]) => {
  for (const register of registers) {
    const value = await register.read();
    const possible = [register.answered, register.asked].map((number) => number % register.values);
    assert.ok(possible.includes(value), `${register.name}: ${value}, and not ${possible.join(' or ')}`);
    register.answered = register.asked;
  }
};

/** Sixteen writers, and the process is told to end as soon as so many more answers were given. */
const writeUntil = async (
  signal: 'SIGKILL' | 'SIGTERM',
  answers: number,
  { server, cast, registers, book }: { server: Server; cast: Cast; registers: readonly Register[]; book: Book },
) => {
  const { admin, owners } = cast;
  const enough = book.answers + answers;
  const names = `r${enough}`;
  let failed = false;
  const writing = Promise.all([
    ...Array.from({ length: 11 }, (_, writer) =>
      writeKeys(book, owners[writer % owners.length]!, `${names} w${writer}`),
    ),
    ...Array.from({ length: 2 }, (_, writer) => writeUsers(book, admin, `${names} u${writer}`)),
    ...registers.map((register) => writeRegister(book, register)),
  ]);
  writing.catch(() => {
    failed = true;
  });
  while (book.answers < enough && !failed) await setImmediate();
  const ended = await server.stop(signal);
  await writing;
  return ended;
};

killed(
  'ten times, by kill -9, among sixteen writers: nothing that was answered is lost, nothing is there twice',
  async () => {
    const data = join(temporaryFolder(), 'data');
    // Clients and cookies outlive the process.
    const environment = { KEYLEDGER_DATA: data, KEYLEDGER_PORT: await freePort() };
    let server = await startServer(environment);
    const cast = await castOf(server);
    const registers = await registersOf(cast);
    const book: Book = { keys: [], users: [], answers: 0 };
    const ended: (() => Promise<void>)[] = [];

    for (let round = 1; round <= rounds; round += 1) {
      const ending = await endSome(server, cast, round);
      await ending.act();
      ended.push(ending.check);
      const { signal } = await writeUntil('SIGKILL', 20 + 7 * round, { server, cast, registers, book });
      assert.is(signal, 'SIGKILL');
      server = await startServer(environment);
      for (const check of ended) await check();
      await checkKeys(book, cast);
      await checkUsers(book, cast);
      await checkRegisters(registers);
    }

    const asked = await writeUntil('SIGTERM', 50, { server, cast, registers, book });
    assert.equal([asked.code, asked.stderr], [0, ''], 'asked to end, it ends in order');
    server = await startServer(environment);
    await checkNothingUnanswered(book, cast);
    await checkKeys(book, cast);
    await checkUsers(book, cast);
    await checkRegisters(registers);

    assert.ok(book.keys.length > 300, `${book.keys.length} keys`);
    assert.is((await server.stop()).code, 0, server.log());
    const verified = await keyledger(['lists', 'verify'], environment);
    assert.is(verified.code, 0, verified.stdout + verified.stderr);

    const revisions = new Map<string, number>();
    eventsIn(join(data, 'log.sqlite')).forEach(({ seq, stream, revision }, index) => {
      assert.is(seq, index + 1, 'no gap in the log');
      assert.is(revision, (revisions.get(stream) ?? -1) + 1, `no gap in ${stream}`);
      revisions.set(stream, revision);
    });
  },
);

killed.run();
