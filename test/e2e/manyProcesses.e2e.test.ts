import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { type Client, clientOf, expectStatus, type Response, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { keyledger, type Server } from '../support/server.ts';
import { appendForeign } from '../support/stoppedFolder.ts';
import { suite } from '../support/suite.ts';

type Context = {
  deployment: Deployment;
  a: Server;
  b: Server;
  worker: Server;
  /** The administrator, signed in at each of the two. */
  atA: Client;
  atB: Client;
};

const many = suite<Context>('two processes that answer, and one that works');
many.skipUnless(noServers);

const password = 'a passphrase of some length';

many.before(async (context) => {
  const deployment = await startDeployment();
  const start = (role: string) => deployment.start({ KEYLEDGER_ROLE: role });
  const [a, b, worker] = await Promise.all([start('api'), start('api'), start('worker')]);
  const { email } = administrator;
  const [atA, atB] = [await signIn(a, email, administrator.password), await signIn(b, email, administrator.password)];
  Object.assign(context, { deployment, a, b, worker, atA, atB });
});

many.after(async ({ deployment, a, b, worker }) => {
  for (const server of [a, b, worker]) {
    const { code, stderr } = await server.stop();
    assert.is(code, 0, stderr);
  }
  await deployment.stop();
});

const policy = async ({ atA }: Context, fields: object) =>
  expectStatus(await atA.put('/v1/admin/policy', { preset: 'idmp', uniqueNames: false, ...fields }), 200);

let people = 0;

/** Signed in at A, with one set of cookies for both. */
const person = async ({ a, b, atA }: Context, roles: readonly string[] = ['member']) => {
  people += 1;
  const email = `person.${people}@example.com`;
  const { id } = expectStatus(await atA.post('/v1/admin/users', { email, password, roles }), 201).body;
  const target = { url: a.url };
  const client = await signIn(target, email, password);
  const at = (server: Server): Client => {
    target.url = server.url;
    return client;
  };
  return { id: id as string, email, atA: () => at(a), atB: () => at(b) };
};

/** What each answer was, and how often. */
const tally = (answers: readonly Response[]): { [answer: string]: number } => {
  const counts: { [answer: string]: number } = {};
  for (const { status, body } of answers) {
    const answer = status < 300 ? String(status) : `${status} ${body.code}`;
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
};

const positionOf = ({ headers }: Response) => ({ 'keyledger-min-position': headers.get('keyledger-position')! });

/** Half of them at A, half at B, all at once. */
const fifty = (someone: Awaited<ReturnType<typeof person>>, call: (client: Client) => Promise<Response>) =>
  Promise.all(Array.from({ length: 50 }, (_, index) => call(index % 2 === 0 ? someone.atA() : someone.atB())));

many('50 equal commands at once with one Idempotency-Key make one key', async (context) => {
  await policy(context, {});
  const someone = await person(context);
  const body = { name: 'ci' };
  const answers = await fifty(someone, (client) => client.post('/v1/api-keys', body, { 'idempotency-key': 'once' }));
  assert.equal(tally(answers), { 201: 50 });
  assert.is(new Set(answers.map(({ body: { id, key } }) => `${id} ${key}`)).size, 1);
  assert.is(new Set(answers.map(({ by }) => by)).size, 2, 'both have answered');
  // Even the first may have found that the other process had carried out its command.
  assert.ok(answers.filter(({ headers }) => headers.get('idempotency-replayed') !== 'true').length <= 1);
  const other = await someone.atB().post('/v1/api-keys', { name: 'other' }, { 'idempotency-key': 'once' });
  assert.equal(tally([other]), { '422 idempotency-key-reused': 1 });
});

many('50 equal names at once under unique names: one', async (context) => {
  await policy(context, { uniqueNames: true });
  const someone = await person(context);
  const answers = await fifty(someone, (client) => client.post('/v1/api-keys', { name: 'ci' }));
  assert.equal(tally(answers), { 201: 1, '409 api-key-name-taken': 49 });
});

many('50 changes of one key with one ETag: one', async (context) => {
  await policy(context, { nameEditable: true });
  const someone = await person(context);
  const made = expectStatus(await someone.atA().post('/v1/api-keys', { name: 'before' }), 201);
  const etag = { 'if-match': made.headers.get('etag')! };
  let count = 0;
  const path = `/v1/api-keys/${made.body.id}`;
  const answers = await fifty(someone, (client) => client.patch(path, { name: `after ${count++}` }, etag));
  assert.equal(tally(answers), { 200: 1, '412 revision-mismatch': 49 });
});

many('one address, two processes: one user', async ({ atA, atB }) => {
  const register = (client: Client) =>
    client.post('/v1/admin/users', { email: 'grace@example.com', password, roles: ['member'] });
  const answers = await Promise.all([atA, atB, atA, atB, atA, atB].map(register));
  assert.equal(tally(answers), { 201: 1, '409 email-taken': 5 });
});

many('sessions ended at A are refused at B', async (context) => {
  const someone = await person(context);
  const elsewhere = await signIn(context.b, someone.email, password);
  expectStatus(await elsewhere.get('/v1/me'), 200);
  const ended = expectStatus(await someone.atA().post('/v1/sessions/end-all'), 204);
  assert.is((await elsewhere.get('/v1/me', positionOf(ended))).status, 401);
  assert.is((await someone.atA().get('/v1/me')).status, 401);

  const again = await signIn(context.b, someone.email, password);
  const { items } = expectStatus(await again.get('/v1/sessions'), 200).body;
  assert.is(items.length, 1);
  expectStatus(await again.post(`/v1/sessions/${items[0].id}/end`), 204);
  assert.is((await again.get('/v1/me')).status, 401);
});

many('a password changed at A: the other session falls at B, the own one goes on there', async (context) => {
  const someone = await person(context);
  const elsewhere = await signIn(context.b, someone.email, password);
  let currentPassword = password;
  for (let round = 0; round < 3; round += 1) {
    const newPassword = `another passphrase, the ${round}th`;
    const change = { currentPassword, newPassword, confirmPassword: newPassword };
    const changed = expectStatus(await someone.atA().post('/v1/profile/password', change), 204);
    // At once, and without saying what it should have read.
    expectStatus(await someone.atB().get('/v1/me'), 200);
    if (round === 0) assert.is((await elsewhere.get('/v1/me', positionOf(changed))).status, 401);
    currentPassword = newPassword;
  }
  const old = await clientOf(context.b).post('/v1/session', { email: someone.email, password });
  assert.is(old.status, 401);
  await signIn(context.b, someone.email, currentPassword);
});

many('who was erased at A is forgotten at B', async (context) => {
  await policy(context, {});
  const { atA, atB } = context;
  const someone = await person(context);
  expectStatus(await someone.atB().patch('/v1/profile', { fullName: 'Ada Lovelace' }), 200);
  const { id: keyId } = expectStatus(await someone.atB().post('/v1/api-keys', { name: 'the engine' }), 201).body;
  const path = `/v1/admin/users/${someone.id}`;
  assert.is(expectStatus(await atB.get(path), 200).body.fullName, 'Ada Lovelace');
  const nameAtB = async () => expectStatus(await atB.get(`/v1/admin/api-keys/${keyId}`), 200).body.name;
  assert.is(await nameAtB(), 'the engine');

  const erased = expectStatus(await atA.post(`${path}/erase`), 200);
  assert.is((await someone.atB().get('/v1/me', positionOf(erased))).status, 401);
  await eventually(async () => {
    const { body } = expectStatus(await atB.get(path), 200);
    return body.fullName === null && body.email === null && (await nameAtB()) === null;
  }, 'nothing of them is left at B');
});

many('policy and roles changed at A are obeyed at B', async (context) => {
  await policy(context, {});
  const { atA, b } = context;
  const someone = await person(context);
  const { id, key } = expectStatus(await someone.atA().post('/v1/api-keys', { name: 'ci' }), 201).body;
  const wanted = { name: 'gate', permissions: ['verify'] };
  const { token } = expectStatus(await atA.post('/v1/admin/service-tokens', wanted), 201).body;
  const service = clientOf(b, { authorization: `Bearer ${token}` });
  const codeAtB = async (after: Response) => {
    const minPosition = after.headers.get('keyledger-position');
    await eventually(async () => (await service.post('/v1/verify', { key, minPosition })).status !== 401);
    return expectStatus(await service.post('/v1/verify', { key, minPosition }), 200).body.code;
  };
  const off = await policy(context, { enabled: false });
  assert.equal(tally([await someone.atB().post('/v1/api-keys', { name: 'no' })]), { '403 api-keys-disabled': 1 });
  assert.is(await codeAtB(off), 'api-keys-disabled');
  const on = await policy(context, {});
  assert.is(await codeAtB(on), 'valid');
  expectStatus(await someone.atB().delete(`/v1/api-keys/${id}`), 204);

  const role = await atA.put('/v1/admin/roles/reader', { permissions: ['users:read'], scopes: [] });
  expectStatus(role, role.status);
  assert.ok(role.status < 300);
  const given = expectStatus(await atA.patch(`/v1/admin/users/${someone.id}`, { roles: ['member', 'reader'] }), 200);
  await eventually(async () => (await someone.atB().get('/v1/admin/users', positionOf(given))).status === 200);
  const narrowed = await atA.put('/v1/admin/roles/reader', { permissions: [], scopes: [] });
  assert.ok(narrowed.status < 300);
  assert.is((await someone.atB().get('/v1/admin/users', positionOf(narrowed))).status, 403);
});

many('attempts to sign in are counted over both', async (context) => {
  const someone = await person(context);
  const bad = { email: someone.email, password: 'not the passphrase' };
  const answers: Response[] = [];
  for (let tries = 0; tries < 6; tries += 1)
    answers.push(...(await Promise.all([context.a, context.b].map((at) => clientOf(at).post('/v1/session', bad)))));
  const counts = tally(answers);
  // Ten are free; the wait that follows is a second at first, which a slow machine may need for the next try.
  assert.ok(counts['401 invalid-credentials']! >= 10, JSON.stringify(counts));
  assert.ok(counts['429 too-many-requests']! >= 1, JSON.stringify(counts));
});

many('a list at A waits for what A wrote, though another process fills it', async (context) => {
  const { atA, atB } = context;
  for (let round = 0; round < 5; round += 1) {
    const email = `listed.${round}@example.com`;
    const made = expectStatus(await atA.post('/v1/admin/users', { email, password, roles: ['member'] }), 201);
    const { body } = expectStatus(await atA.get(`/v1/admin/users?q=${email}`), 200);
    const has = body.items.some((user: { email: string }) => user.email === email);
    // On a machine that has much else to do, it says how far it is.
    assert.ok(has || body.asOf.position < made.headers.get('keyledger-position')!, JSON.stringify(body));
    await eventually(async () => (await atB.get(`/v1/admin/users?q=${email}`, positionOf(made))).status === 200);
    const found = expectStatus(await atB.get(`/v1/admin/users?q=${email}`, positionOf(made)), 200).body.items;
    assert.is(found.length, 1);
  }
});

type Parked = { readonly stream: string };

many('an operator at A lets a stream go that the worker has parked, and rebuilds what it fills', async (context) => {
  await policy(context, { nameEditable: true });
  const { deployment, atA, atB } = context;
  const someone = await person(context);
  const made = expectStatus(await someone.atA().post('/v1/api-keys', { name: 'ci' }), 201).body;
  const stream = `keyring-${someone.id}`;
  const listed = async (name: string) => {
    const { items } = expectStatus(await atB.get('/v1/admin/lists'), 200).body;
    return items.find((list: { name: string }) => list.name === name);
  };
  const isParked = async () =>
    (await listed('apiKeys')).parked.some((parked: Parked) => parked.stream === stream) as boolean;
  // A name that is no text: the list's store refuses it, and only in that list.
  const data = { keyId: made.id, name: { not: 'a text' }, description: null };
  await appendForeign(deployment.settings, { stream, type: 'ApiKeyRenamed', data });
  await eventually(isParked, 'it is parked');

  const call = (verb: string) => atA.post(`/v1/admin/lists/apiKeys/${verb}`, { stream });
  assert.is(expectStatus(await call('retry'), 200).body.resumed, false);
  // What A remembers of the list grows old.
  await person(context);
  assert.is(await isParked(), true);
  assert.is(expectStatus(await call('retry'), 200).body.resumed, false);
  assert.is(expectStatus(await call('skip'), 200).body.resumed, true);
  assert.is(await isParked(), false);
  const renamed = expectStatus(await someone.atB().patch(`/v1/api-keys/${made.id}`, { name: 'build' }), 200);
  await eventually(async () => {
    const { status, body } = await atA.get(`/v1/admin/api-keys?owner=${someone.id}`, positionOf(renamed));
    return status === 200 && body.items[0].name === 'build';
  }, 'what came after it is applied');
  assert.is(await isParked(), false);

  const before = await listed('users');
  const begun = expectStatus(await atA.post('/v1/admin/lists/users/rebuild'), 202).body;
  assert.ok(begun.rebuild !== null || begun.position >= before.position, JSON.stringify(begun));
  await eventually(async () => (await listed('users')).rebuild === null, 'the worker has filled it');
});

many('two administrators deactivate each other at once, each at another process: one stays', async (context) => {
  const { id: own } = expectStatus(await context.atA.get('/v1/me'), 200).body;
  const [ada, bob] = [await person(context, ['admin']), await person(context, ['admin'])];
  expectStatus(await ada.atA().post(`/v1/admin/users/${own}/deactivate`), 200);
  const [one, two] = await Promise.all([
    ada.atA().post(`/v1/admin/users/${bob.id}/deactivate`),
    bob.atB().post(`/v1/admin/users/${ada.id}/deactivate`),
  ]);
  const winner = one.status === 200 ? ada : bob;
  const refused = one.status === 200 ? two : one;
  assert.equal([one, two].filter(({ status }) => status === 200).length, 1, JSON.stringify(tally([one, two])));
  assert.ok([401, 403, 409].includes(refused.status), JSON.stringify(refused.body));
  expectStatus(await winner.atB().get('/v1/admin/users'), 200);
});

many('the command line works beside them', async ({ deployment, a }) => {
  const settings = { ...deployment.settings, KEYLEDGER_DATA: `${a.data}-of-an-operator` };
  const rebuilt = await keyledger(['lists', 'rebuild', 'apiKeys'], settings);
  assert.equal([rebuilt.code, rebuilt.stdout], [0, 'The lists are filled anew.\n'], rebuilt.stderr);
  const { code, stdout, stderr } = await keyledger(['lists', 'verify', 'users', 'auditEvents'], settings);
  assert.equal([code, stdout], [0, 'The lists equal a replay of the log.\n'], stderr);

  const recovered = await keyledger(['admin', 'recover', '--email', administrator.email], settings);
  assert.is(recovered.code, 0, recovered.stderr);
  const file = /stands in (.*)\n/.exec(recovered.stdout)![1]!;
  const client = await signIn(a, administrator.email, readFileSync(file, 'utf8').trim());
  expectStatus(await client.get('/v1/admin/users'), 200);
});

many.run();
