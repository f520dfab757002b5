import * as assert from 'uvu/assert';
import {
  type Client,
  expectStatus,
  firstAdministrator,
  type Response,
  serviceWith,
  signIn,
} from '../support/client.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

type Context = { server: Server; admin: Client; service: Client };

const crowd = suite<Context>('many at once');

const password = 'a passphrase of some length';

crowd.before(async (context) => {
  context.server = await startServer();
  context.admin = await firstAdministrator(context.server);
  context.service = await serviceWith(context.server, context.admin, ['verify']);
});

crowd.after(async ({ server }) => {
  const { code, stderr } = await server.stop();
  assert.is(code, 0, stderr);
});

const policy = async ({ admin }: Context, fields: object) =>
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'idmp', uniqueNames: false, ...fields }), 200);

const person = async ({ server, admin }: Context, name: string) => {
  const email = `${name}@example.com`;
  const { id } = expectStatus(await admin.post('/v1/admin/users', { email, password, roles: ['member'] }), 201).body;
  return { id: id as string, client: await signIn(server, email, password) };
};

/** What each answer was, and how often: `{ '201': 29, '409 api-key-name-taken': 1 }`. */
const tally = (answers: readonly Response[]): { [answer: string]: number } => {
  const counts: { [answer: string]: number } = {};
  for (const { status, body } of answers) {
    const answer = status < 300 ? String(status) : `${status} ${body.code}`;
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
};

const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

const allKeys = async (client: Client) => {
  const found: { id: string; name: string }[] = [];
  for (let cursor = ''; ; ) {
    const { body } = expectStatus(await client.get(`/v1/api-keys?limit=200${cursor}`), 200);
    found.push(...body.items);
    if (body.nextCursor === null) return found;
    cursor = `&cursor=${body.nextCursor}`;
  }
};

crowd('32 clients make 1,020 keys for one user: the limit holds to the last one', async (context) => {
  await policy(context, { maxKeysPerUser: 1000 });
  const { client } = await person(context, 'limit');
  let next = 0;
  const answers: Response[] = [];
  await times(32, async () => {
    while (next < 1020) {
      const name = `key ${next}`;
      next += 1;
      answers.push(await client.post('/v1/api-keys', { name }));
    }
  });
  assert.equal(tally(answers), { 201: 1000, '409 api-key-limit-reached': 20 });
  const refused = answers.find(({ status }) => status === 409);
  assert.equal(refused?.body.params, { limit: 1000 });
  const made = answers.filter(({ status }) => status === 201);
  assert.is(new Set(made.map(({ body }) => body.key)).size, 1000);
  const listed = await allKeys(client);
  assert.equal(new Set(listed.map(({ id }) => id)), new Set(made.map(({ body }) => body.id)));
  assert.is(listed.length, 1000);

  expectStatus(await client.delete(`/v1/api-keys/${listed[0]?.id}`), 204);
  const freed = await times(5, (index) => client.post('/v1/api-keys', { name: `late ${index}` }));
  assert.equal(tally(freed), { 201: 1, '409 api-key-limit-reached': 4 });
});

crowd('30 equal names under unique names: one', async (context) => {
  await policy(context, { uniqueNames: true });
  const { client } = await person(context, 'names');
  const answers = await times(30, () => client.post('/v1/api-keys', { name: 'ci' }));
  assert.equal(tally(answers), { 201: 1, '409 api-key-name-taken': 29 });
  assert.equal(
    (await allKeys(client)).map(({ name }) => name),
    ['ci'],
  );
});

crowd('20 changes of one key with one ETag: one', async (context) => {
  await policy(context, { nameEditable: true });
  const { client } = await person(context, 'etag');
  const made = expectStatus(await client.post('/v1/api-keys', { name: 'before' }), 201);
  const etag = made.headers.get('etag') ?? '';
  const path = `/v1/api-keys/${made.body.id}`;
  const answers = await times(20, (index) => client.patch(path, { name: `after ${index}` }, { 'if-match': etag }));
  assert.equal(tally(answers), { 200: 1, '412 revision-mismatch': 19 });
  const won = answers.find(({ status }) => status === 200)!;
  const now = expectStatus(await client.get(path), 200);
  assert.is(now.body.name, won.body.name);
  assert.is(now.headers.get('etag'), won.headers.get('etag'));

  // Another key of the same user moves nothing of this one.
  expectStatus(await client.post('/v1/api-keys', { name: 'other' }), 201);
  const current = now.headers.get('etag') ?? '';
  expectStatus(await client.patch(path, { name: 'again' }, { 'if-match': current }), 200);
});

crowd('12 users with one address in different cases: one', async (context) => {
  const { admin, server } = context;
  const spellings = Array.from({ length: 12 }, (_, index) =>
    [...'grace@example.com'].map((letter, at) => ((index >> (at % 4)) & 1 ? letter.toUpperCase() : letter)).join(''),
  );
  const answers = await Promise.all(
    spellings.map((email) => admin.post('/v1/admin/users', { email, password, roles: ['member'] })),
  );
  assert.equal(tally(answers), { 201: 1, '409 email-taken': 11 });
  const winner = answers.find(({ status }) => status === 201)!;
  const listed = expectStatus(await admin.get('/v1/admin/users?q=grace'), 200).body.items;
  assert.equal(
    listed.map(({ id }: { id: string }) => id),
    [winner.body.id],
  );
  await signIn(server, 'GRACE@EXAMPLE.COM', password);
});

const once = (key: string) => ({ 'idempotency-key': key });
const replayed = ({ headers }: Response) => headers.get('idempotency-replayed');

crowd('one Idempotency-Key makes one key, however often and at the same time', async (context) => {
  await policy(context, {});
  const { client } = await person(context, 'repeat');
  const first = expectStatus(await client.post('/v1/api-keys', { name: 'ci' }, once('a')), 201);
  assert.is(replayed(first), null);
  const again = expectStatus(await client.post('/v1/api-keys', { name: 'ci' }, once('a')), 201);
  assert.is(replayed(again), 'true');
  assert.is(again.body.id, first.body.id);
  assert.is(again.body.key, first.body.key);
  assert.is(again.headers.get('etag'), first.headers.get('etag'));
  assert.is(again.headers.get('keyledger-position'), first.headers.get('keyledger-position'));

  const crowded = await times(10, () => client.post('/v1/api-keys', { name: 'many' }, once('b')));
  assert.equal(tally(crowded), { 201: 10 });
  assert.is(new Set(crowded.map(({ body }) => `${body.id} ${body.key}`)).size, 1);
  assert.is(crowded.filter((answer) => replayed(answer) === 'true').length, 9);
  assert.is((await allKeys(client)).length, 2);

  const other = await client.post('/v1/api-keys', { name: 'another' }, once('a'));
  assert.equal(tally([other]), { '422 idempotency-key-reused': 1 });
  const somebody = await person(context, 'stranger');
  const theirs = expectStatus(await somebody.client.post('/v1/api-keys', { name: 'ci' }, once('a')), 201);
  assert.is.not(theirs.body.id, first.body.id, 'a header of one person says nothing about another');
});

crowd('a repeat after the key has ended does not hand out its text', async (context) => {
  await policy(context, {});
  const { client } = await person(context, 'ended');
  const { id, key } = expectStatus(await client.post('/v1/api-keys', { name: 'ci' }, once('a')), 201).body;
  expectStatus(await client.delete(`/v1/api-keys/${id}`), 204);
  const repeat = await client.post('/v1/api-keys', { name: 'ci' }, once('a'));
  assert.equal(tally([repeat]), { '409 already-ended': 1 });
  assert.not.match(JSON.stringify(repeat.body), key);
});

crowd('a refusal is not kept: the same command may succeed later', async (context) => {
  await policy(context, { uniqueNames: true });
  const { client } = await person(context, 'later');
  const { id } = expectStatus(await client.post('/v1/api-keys', { name: 'ci' }), 201).body;
  const refused = await client.post('/v1/api-keys', { name: 'ci' }, once('a'));
  assert.equal(tally([refused]), { '409 api-key-name-taken': 1 });
  expectStatus(await client.delete(`/v1/api-keys/${id}`), 204);
  const made = expectStatus(await client.post('/v1/api-keys', { name: 'ci' }, once('a')), 201);
  assert.is(replayed(made), null);
});

crowd('one key per user, replaced by 16 creations at once: one works', async (context) => {
  const { admin, service } = context;
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'aip' }), 200);
  const { client } = await person(context, 'single');
  const answers = await times(16, (index) => client.post('/v1/api-keys', { name: `key ${index}` }));
  assert.equal(tally(answers), { 201: 16 });
  const codes = await Promise.all(
    answers.map(async ({ body }) => (await service.post('/v1/verify', { key: body.key })).body.code),
  );
  assert.equal(
    [...codes].sort(),
    Array.from({ length: 16 }, (_, index) => (index === 15 ? 'valid' : 'revoked')),
  );
});

crowd('two administrators deactivate each other at the same moment: one stays, twenty times', async (context) => {
  const { admin, server } = context;
  const own = expectStatus(await admin.get('/v1/me'), 200).body.id;
  const pair = async (name: string) => {
    const email = `${name}@example.com`;
    const made = await admin.post('/v1/admin/users', { email, password, roles: ['admin'] });
    const { id } = expectStatus(made, 201).body;
    return { id: id as string, email, client: await signIn(server, email, password) };
  };
  let [ada, bob] = [await pair('first'), await pair('second')];
  expectStatus(await ada.client.post(`/v1/admin/users/${own}/deactivate`), 200);
  for (let round = 0; round < 20; round += 1) {
    const [one, two] = await Promise.all([
      ada.client.post(`/v1/admin/users/${bob.id}/deactivate`),
      bob.client.post(`/v1/admin/users/${ada.id}/deactivate`),
    ]);
    const [winner, loser] = one.status === 200 ? [ada, bob] : [bob, ada];
    const refusal = one.status === 200 ? two : one;
    assert.equal(
      [one.status, two.status].filter((status) => status === 200).length,
      1,
      JSON.stringify(tally([one, two])),
    );
    // Who lost either came second to the last administrator, or was no administrator any more when they came.
    assert.ok(
      ['409 last-administrator', '401 unauthenticated', '403 forbidden'].includes(
        `${refusal.status} ${refusal.body.code}`,
      ),
      JSON.stringify(refusal.body),
    );
    assert.is((await loser.client.get('/v1/me')).status, 401, 'deactivated: their session fell with the answer');
    expectStatus(await winner.client.get('/v1/admin/users'), 200);

    expectStatus(await winner.client.post(`/v1/admin/users/${loser.id}/reactivate`), 200);
    assert.is((await loser.client.get('/v1/me')).status, 401, 'no session comes back');
    loser.client = await signIn(server, loser.email, password);
    assert.is((await loser.client.get('/v1/admin/users')).status, 403, 'nor does the role');
    expectStatus(await winner.client.patch(`/v1/admin/users/${loser.id}`, { roles: ['admin'] }), 200);
    expectStatus(await loser.client.get('/v1/admin/users'), 200);
    [ada, bob] = [loser, winner];
  }
  context.admin = ada.client;
});

crowd.run();
