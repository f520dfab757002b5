import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { adminPassword, type Client, clientOf, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { copyOf, fingerprint } from '../support/dataFolder.ts';
import { eventsIn } from '../support/logFile.ts';
import { initialPassword, keyledger, launchServer, type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { type Book, type Register, writeRegister, writeUsers } from '../support/writers.ts';

const life = suite<{ made: string }>('the process');

const password = 'a passphrase of some length';

/** A folder with keys switched on, a member with three keys, one of them deleted. */
life.before(async (context) => {
  const server = await startServer();
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const person = { email: 'ada@example.com', password, fullName: 'Ada', roles: ['member'] };
  expectStatus(await admin.post('/v1/admin/users', person), 201);
  const ada = await signIn(server, 'ada@example.com', password);
  for (const name of ['one', 'two']) expectStatus(await ada.post('/v1/api-keys', { name }), 201);
  const { id } = expectStatus(await ada.post('/v1/api-keys', { name: 'three' }), 201).body;
  expectStatus(await ada.delete(`/v1/api-keys/${id}`), 204);
  const { code } = await server.stop();
  assert.is(code, 0);
  context.made = server.data;
});

const withServer = async (
  context: { made: string },
  work: (server: Server, admin: Client) => Promise<void>,
  environment = {},
) => {
  const server = await startServer({ KEYLEDGER_DATA: copyOf(context.made), ...environment });
  try {
    await work(server, await signIn(server, 'admin@localhost', adminPassword));
  } finally {
    await server.stop();
  }
};

/** A request whose second half is held back: the server has begun with it when this resolves. */
const halfSent = async (url: string, path: string, body: string, agent: Agent) => {
  const sent = request(`${url}${path}`, {
    agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), expect: '100-continue' },
  });
  const response = new Promise<IncomingMessage>((resolve, reject) =>
    sent.once('response', resolve).on('error', reject),
  );
  // Whoever holds it back asks for it later, or never.
  response.catch(() => {});
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.write(body.slice(0, 10));
  return async () => {
    sent.end(body.slice(10));
    const answer = await response;
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
    return { status: answer.statusCode, body: JSON.parse(text) };
  };
};

const logLine = async (server: Server, text: string) => {
  while (!server.log().includes(text)) await sleep(20);
};

life('SIGTERM: streams end, what is in flight is answered, idle connections hold nothing, exit 0', async (context) => {
  const environment = { KEYLEDGER_LOG_LEVEL: 'info' };
  await withServer(
    context,
    async (server, admin) => {
      const { token } = expectStatus(
        await admin.post('/v1/admin/service-tokens', { name: 'feed', permissions: ['revocations:read'] }),
        201,
      ).body;
      const stream = await fetch(`${server.url}/v1/revocations/stream`, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.is(stream.status, 200);
      const streamed = stream.text();
      const agent = new Agent({ keepAlive: true });
      const finish = await halfSent(
        server.url,
        '/v1/session',
        JSON.stringify({ email: 'ada@example.com', password }),
        agent,
      );

      const begun = performance.now();
      const ended = server.stop('SIGTERM');
      await logLine(server, '"stopping"');
      assert.match(await streamed, /^event: heartbeat$/m);
      await assertRefused(server.url);
      const answered = await finish();
      assert.is(answered.status, 200, JSON.stringify(answered.body));
      assert.is(answered.body.user.email, 'ada@example.com');
      const { code, stderr } = await ended;
      assert.is(code, 0, stderr);
      assert.not.match(stderr, /stopped before everything had finished/);
      assert.ok(performance.now() - begun < 10_000, 'within ten seconds');
      agent.destroy();
    },
    environment,
  );
});

const assertRefused = async (url: string) => {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const error = await once(socket, 'connect').then(
    () => null,
    ({ code }: NodeJS.ErrnoException) => code,
  );
  socket.destroy();
  assert.is(error, 'ECONNREFUSED', 'no new connection is taken');
};

life('SIGTERM: who never ends their request does not hold the process', async (context) => {
  await withServer(context, async (server) => {
    const agent = new Agent({ keepAlive: true });
    const finish = await halfSent(
      server.url,
      '/v1/session',
      JSON.stringify({ email: 'a@example.com', password }),
      agent,
    );
    const begun = performance.now();
    const { code, stderr } = await server.stop('SIGTERM');
    assert.is(code, 0, stderr);
    assert.ok(performance.now() - begun < 10_000, 'within ten seconds');
    assert.not.match(stderr, /stopped before everything had finished/);
    const cut = await finish().catch((error: Error) => error);
    assert.instance(cut, Error);
    agent.destroy();
  });
});

life('goes on where nobody reads its log any more', async () => {
  const environment = { KEYLEDGER_DATA: join(temporaryFolder(), 'data'), KEYLEDGER_LOG_LEVEL: 'trace' };
  const { child, ended } = launchServer(environment);
  child.stdout.destroy();
  child.stderr.destroy();
  const control = join(environment.KEYLEDGER_DATA, 'control');
  while (!existsSync(control) && child.exitCode === null) await sleep(20);
  assert.is((await keyledger(['lists', 'rebuild'], environment)).code, 0);
  child.kill('SIGTERM');
  assert.is((await ended).code, 0);
});

/** Users come, keys are renamed and groups change as fast as it goes, until the server ends. */
const busy = async (server: Server, admin: Client, book: Book) => {
  const ada = await signIn(server, 'ada@example.com', password);
  const { items } = expectStatus(await ada.get('/v1/api-keys'), 200).body;
  const { id } = expectStatus(await ada.get('/v1/profile'), 200).body;
  const register = (write: Register['write']): Register => ({
    name: '',
    values: Number.MAX_SAFE_INTEGER,
    write,
    read: async () => 0,
    asked: 0,
    answered: 0,
  });
  const renaming = items.map((key: { id: string }) =>
    register((value) => ada.patch(`/v1/api-keys/${key.id}`, { name: `name ${value}` })),
  );
  const grouping = register((value) => admin.patch(`/v1/admin/users/${id}`, { groups: [`group ${value}`] }));
  const all: Register[] = [...renaming, grouping];
  return Promise.all([
    ...all.map((one) => writeRegister(book, one)),
    writeUsers(book, admin, 'busy one'),
    writeUsers(book, admin, 'busy two'),
  ]);
};

life('lists verify and rebuild through the running server, while it is written to', async (context) => {
  const data = copyOf(context.made);
  const environment = { KEYLEDGER_DATA: data };
  const server = await startServer(environment);
  const admin = await signIn(server, 'admin@localhost', adminPassword);
  expectStatus(await admin.put('/v1/admin/policy', { nameEditable: true }), 200);
  const book: Book = { keys: [], users: [], answers: 0 };
  const writing = busy(server, admin, book);
  while (book.answers < 20) await sleep(5);

  const verified = await keyledger(['lists', 'verify'], environment);
  assert.is(verified.stdout, 'The lists equal a replay of the log.\n', verified.stderr);
  assert.is(verified.code, 0);
  assert.match(verified.stderr, /^users .*100 %/m, 'progress');
  const rebuilt = await keyledger(['lists', 'rebuild'], environment);
  assert.is(rebuilt.stdout, 'The lists are filled anew.\n', rebuilt.stderr);
  assert.is(rebuilt.code, 0);
  const answers = book.answers;
  while (book.answers < answers + 20) await sleep(5);
  const again = await keyledger(['lists', 'verify'], environment);
  assert.is(again.stdout, 'The lists equal a replay of the log.\n', again.stderr);
  const unknown = await keyledger(['lists', 'rebuild', 'cats'], environment);
  assert.is(unknown.code, 1);
  assert.match(unknown.stderr, /^keyledger: [^\n]*cats[^\n]*\n$/);

  assert.is((await server.stop()).code, 0, server.log());
  await writing;
  const after = await keyledger(['lists', 'verify'], environment);
  assert.is(after.code, 0, after.stdout);
  const names = eventsIn(join(data, 'log.sqlite')).filter(({ type }) => type === 'UserRegistered');
  assert.ok(names.length >= book.users.filter(({ made }) => made !== null).length);
});

life('lists verify and rebuild on the folder of a stopped server; a difference is told and mended', async (context) => {
  const data = copyOf(context.made);
  const environment = { KEYLEDGER_DATA: data };
  const verified = await keyledger(['lists', 'verify'], environment);
  assert.is(verified.stdout, 'The lists equal a replay of the log.\n', verified.stderr);
  assert.is(verified.code, 0);

  spoil(join(data, 'lists.sqlite'));
  const differing = await keyledger(['lists', 'verify'], environment);
  assert.is(differing.code, 1, differing.stderr);
  assert.match(differing.stdout, /^users [^\n]+\n1 differences/m);
  const rebuilt = await keyledger(['lists', 'rebuild', 'users'], environment);
  assert.is(rebuilt.code, 0, rebuilt.stderr);
  assert.is((await keyledger(['lists', 'verify', 'users'], environment)).code, 0);

  rmSync(join(data, 'lists.sqlite'));
  assert.is((await keyledger(['lists', 'verify'], environment)).code, 0, 'lists that are gone are filled again');
});

/** Behind everybody's back: a user is gone from the list. */
const spoil = (file: string) => {
  const db = new DatabaseSync(file);
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as { name: string }[];
  const build = db.prepare("SELECT number FROM builds WHERE list = 'users'").get() as { number: number };
  const table = tables.find(({ name }) => name.endsWith(String(build.number)))?.name;
  db.exec(`DELETE FROM ${table} WHERE rowid = (SELECT min(rowid) FROM ${table})`);
  db.close();
};

const isAdministrator = async (server: Pick<Server, 'url'>, email: string, file: string) => {
  assert.is(statSync(file).mode & 0o777, 0o600);
  const recovered = await signIn(server, email, readFileSync(file, 'utf8').trim());
  const me = expectStatus(await recovered.get('/v1/me'), 200).body;
  assert.ok(me.roles.includes('admin'), JSON.stringify(me.roles));
  expectStatus(await recovered.get('/v1/admin/users'), 200);
};

life('admin recover through the running server, and without it', async (context) => {
  const data = copyOf(context.made);
  const environment = { KEYLEDGER_DATA: data };
  const server = await startServer(environment);
  const file = join(data, 'recovered-admin');
  const said = (email: string) => `${email} is administrator. The password stands in ${file}\n`;
  try {
    const lockedOut = await signIn(server, 'admin@localhost', adminPassword);
    const recovered = await keyledger(['admin', 'recover', '--email', 'ada@example.com'], environment);
    assert.is(recovered.code, 0, recovered.stderr);
    assert.is(recovered.stdout, said('ada@example.com'));
    await isAdministrator(server, 'ada@example.com', file);
    const refused = clientOf(server);
    assert.is((await refused.post('/v1/session', { email: 'ada@example.com', password })).status, 401, 'the old one');

    const own = expectStatus(await lockedOut.get('/v1/me'), 200).body;
    const ada = await signIn(server, 'ada@example.com', readFileSync(file, 'utf8').trim());
    expectStatus(await ada.post(`/v1/admin/users/${own.id}/deactivate`), 200);
    assert.is((await lockedOut.get('/v1/me')).status, 401);

    const wrong = await keyledger(['admin', 'recover', '--email', 'nobody'], environment);
    assert.is(wrong.code, 1);
    assert.match(wrong.stderr, /^keyledger: [^\n]+\n$/);
  } finally {
    assert.is((await server.stop()).code, 0);
  }

  for (const [args, email] of [
    [[], 'admin@localhost'],
    [['--email', 'grace@example.com'], 'grace@example.com'],
  ] as const) {
    const recovered = await keyledger(['admin', 'recover', ...args], environment);
    assert.is(recovered.code, 0, recovered.stderr);
    assert.is(recovered.stdout, said(email));
    const again = await startServer(environment);
    await isAdministrator(again, email, file);
    assert.is((await again.stop()).code, 0);
  }
});

life('npm start prints where it listens, and Ctrl-C ends it', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const data = join(temporaryFolder(), 'data');
  const { KEYLEDGER_DATA: _, ...rest } = process.env;
  // A process group of its own, as a terminal gives to what is started in it: Ctrl-C reaches all of them.
  const child = spawn('npm', ['start'], {
    cwd: root,
    detached: true,
    env: { ...rest, KEYLEDGER_DATA: data, KEYLEDGER_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = once(child, 'close');
  for await (const text of child.stdout.setEncoding('utf8')) {
    stdout += text;
    if (/^Keyledger listening on http:\/\/127\.0\.0\.1:\d+$/m.test(stdout)) break;
  }
  assert.match(stdout, /^Keyledger listening on http:\/\/127\.0\.0\.1:\d+$/m, stderr);
  process.kill(-child.pid!, 'SIGINT');
  // npm passes it on: the server is told twice.
  const [code, signal] = await closed;
  assert.equal([code, signal], [0, null], stderr);
  assert.match(stderr, '"stopping"');
  assert.equal(Object.keys(fingerprint(data)), [
    'initial-admin',
    'lists.sqlite',
    'log.sqlite',
    'master-key',
    'pepper',
    'vault.sqlite',
  ]);
});

life('no password, key, token or personal data in what it logs, at any level', async () => {
  const server = await startServer({ KEYLEDGER_LOG_LEVEL: 'trace' });
  const secrets = [initialPassword(server), adminPassword, password, 'wrong wrong wrong wrong'];
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const person = { email: 'ada@example.com', password, fullName: 'Ada Secretname', roles: ['member'] };
  const { id } = expectStatus(await admin.post('/v1/admin/users', person), 201).body;
  const ada = await signIn(server, 'ada@example.com', password);
  const made = expectStatus(await ada.post('/v1/api-keys', { name: 'keynamed' }), 201).body;
  const { token } = expectStatus(
    await admin.post('/v1/admin/service-tokens', { name: 'tokennamed', permissions: ['verify'] }),
    201,
  ).body;
  const service = clientOf(server, { authorization: `Bearer ${token}` });
  expectStatus(await service.post('/v1/verify', { key: made.key, ip: '192.0.2.77', userAgent: 'agentnamed' }), 200);
  secrets.push(made.key, token, 'ada@example.com', 'Secretname', 'keynamed', 'tokennamed', '192.0.2.77', 'agentnamed');
  // What goes wrong is what gets logged.
  const stranger = clientOf(server);
  const wrong = { email: 'ada@example.com', password: 'wrong wrong wrong wrong' };
  expectStatus(await stranger.post('/v1/session', wrong), 401);
  expectStatus(await service.call('POST', '/v1/verify', { raw: `{"key":"${made.key}",` }), 400);
  expectStatus(await stranger.call('POST', '/v1/session', { raw: `{"password":"${password}"` }), 400);
  expectStatus(await stranger.get(`/v1/me?email=ada@example.com&key=${made.key}`), 401);
  expectStatus(await admin.get(`/v1/api-keys/${encodeURIComponent(made.key)}`), 404);
  expectStatus(await admin.post(`/v1/admin/users/${id}/delete`), 204);
  const recovered = await keyledger(['admin', 'recover', '--email', 'grace@example.com'], {
    KEYLEDGER_DATA: server.data,
    KEYLEDGER_LOG_LEVEL: 'trace',
  });
  assert.is(recovered.code, 0, recovered.stderr);
  secrets.push(readFileSync(join(server.data, 'recovered-admin'), 'utf8').trim(), 'grace@example.com');
  const { stdout, stderr } = await server.stop();
  assert.match(stderr, '"stopping"');
  for (const secret of secrets) assert.not.match(stdout + stderr, secret);
  const keys = ['master-key', 'pepper'].map((name) => readFileSync(join(server.data, name), 'utf8').trim());
  for (const key of keys) assert.not.match(stderr, key);
});

life.run();
